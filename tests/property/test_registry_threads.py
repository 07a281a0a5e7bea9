"""The first use of a registry: from several threads, and again after it was broken off."""

import subprocess
import sys
import threading
import time

import pytest

from convbench.core.errors import DuplicateNameError
from convbench.core.registry import Registry

THREADS = 8


def test_others_wait_until_everything_is_there():
    def load():
        time.sleep(0.05)
        things.register("late")(1)

    things = Registry("thing", load)
    found, start = [], threading.Barrier(THREADS)

    def look():
        start.wait()
        found.append(things["late"])

    threads = [threading.Thread(target=look) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * THREADS


def test_what_is_loaded_may_look():
    seen = []

    def load():
        things.register("first")(1)
        seen.extend(things)
        things.register("second")(2)

    things = Registry("thing", load)
    assert list(things) == ["first", "second"]
    assert seen == ["first"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ImportError, MemoryError])
def test_a_load_that_was_broken_off_is_begun_again(error):
    fails = [True]

    def load():
        @things.register("one")
        class One:
            pass

        if fails:
            fails.clear()
            raise error
        things.register("two")(2)

    things = Registry("thing", load)
    with pytest.raises(error):
        list(things)
    assert list(things) == ["one", "two"]


def test_two_of_one_name_are_still_an_error():
    def load():
        things.register("one")(1)
        things.register("one")("another")

    things = Registry("thing", load)
    with pytest.raises(DuplicateNameError):
        list(things)


CODE = """
import threading
from convbench import {first}
barrier, found = threading.Barrier({threads}), []
def use():
    barrier.wait()
    try:
        found.append({use})
    except Exception as error:
        found.append(error)
threads = [threading.Thread(target=use) for _ in range({threads})]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert all(item == found[0] and not isinstance(item, Exception) for item in found), found
"""
USES = {
    "ConvSpec, cost": "cost('standard', ConvSpec(in_channels=3, out_channels=4, input_size=(5, 5),"
    " kernel_size=3)).multiplications",
    "ConvSpec, build, count": "count(build('lite', spec := ConvSpec(in_channels=3, out_channels=4,"
    " input_size=(5, 5), kernel_size=3)), __import__('torch').zeros(spec.input_shape),"
    " counter='torch').macs",
}


@pytest.mark.parametrize("first", USES)
def test_first_use_by_eight_threads(first):
    code = CODE.format(first=first, use=USES[first], threads=THREADS)
    subprocess.run([sys.executable, "-c", code], check=True)


INTERRUPTED = """
import importlib
from convbench import ConvSpec, cost
real, calls = importlib.import_module, []
def broken(name, *rest):
    calls.append(name)
    if len(calls) == {turn}:
        raise KeyboardInterrupt
    return real(name, *rest)
importlib.import_module = broken
spec = ConvSpec(in_channels=3, out_channels=4, input_size=(5, 5), kernel_size=3)
try:
    cost("standard", spec)
except KeyboardInterrupt:
    pass
importlib.import_module = real
assert cost("standard", spec).multiplications == 972
"""


@pytest.mark.parametrize("turn", [1, 3, 7])
def test_ctrl_c_in_the_first_use(turn):
    subprocess.run([sys.executable, "-c", INTERRUPTED.format(turn=turn)], check=True)
