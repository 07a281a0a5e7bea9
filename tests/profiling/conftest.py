"""Networks of others to count: torchvision and timm, where they are installed."""

import gc
import importlib
import importlib.util

import pytest
import torch
from torch.overrides import TorchFunctionMode

from convbench.core.torchvision_import import declare_operators


def _imported(name):
    for needed in dict.fromkeys(("torchvision", name)):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: pip install --no-deps {needed}")
    declare_operators()
    importlib.import_module("torchvision")
    return importlib.import_module(name)


@pytest.fixture(scope="session")
def torchvision():
    return _imported("torchvision")


@pytest.fixture(scope="session")
def timm():
    return _imported("timm")


class Unheld(TorchFunctionMode):
    """Put weights on the meta device as layers make them, with torch.empty; all else is real."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


@pytest.fixture
def unheld():
    """Make networks within it: their weights take no memory and no time."""
    return Unheld


@pytest.fixture(autouse=True)
def one_thread():
    """The few networks that run for real are small: threads would only get in each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def thawed():
    """Let a count find what it looks for among all objects, as in a program that froze none."""
    gc.unfreeze()
    yield
    gc.freeze()
