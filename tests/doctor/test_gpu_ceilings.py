"""Ceilings of a GPU: sizes that saturate it, its L2 cache and its memory apart; all scripted."""

from __future__ import annotations

from itertools import chain, repeat
from types import SimpleNamespace

import pytest
import torch
from torch.overrides import TorchFunctionMode

from convbench.clock import cuda
from convbench.clock.stopwatch import Reading
from convbench.core import text as show
from convbench.machine import ceilings, device
from convbench.machine.ceilings import MEMORY, Ceiling, measure_ceiling, peaks
from convbench.machine.levels import STREAMS, Level, gpu_levels
from convbench.machine.shapes import FAMILIES, Shape
from convbench.machine.trials import Trial
from convbench.ui.terminal.probe import _rows

SIZES = [Shape(1, 0, size) for size in (1024, 2048, 4096, 8192)]
L2 = 50 * 2**20


def rates_of(script):
    """Return the sizes that were tried, with what a script says of each."""
    tried = []

    def rate(shape):
        tried.append(shape.size)
        found = script[shape.size]
        if isinstance(found, Exception):
            raise found
        return found

    return tried, rate


@pytest.mark.parametrize(
    ("script", "sizes"),
    [
        ({1024: 1e14, 2048: 2e14, 4096: 3e14, 8192: 3.5e14}, [1024, 2048, 4096, 8192]),
        ({1024: 1e14, 2048: 2e14, 4096: 2.03e14}, [1024, 2048, 4096]),  # 1.5 % more: saturated
        ({1024: 1e14, 2048: 2e14, 4096: torch.OutOfMemoryError("full")}, [1024, 2048, 4096]),
        ({1024: 1e9, 2048: 1.1e9}, [1024]),  # the next one would take 8.6 s
    ],
)
def test_sizes_grow_until_they_saturate_the_device(script, sizes):
    tried, rate = rates_of(script)
    found = peaks([SIZES], rate)
    known = {size for size, said in script.items() if isinstance(said, float)}
    assert tried == sizes
    assert max(found.values()) == max(script[size] for size in sizes if size in known)


def test_where_nothing_fits_into_memory_there_is_no_ceiling():
    _, rate = rates_of({1024: torch.OutOfMemoryError("full")})
    with pytest.raises(RuntimeError, match="full"):
        peaks([SIZES, SIZES], rate)
    with pytest.raises(RuntimeError, match="too little free memory"):
        peaks([[], []], rate)


def bandwidth(l2_rate, memory_rate, call=3e-6, most=None):
    """Return a device: each stream takes a call, and its bytes at a rate by what holds them."""

    def seconds(name, moved):
        if most is not None and moved > most:
            raise torch.OutOfMemoryError("full")
        share = {"copy": 0.9, "sum of two arrays": 0.95, "sum of one array": 1.0}[name]
        rate = l2_rate if moved <= L2 else memory_rate
        return call + moved / (share * rate)

    return seconds


def test_the_cache_and_the_memory_of_a_gpu_are_told_apart():
    cache, memory = gpu_levels(L2, bandwidth(8e12, 3e12))
    assert (cache.name, cache.size, cache.of) == ("L2", L2, "sum of one array")
    assert cache.bytes_per_second == pytest.approx(8e12), "the call itself does not count"
    assert (memory.name, memory.size, memory.of) == (MEMORY, None, "sum of one array")
    assert memory.bytes_per_second == pytest.approx(3e12, rel=0.02)


def test_memory_is_read_through_far_more_than_the_cache_holds():
    asked = []
    seconds = bandwidth(8e12, 3e12)
    gpu_levels(L2, lambda name, moved: asked.append(moved) or seconds(name, moved))
    assert min(moved for moved in asked if moved > L2) >= 32 * L2
    asked.clear()
    gpu_levels(None, lambda name, moved: asked.append(moved) or 2e-3 + moved / 3e12)
    assert sorted(set(asked)) == [2**30, 2**31, 2**32, 2**33], "larger ones are faster here"


def test_a_cache_of_unknown_size_has_no_level_and_a_small_memory_is_enough():
    (memory,) = gpu_levels(None, bandwidth(8e12, 3e12, most=2**30))
    assert memory.name == MEMORY
    with pytest.raises(RuntimeError, match="full"):
        gpu_levels(None, bandwidth(8e12, 3e12, most=2**20))


class OnHost(TorchFunctionMode):
    """Have what asks for a CUDA device work on the host."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = {k: "cpu" if k == "device" else v for k, v in (kwargs or {}).items()}
        return func(*("cpu" if str(a).startswith("cuda") else a for a in args), **kwargs)


class Script:
    """A clock of a device: a call takes so many seconds, whatever it does."""

    name = "script"

    def __init__(self, seconds):
        self.seconds, self.calls, self.released = seconds, [], 0

    def time(self, work, calls):
        work()
        self.calls.append(calls)
        return Reading(
            seconds=self.seconds * calls, cpu_seconds=0, page_faults=0, involuntary_switches=0,
            sm_clock_mhz=1755,
        )  # fmt: skip

    def release(self):
        self.released += 1


@pytest.fixture
def gpu(monkeypatch):
    """Return the clocks of a GPU that computes on the host, with small shapes and streams."""
    clocks = {"events": Script(9e-6), "kernel": Script(2e-6)}
    monkeypatch.setattr(cuda, "clocks_for", lambda _: clocks)
    monkeypatch.setattr(device, "free_bytes", lambda _: 2**30)
    monkeypatch.setitem(FAMILIES, "cuda", ((Shape(1, 0, 16), Shape(1, 0, 2**20)),))
    monkeypatch.setattr("convbench.machine.levels._LEAST_MOVED", 2**12)
    monkeypatch.setattr("convbench.machine.levels._MOST_MOVED", 2**13)
    monkeypatch.setattr("convbench.machine.levels._TIMES_L2", 2)
    properties = SimpleNamespace(L2_cache_size=2**10)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    return clocks


@pytest.mark.parametrize("dtype", ["float32", "tf32", "bfloat16", "float16"])
def test_rates_are_of_kernels_and_calls_are_of_the_host(gpu, dtype):
    with OnHost():
        found = measure_ceiling("cuda:0", dtype, 1, 1e-4)
    assert found.dtype == dtype
    assert found.multiplications_per_second == pytest.approx(16**3 / 2e-6), "2**20 did not fit"
    assert found.peak_of == "product of two 16×16 matrices"
    assert found.sm_clock_mhz == 1755
    assert [level.name for level in found.levels] == [MEMORY], "equal times tell of no cache"
    assert found.bytes_per_second == pytest.approx(2**13 / 2e-6)
    assert (found.convolution_seconds, found.operator_seconds) == (9e-6, 9e-6)
    assert max(gpu["kernel"].calls) == 100, "as many together as keep the device busy"
    assert gpu["kernel"].released > 0, "graphs are forgotten"
    assert Ceiling.from_json(found.to_json()) == found


def test_a_trial_remembers_the_clock_of_its_best():
    script = chain([(3e-3, 1200), (2e-3, 1980), (4e-3, 900)], repeat((5e-3, 100)))

    class Slowing:
        name = "slowing"

        def time(self, work, calls):
            seconds, clock = next(script)
            return Reading(seconds=seconds, cpu_seconds=0, page_faults=0, involuntary_switches=0,
                           sm_clock_mhz=clock)  # fmt: skip

    trial = Trial(Slowing(), 4e-3)
    assert trial.best(lambda: None) == 2e-3
    assert trial.sm_clock_mhz == 1980


def test_a_page_of_a_gpu_says_flops_the_clock_and_how_memory_was_read():
    levels = (Level(name=MEMORY, size=None, bytes_per_second=3.3e12, of="sum of one array"),)
    found = Ceiling(
        device="cuda:0", dtype="bfloat16", threads=1, multiplications_per_second=3.5e14,
        bytes_per_second=3.3e12, peak_of="a product", levels=levels, sm_clock_mhz=1755,
    )  # fmt: skip
    rows = {row[0]: row[1:] for row in _rows(found)}
    assert rows["multiplications"] == ("350.0 TMAC/s", "a product, at 1,755 MHz")
    assert rows["the same"] == ("700 TFLOP/s", "2 FLOP for each MAC")
    assert rows[MEMORY] == ("3.30 TB/s", "a sum of one array larger than every cache")
    assert "the same" not in {row[0] for row in _rows(ceilings.replace(found, device="cpu"))}
    assert {*STREAMS} >= {levels[0].of}


def test_rates_are_shown_with_their_units():
    assert show.cell(6.7e13, "flops") == "67.0 TFLOP/s"
    assert show.cell(450.0, "flops") == "450 FLOP/s"
    assert show.cell(3.35e12, "rate") == "3.35 TB/s"
    assert show.cell(float("nan"), "rate") == show.cell(float("inf"), "flops") == "–"
