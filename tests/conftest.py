"""Plugins of pytest that tests need, which can only be named here, and what all folders share."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def auto_is_the_cpu(monkeypatch):
    """Let `--device auto` be the CPU, here and in what is started, on a machine with a GPU too."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    # another test may have started the GPU in this process, which then goes by that
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
