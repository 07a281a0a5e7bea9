"""Results made by hand, whose statistics can be read off."""

import pytest

from convbench.machine.resolution import Resolution, SizeResolution, Trial


def trial(low, high, value=None, rounds=40, settled=True):
    return Trial(
        value=(low * high) ** 0.5 if value is None else value,
        low=low, high=high, rounds=rounds, settled=settled,
    )  # fmt: skip


def size(trials, name="tiny", seconds=20e-6, **changes):
    options = {"what": "a call", "seconds_per_trial": 0.5, "page_faults_per_call": 0.0}
    return SizeResolution(
        name=name, seconds_per_call=seconds, trials=tuple(trials), **(options | changes)
    )


def resolution(*sizes, **changes):
    options = {
        "budget": 10.0, "seconds": 10.1, "threads": 1, "device": "cpu", "seed": 0,
        "allocator": "kept", "steal_share": 0.0,
    }  # fmt: skip
    return Resolution(sizes=sizes, **(options | changes))


@pytest.fixture
def quiet():
    """Return what a quiet machine finds: nothing where there is nothing."""
    trials = [trial(0.99, 1.01, 1.0)] * 10
    return resolution(size(trials), size(trials, "middle", 2e-3))
