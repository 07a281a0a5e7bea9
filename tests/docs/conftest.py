"""The documentation site, built once for all tests, however many processes run them."""

import fcntl
import os
import subprocess
import sys

import pytest
from conftest_root import ROOT


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Return the folder of a strict build, and what MkDocs said."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    site, log = shared / "site", shared / "site.log"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                # the theme's news about itself; it says nothing of these pages
                "NO_MKDOCS_2_WARNING": "1",
            }
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            log.write_text(f"{done.returncode}\n{done.stdout}{done.stderr}")
    return site, log.read_text()
