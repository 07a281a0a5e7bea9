"""What a model keeps, in itself and elsewhere, after a count: what it kept before."""

import argparse
import collections
import functools
import random
import threading
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from convbench.counting.engine import dispatch
from convbench.counting.engine.run import ProfileError, profile

pytestmark = pytest.mark.usefixtures("thawed")
X = (2, 8)
SEEN = []
TABLE = {}
MASK = None
OUT_OF_SIGHT = types.ModuleType("out_of_sight")
"""A module's attributes are not looked at: what is kept there is found by its not going away."""


class Slotted:
    __slots__ = ("held",)

    def __init__(self):
        self.held = 0


class Keeps(nn.Module):
    """A layer beside everything that a forward may change."""

    number = 0

    def __init__(self, change):
        super().__init__()
        self.change, self.layer, self.norm = change, nn.Linear(8, 8), nn.BatchNorm1d(8)
        self.plain = torch.zeros(1)
        self.large = torch.zeros(5000)
        self.namespace, self.slotted = argparse.Namespace(h=None), Slotted()
        self.cache = {"k": [], "deep": {"v": ([],)}}
        self.queue = collections.deque([1], maxlen=4)
        self.counts = collections.defaultdict(int)
        self.array = np.zeros(3)
        self.generator, self.drawn = torch.Generator(), np.random.default_rng(0)
        self.python = random.Random(0)
        self.closed = self._closure()

    def forward(self, x):
        y = self.layer(x)
        self.change(self, x, y)
        return y

    @staticmethod
    def _closure():
        held = []

        def keep(y):
            held.append(y)
            return len(held)

        keep.held = held
        return keep


def numpy_write(m):
    m.array += 1


def rebinding(m, x, y):
    global MASK  # noqa: PLW0603  what a model does
    MASK = y


def numpy_drawing():
    np.random.rand()  # noqa: NPY002  the global one, on purpose


def numpy_state():
    return np.random.get_state()[2]  # noqa: NPY002  as above


def gradient_in_forward(m, x, y):
    with torch.enable_grad():
        m.layer(x).sum().backward()


CHANGES = {
    # what a forward does -> what may be seen of it afterwards
    "an attribute of an object": (
        lambda m, x, y: setattr(m.namespace, "h", y), lambda m: m.namespace.h
    ),
    "a slot": (lambda m, x, y: setattr(m.slotted, "held", y), lambda m: m.slotted.held),
    "a list in a dict": (lambda m, x, y: m.cache["k"].append(y), lambda m: len(m.cache["k"])),
    "a list in a tuple in dicts": (
        lambda m, x, y: m.cache["deep"]["v"][0].append(y), lambda m: len(m.cache["deep"]["v"][0])
    ),
    "a deque": (lambda m, x, y: m.queue.append(y), lambda m: list(m.queue)),
    "a defaultdict": (lambda m, x, y: m.counts.__getitem__("seen"), lambda m: dict(m.counts)),
    "a plain tensor": (lambda m, x, y: m.plain.add_(1), lambda m: m.plain.tolist()),
    "a view of a plain tensor": (
        lambda m, x, y: m.plain[0:1].add_(1), lambda m: m.plain.tolist()
    ),
    "a large plain tensor": (lambda m, x, y: m.large.add_(1), lambda m: m.large.sum().item()),
    "an array": (lambda m, x, y: numpy_write(m), lambda m: m.array.tolist()),
    "an attribute of the class": (
        lambda m, x, y: setattr(Keeps, "number", 7), lambda m: Keeps.number
    ),
    "a closure": (lambda m, x, y: m.closed(y), lambda m: len(m.closed.held)),
    "a list of the module": (lambda m, x, y: SEEN.append(y), lambda m: len(SEEN)),
    "a dict of the module": (lambda m, x, y: TABLE.setdefault("y", y), lambda m: dict(TABLE)),
    "a global": (rebinding, lambda m: MASK),
    "requires_grad": (
        lambda m, x, y: m.layer.weight.requires_grad_(False), lambda m: m.layer.weight.requires_grad
    ),
    "a gradient": (gradient_in_forward, lambda m: m.layer.weight.grad),
    "Python's random numbers": (lambda m, x, y: random.random(), lambda m: random.getstate()),
    "a random generator": (lambda m, x, y: m.python.random(), lambda m: m.python.getstate()),
    "NumPy's random numbers": (lambda m, x, y: numpy_drawing(), lambda m: numpy_state()),
    "NumPy's generator": (
        lambda m, x, y: m.drawn.random(), lambda m: m.drawn.bit_generator.state["state"]["state"]
    ),
    "torch's generator": (
        lambda m, x, y: torch.rand(3, generator=m.generator),
        lambda m: m.generator.get_state().tolist()
    ),
    "the default type": (
        lambda m, x, y: torch.set_default_dtype(torch.float64), lambda m: torch.get_default_dtype()
    ),
    "a weight": (
        lambda m, x, y: m.layer.weight.data.zero_(), lambda m: m.layer.weight.sum().item()
    ),
}  # fmt: skip


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("real", [False, True], ids=["shapes", "real"])
@pytest.mark.parametrize("what", CHANGES)
def test_what_a_forward_changes_is_put_back(what, real, backward, monkeypatch):
    change, seen = CHANGES[what]
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # the tests' own are idle

    def does(m, x, y):
        if real:
            float(x.sum())
        change(m, x, y)

    module = Keeps(does)
    before = seen(module)
    found = profile(module, torch.randn(X), backward=backward)
    assert ("real" in found.how) is real
    assert found.total.multiplications >= 2 * 64
    assert seen(module) == before


@functools.lru_cache
def causal(n):
    return torch.tril(torch.ones(n, n))


class Attends(nn.Module):
    def __init__(self, table=causal):
        super().__init__()
        self.layer, self.table = nn.Linear(8, 8), table

    def forward(self, x):
        return self.table(x.shape[1]) @ self.layer(x)


N = 100
MACS = N * 64 + N * N * 8


def test_a_table_that_a_function_keeps_is_real():
    causal.cache_clear()
    module, x = Attends().eval(), torch.randn(1, N, 8)
    found = profile(module, x)
    assert (found.how, found.total.multiplications) == ("shapes", MACS)
    kept = causal(N)
    assert not kept.is_meta
    assert torch.equal(kept, torch.ones(N, N).tril())
    with torch.no_grad():
        assert torch.allclose(module(x), kept @ module.layer(x))


def test_one_too_large_to_compute_is_taken_back(monkeypatch):
    """It is counted for real then, and says so: the cache holds what a call leaves in it."""
    monkeypatch.setattr(dispatch, "LARGE", 5000)
    causal.cache_clear()
    module, x = Attends().eval(), torch.randn(1, N, 8)
    found = profile(module, x)
    assert found.total.multiplications == MACS
    assert "the cache of causal kept tensors of the count" in found.how
    assert torch.equal(causal(N), torch.ones(N, N).tril())


def test_a_table_filled_with_data_without_values_is_taken_back():
    """A real table that something without values was added to does not hold what it ought to."""
    table = functools.lru_cache(torch.zeros)

    class Fills(nn.Module):
        def forward(self, x):
            return table(4).add_(x.sum()) * x

    found = profile(Fills(), torch.ones(4))
    assert "kept tensors of the count" in found.how
    assert table(4).tolist() == [4.0] * 4  # as the one call for real leaves it


def test_what_cannot_be_taken_back_is_said():
    class Stores(nn.Module):
        def forward(self, x):
            OUT_OF_SIGHT.last = x * 2
            return x

    with pytest.raises(ProfileError, match=r"a global of out_of_sight.*no values.*clear them"):
        profile(Stores(), torch.ones(3))
    del OUT_OF_SIGHT.last


def test_a_list_out_of_sight_holds_what_a_call_leaves_in_it():
    OUT_OF_SIGHT.seen = []

    class Stores(nn.Module):
        def forward(self, x):
            OUT_OF_SIGHT.seen.append(x * 2)
            return x @ x

    found = profile(Stores(), torch.ones(3, 3))
    assert found.total.multiplications == 27
    assert "a list kept tensors" in found.how
    assert [x.is_meta for x in OUT_OF_SIGHT.seen] == [False]


def test_weights_that_autocast_keeps_are_not_ours():
    """Casts of weights are kept until the outermost autocast ends."""
    module, x = nn.Linear(8, 8), torch.randn(X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        profile(module, x)
        assert not module(x).is_meta


def test_a_hook_may_keep_what_it_sees():
    module, kept = nn.Sequential(nn.Linear(8, 8)), []
    module[0].register_forward_hook(lambda m, i, o: kept.append(o))
    assert profile(module, torch.randn(X)).how == "shapes"
    assert kept == []


def test_a_model_as_deep_as_python_lets_it_be():
    class Deep(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.inner = Deep(n - 1) if n else nn.Linear(8, 8)

        def forward(self, x):
            return self.inner(x)

    with warnings.catch_warnings():
        module = Deep(220)
        module(torch.randn(X))
    assert profile(module, torch.randn(X)).total.multiplications == 128
