"""pytest within pytest: the plugin as a user has it, with scripted times where they decide."""

import importlib.metadata
import os

import _pytest.pytester
import pytest
from conftest_root import ROOT
from plugin.plugin_script import Script


def loaded():
    """Return the options that load the plugin: none where it is installed, and loads itself."""
    # as pytest looks for them: in every distribution, also in one that hides another of its name
    here = {
        point.name
        for known in importlib.metadata.distributions()
        for point in known.entry_points
        if point.group == "pytest11"
    }
    if "convbench" in here and not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return ()
    return ("-p", "convbench.pytest_plugin")


@pytest.fixture(autouse=True)
def _remembered(monkeypatch):
    """Let pytester forget the inner tests alone: parts of torch and NumPy cannot come twice.

    Before `pytester`, which notes right away what is imported.
    """
    snapshot = _pytest.pytester.SysModulesSnapshot
    monkeypatch.setattr(
        "_pytest.pytester.SysModulesSnapshot",
        lambda **_: snapshot(preserve=lambda name: not name.startswith("test_")),
    )


@pytest.fixture
def run(pytester, monkeypatch):
    """Return a function that runs pytest in this process, on a file of tests, with options."""
    monkeypatch.setenv("COLUMNS", "200")
    # pytest-benchmark times nothing on a worker of xdist, which the outer session may be
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

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
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

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
