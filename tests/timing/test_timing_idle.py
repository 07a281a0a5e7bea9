"""Nothing ran, so there is no time: calls that only make something which would run."""

import asyncio
import functools
import itertools

import pytest
import torch

from convbench.clock.arguments import MeasureError, call_of
from convbench.clock.measuring import measure


def generating(n=3):
    yield from range(n)


async def awaiting(n=3):
    return await asyncio.sleep(0, n)


async def awaited_one_by_one(n=3):
    yield n


class Holder:
    def generating(self, n):
        yield n

    async def awaiting(self, n):
        return n

    @staticmethod
    def static(n):
        yield n


class Generates:
    def __call__(self, n):
        yield n


class Layer(torch.nn.Module):
    def forward(self, n):
        yield n


class Plain(torch.nn.Module):
    def forward(self, n):
        return n


IDLE = {
    "a generator function": (generating, 3),
    "a generator function alone": generating,
    "an async function": (awaiting, 3),
    "an async function alone": awaiting,
    "an async generator": (awaited_one_by_one, 3),
    "a partial of one": (functools.partial(generating, 3), ()),
    "a partial of a partial": functools.partial(functools.partial(awaiting, 3)),
    "map": functools.partial(map, abs, [1]),
    "filter": (filter, (None, [1])),
    "zip": (zip, ([1],)),
    "a chain": (itertools.chain, ([1],)),
    "a method": (Holder().generating, 3),
    "an async method": functools.partial(Holder().awaiting, 3),
    "a static method": (Holder.static, 3),
    "an object": (Generates(), 3),
    "a module": (Layer(), 3),
}


@pytest.mark.parametrize("case", IDLE)
def test_what_runs_nothing_is_refused(case):
    with pytest.raises(MeasureError, match="calling it runs nothing; give a function that"):
        call_of("a", IDLE[case])


RUNS = {
    "a function": lambda: None,
    "a list of a generator": (list, ([1],)),
    "a built-in": (sum, ([1],)),
    "a partial": functools.partial(sorted, [1]),
    "a module": (Plain(), 3),
    "a method": (Plain().forward, 3),
    "an operator": (torch.relu, torch.zeros(2)),
    "a bound method of a tensor": torch.zeros(2).relu,
}


@pytest.mark.parametrize("case", RUNS)
def test_what_runs_is_taken(case):
    function, inputs = call_of("a", RUNS[case])
    function(*inputs)


def wrapped(n):
    return generating(n)


def mapping(n):
    return map(abs, range(n))


def making(n):
    return awaiting(n)


@functools.lru_cache
def cached(n):
    return generating(n)


LAZY = {
    "a wrapper of a generator function": (wrapped, "goes through"),
    "a map": (mapping, "goes through"),
    "iter": (iter, "goes through"),
    "a cached generator function": (cached, "goes through"),
    "a wrapper of an async function": (making, "awaits"),
}


@pytest.mark.filterwarnings("ignore:coroutine")  # nobody awaits it, which is the point
def test_a_result_that_has_yet_to_run_has_no_time():
    calls = {name: (call, [1] if call is iter else 3) for name, (call, _) in LAZY.items()} | {
        "runs": (sorted, [3, 1])
    }
    found = measure(calls, budget=0.2)
    assert set(found.failures) == set(LAZY)
    for name, (_, remedy) in LAZY.items():
        assert "for which nothing has run yet" in found.failures[name]
        assert remedy in found.failures[name]
    assert found.samples["runs"]
