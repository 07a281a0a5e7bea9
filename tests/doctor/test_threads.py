"""The default number of threads: on scripted machines, and what is tried on this one."""

import os
import random
import signal
import subprocess
import sys
import time
from bisect import bisect
from types import SimpleNamespace

import pytest
from conftest_root import ROOT

from convbench.clock.conversation import ProcessDied
from convbench.clock.processes import fresh
from convbench.machine import threads
from convbench.machine.busy_process import Neighbour
from convbench.machine.device import resolve_threads
from convbench.machine.threads import (
    FEWEST_ROUNDS,
    SECONDS,
    Timed,
    candidates,
    default_threads,
    judge,
    timed,
)

CANDIDATES = [
    # (torch's number, quota in cores, numbers to try, what limits them)
    (2, "none", (2, 1), ""),
    (16, "unknown", (16, 8, 4, 2, 1), ""),
    (12, 12.5, (12, 6, 3, 1), ""),
    (1, "none", (1,), ""),
    (16, 4.0, (2, 1), "a quota allows 4 cores"),
    (2, 2.0, (1,), "a quota allows 2 cores"),
    (8, 0.5, (1,), "a quota allows 0.5 cores"),
]


@pytest.mark.parametrize(("most", "quota", "numbers", "limit"), CANDIDATES)
def test_candidates(most, quota, numbers, limit):
    assert candidates(most, quota) == (numbers, limit)


def found(**rows):
    """Return what was timed: seconds of a call alone, and of a call in each window beside."""
    return {
        int(name[1:]): Timed(alone=[[alone] * 20], beside=[[seconds] for seconds in beside])
        for name, (alone, *beside) in rows.items()
    }


JUDGED = [
    ("all cores stall", {"n2": (1, 3, 1.9, 2.1), "n1": (2, 4, 2.04, 2.2)}, 1,
     "beside one busy process a call lasts 2.1 times as long with 2 threads, and 1.1 times with 1"),
    ("all hold", {"n2": (1, 1.1, 1.1, 1.1), "n1": (2, 2, 2, 2)}, 2,
     "beside one busy process a call lasts 1.1 times as long with 2 threads"),
    ("the second best window counts", {"n2": (1, *[9] * 6, 1.2, 1.1), "n1": (2, 2)}, 2,
     "beside one busy process a call lasts 1.2 times as long with 2 threads"),
    ("one lucky window does not", {"n2": (1, *[9] * 7, 1.1), "n1": (2, 2)}, 1,
     "beside one busy process a call lasts 9.0 times as long with 2 threads, and 1.0 times with 1"),
    ("the largest that holds", {"n8": (1, 2), "n4": (2, 2.4), "n2": (4, 4), "n1": (8, 8)}, 4,
     "beside one busy process a call lasts 2.0 times as long with 8 threads, and 1.2 times with 4"),
    ("none holds", {"n2": (1, 250), "n1": (2, 3)}, 1,
     "beside one busy process a call lasts 250 times as long with 2 threads, and 1.5 times with 1"),
    ("stalled in every window", {"n2": (80, 100, 70), "n1": (1, 4, 5)}, 1,
     "a call lasts 80 times as long with 2 threads as with 1"),
    ("slower than fewer", {"n4": (1.3, 1.3), "n2": (1, 1), "n1": (1.2, 1.2)}, 2,
     "a call lasts 1.3 times as long with 4 threads as with 2"),
    ("hardly quicker", {"n4": (1, 1), "n2": (1.08, 1.08), "n1": (2, 2)}, 2,
     "a call lasts 0.9 times as long with 4 threads as with 2"),
    ("quicker", {"n4": (1, 1), "n2": (1.12, 1.12), "n1": (2, 2)}, 4,
     "beside one busy process a call lasts 1.0 times as long with 4 threads"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "number", "because"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED]
)
def test_judging(rows, number, because):
    assert judge(found(**rows)) == (number, because)


def test_a_stalled_call_counts_by_how_long_it_lasts():
    """One call in ten lasts fifteen times as long: the median says nothing of the time lost."""
    window = [1.0] * 9 + [15.0]
    told = {2: Timed(alone=[[1.0] * 10], beside=[window]), 1: Timed(alone=[[2.0]], beside=[[2.0]])}
    assert told[2].longer == 2.4
    assert judge(told).number == 1


class Machine:
    """Cores, a scripted clock, and neighbours that are busy a share of the time."""

    def __init__(self, cores, seed=0, shares=(), overhead=0.0):
        self.cores, self.overhead, self.now = cores, overhead, 0.0
        self.asked = []
        self.neighbours = [self.schedule(random.Random(f"{seed} {i}"), s)
                           for i, s in enumerate(shares)]  # fmt: skip

    def schedule(self, draw, share):
        """Return the ends of busy and of idle times, in turn."""
        ends, now = [], 0.0
        while now < 60:
            period = draw.uniform(0.02, 0.5)
            ends += [now + share * period, now + period]
            now += period
        return ends

    def busy(self):
        return sum(bisect(ends, self.now) % 2 == 0 for ends in self.neighbours)

    def window(self, number, *, beside):
        self.asked.append((number, beside))
        seconds, end = [], self.now + threads.WINDOW
        while self.now < end:
            call = 1e-3 * (1 / number + self.overhead * number)
            crowded = number + beside + self.busy() > self.cores
            seconds.append(call * (2 if crowded else 1))  # a core is shared, and all wait for it
            self.now += seconds[-1]
        return seconds

    def clock(self):
        return self.now

    def answer(self):
        numbers, _ = candidates(self.cores, "none")
        return judge(timed(numbers, self.window, self.clock)).number


@pytest.mark.parametrize(("cores", "number"), [(2, 1), (4, 2), (8, 4), (16, 8), (64, 32)])
@pytest.mark.parametrize("shares", [(), (0.7,), (0.7, 0.7)], ids=["quiet", "one", "two"])
def test_neighbours_do_not_change_the_answer(cores, number, shares):
    answers = {Machine(cores, seed, shares).answer() for seed in range(20)}
    assert answers == {number}


def test_a_machine_on_which_more_threads_are_slower():
    assert Machine(16, overhead=0.02).answer() == 8
    assert Machine(16, overhead=0.05).answer() == 4


def test_windows_take_turns_until_the_time_is_over():
    machine = Machine(2)
    told = timed((2, 1), machine.window, machine.clock)
    turns = [(2, False), (2, True), (1, False), (1, True)]
    assert machine.asked[:2] == [(2, False), (1, False)], "what is built at first"
    rounds = len(told[1].alone)
    assert machine.asked[2:] == turns * rounds
    assert SECONDS <= machine.now < SECONDS + 5 * threads.WINDOW
    assert {len(each.alone) for each in told.values()} == {rounds}
    assert {len(each.beside) for each in told.values()} == {rounds}


def test_a_slow_machine_makes_the_fewest_rounds():
    machine = Machine(2)

    def slow(number, *, beside):
        machine.now += 1.0
        return [1.0]

    assert len(timed((2, 1), slow, machine.clock)[2].alone) == FEWEST_ROUNDS


@pytest.fixture
def unset(monkeypatch):
    """Let nothing be known or told of threads, and torch take 8 of them on a machine of 8."""
    import torch

    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr("convbench.machine.probes.processor._quota", lambda read: "none")
    default_threads.cache_clear()
    yield monkeypatch
    default_threads.cache_clear()


def asking(answer):
    """Return what stands in for `ready`: a nursery that answers so."""
    return lambda: SimpleNamespace(ask=answer)


def never(*arguments):
    raise AssertionError(f"a process was started for {arguments}")


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
@pytest.mark.parametrize("value", ["8", " 8,2"])
def test_a_number_that_the_environment_sets_is_taken(unset, name, value):
    unset.setattr(threads, "ready", asking(never))
    unset.setenv(name, value)
    assert default_threads("cpu") == (8, f"{name} is set")


def test_a_gpu_does_not_ask_for_threads(unset):
    unset.setattr(threads, "ready", asking(never))
    number, because = default_threads("cuda:0")
    assert number == 1
    assert "GPU" in because
    assert resolve_threads((2, 1), "cuda:0").numbers == (2,), "the same case is timed once"
    assert resolve_threads((2, 1), "cpu").numbers == (2, 1)


def test_a_single_core_is_not_tried(unset):
    unset.setattr(threads, "ready", asking(never))
    unset.setattr("torch.get_num_threads", lambda: 1)
    assert default_threads("cpu") == (1, "torch takes no more")


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_what_sets_nothing_is_tried_once(unset, value):
    asked = []

    def tried(function, numbers):
        asked.append(numbers)
        machine = Machine(8)
        return timed(numbers, machine.window, machine.clock)

    unset.setattr(threads, "ready", asking(tried))
    unset.setenv("OMP_NUM_THREADS", value)
    assert default_threads("cpu").number == default_threads("cpu").number == 4
    assert asked == [(8, 4, 2, 1)]


def test_a_quota_is_told(unset):
    unset.setattr("convbench.machine.probes.processor._quota", lambda read: 4.0)
    unset.setattr(threads, "ready", asking(lambda _, numbers: found(n2=(1, 1), n1=(2, 2))))
    number, because = default_threads("cpu")
    assert number == 2
    assert because.startswith("a quota allows 4 cores; beside one busy process")


FAILED = [
    (ProcessDied("its process was killed"), "8 could not be tried: its process was killed"),
    (ProcessDied("no file /home/ann/x"), "8 could not be tried: ProcessDied"),
    (OSError(11, "Resource temporarily unavailable"),
     "8 could not be tried: Resource temporarily unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "because"), FAILED)
def test_where_it_cannot_be_tried_it_is_half(unset, error, because):
    def failing(*arguments):
        raise error

    unset.setattr(threads, "ready", asking(failing))
    assert default_threads("cpu") == (4, because)


def test_on_the_real_clock():
    told = fresh("convbench.machine.threads:errand", (2, 1))
    assert list(told) == [2, 1]
    for each in told.values():
        assert len(each.alone) == len(each.beside) >= FEWEST_ROUNDS
        assert all(seconds > 0 for window in each.alone + each.beside for seconds in window)
    assert judge(told).number in {1, 2}


def test_a_neighbour_is_busy_for_as_long_as_it_is_told():
    neighbour = Neighbour()
    try:
        begin = time.perf_counter()
        with neighbour.busy(0.2):
            pass
        assert time.perf_counter() - begin >= 0.2
    finally:
        neighbour.end()
    with pytest.raises(ValueError, match="closed"), neighbour.busy(1):
        pass


def test_a_neighbour_that_was_killed_is_an_error():
    neighbour = Neighbour()
    try:
        os.kill(neighbour.pid, signal.SIGTERM)
        with pytest.raises(RuntimeError, match="has ended"), neighbour.busy(1):
            pass
    finally:
        neighbour.end()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_a_neighbour_ends_with_its_process_however_that_ends():
    code = (
        "import sys\n"
        "from convbench.machine.busy_process import Neighbour\n"
        "neighbour = Neighbour()\n"
        "with neighbour.busy(0.2):\n"
        "    print(neighbour.pid, flush=True)\n"
        "    sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    neighbour = int(process.stdout.readline())
    process.kill()
    process.communicate()
    while alive(neighbour):
        time.sleep(0.02)


def alive(pid):
    done = subprocess.run(
        ["ps", "-p", str(pid), "-o", "stat="], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1] not in {"", "Z"}
