"""The documentation site, built once for all tests, however many processes run them."""

import os
import subprocess
import sys

import pytest
from conftest_root import ROOT


@pytest.fixture(scope="session")
def build(once):
    """Return the folder of a strict build, and what MkDocs said."""

    def make(folder):
        site = str(folder / "site")
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            # the theme's news about itself; it says nothing of these pages
            "NO_MKDOCS_2_WARNING": "1",
        }
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        (folder / "log").write_text(f"{done.returncode}\n{done.stdout}{done.stderr}")

    made = once("docs", make)
    return made / "site", (made / "log").read_text()
