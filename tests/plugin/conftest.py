"""pytest within pytest: the plugin as a user has it, with scripted times where they decide.

What is imported here is imported once: pytester forgets what an inner session imports, and compiled
packages do not come back from that.
"""

import importlib.metadata
import os

import numpy as np  # noqa: F401
import pandas as pd  # noqa: F401
import pytest
import scipy.special  # noqa: F401
import torch  # noqa: F401
from plugin.plugin_script import Script

import convbench.profiling.run
import convbench.pytest_plugin.session
import convbench.report.write
import convbench.runs.code
import convbench.runs.fingerprint
import convbench.runs.job
import convbench.testing  # noqa: F401


def loaded():
    """Return the options that load the plugin: none where it is installed, and loads itself."""
    here = {point.name for point in importlib.metadata.entry_points(group="pytest11")}
    if "convbench" in here and not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return ()
    return ("-p", "convbench.pytest_plugin")


@pytest.fixture
def run(pytester, monkeypatch):
    """Return a function that runs pytest in this process, on a file of tests, with options."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(text, *options, **files):
        pytester.makepyfile(test_it=text, **files)
        plain = () if "benchmark" in text else ("-p", "no:benchmark")
        return pytester.runpytest_inprocess(
            *loaded(), *plain, "-p", "no:xdist", "-p", "no:cacheprovider", "-rs", *options
        )

    return call


@pytest.fixture
def apart(pytester, monkeypatch):
    """Return a function that runs pytest in a process of its own."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(text, *options):
        pytester.makepyfile(test_it=text)
        return pytester.runpytest_subprocess(*loaded(), "-p", "no:cacheprovider", "-rs", *options)

    return call


@pytest.fixture
def script(monkeypatch):
    """Return a function that puts scripted times in place of the clock."""

    def put(times, **more):
        made = Script(times, **more)
        monkeypatch.setattr("convbench.testing.timed.measure", made)
        return made

    return put
