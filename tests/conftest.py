"""Plugins of pytest that tests need, and what all tests share, however many processes run them."""

import gc
import os
import shutil
from functools import cache

import pytest
from filelock import FileLock

pytest_plugins = ["pytester"]


gc.disable()  # until all tests are collected


def pytest_collection_finish():
    """Keep what was imported and collected out of each later look through all objects.

    There are a million of them, which live as long as the process: counts and samplers collect
    garbage, and Python itself does.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a function that has a folder made by the first process that asks for it.

    `once(name, make)` calls `make(folder)` with an empty folder and returns it. Where `make`
    raises, the next process that asks tries again. Tests only read such a folder.
    """
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent

    def made(name, make):
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture
def auto_is_the_cpu(monkeypatch):
    """Let `--device auto` be the CPU, here and in what is started, on a machine with a GPU too."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    # another test may have started the GPU in this process, which then goes by that
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.fixture(scope="session")
def _drawing():
    from convbench.report.figures import draw

    return cache(draw)


@pytest.fixture
def drawn_once(_drawing, monkeypatch):
    """Draw each figure once in a process: for tests that read a report, and not how it is drawn."""
    for module in ("figures", "formats.latex"):
        monkeypatch.setattr(f"convbench.report.{module}.draw", _drawing)
