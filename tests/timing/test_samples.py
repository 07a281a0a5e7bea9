"""Samples: what they refuse, what they derive, and that they survive a trip through JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.clock.samples import Samples
from convbench.core.serialization import needed


def fields(**changes: Any) -> dict[str, Any]:
    """Return fields of valid samples of three rounds, with changes."""
    return {
        "seconds": (3.0, 1.0, 2.5),
        "cpu_seconds": (3.0, 1.0, 2.0),
        "page_faults": (0, 7, 0),
        "involuntary_switches": (1, 0, 0),
        "block": 4,
        "first_call": 9.0,
        "warmup_calls": 12,
        "stopwatch": "scripted",
        "seed": 5,
        "threads": 2,
        "session": "s",
        "stop_reason": "3 rounds made, the most allowed",
    } | changes


durations = st.floats(min_value=0, max_value=1e9)
counts = st.integers(min_value=0, max_value=10**300)
texts = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]))


@st.composite
def any_samples(draw: st.DrawFn) -> Samples:
    """Draw samples of 1 to 6 rounds with arbitrary content."""
    rounds = draw(st.integers(1, 6))

    def each(entry: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(entry, min_size=rounds, max_size=rounds)))

    return Samples(
        seconds=each(durations),
        cpu_seconds=each(durations),
        page_faults=each(counts),
        involuntary_switches=each(counts),
        block=draw(st.integers(1, 10**300)),
        first_call=draw(durations),
        warmup_calls=draw(counts),
        stopwatch=draw(texts),
        seed=draw(st.integers(-(10**300), 10**300)),
        threads=draw(counts),
        session=draw(texts),
        stop_reason=draw(texts),
    )


@given(any_samples())
def test_json_gives_back_the_same_samples(samples: Samples) -> None:
    assert Samples.from_json(json.loads(json.dumps(samples.to_json()))) == samples


def test_json_has_every_field_and_nothing_derived() -> None:
    written = Samples(**fields()).to_json()
    assert set(written) == needed(Samples), "what a GPU alone tells is left out"
    assert written["seconds"] == [3.0, 1.0, 2.5]


def test_whole_seconds_written_by_another_tool_are_read_as_floats() -> None:
    data = Samples(**fields()).to_json() | {"seconds": [3, 1, 2], "first_call": 9}
    read = Samples.from_json(data)
    assert [type(value) for value in (*read.seconds, read.first_call)] == [float] * 4


def test_what_is_derived() -> None:
    samples = Samples(**fields(seconds=(3.0, 1.0, 2.5)))
    assert (samples.median, samples.minimum, samples.mad) == (2.5, 1.0, 0.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seconds": ()}, "seconds is empty"),
        ({"cpu_seconds": (1.0,)}, "cpu_seconds has 1 entries and seconds has 3"),
        ({"page_faults": (0,) * 4}, "page_faults has 4 entries and seconds has 3"),
        ({"involuntary_switches": (1,)}, "involuntary_switches has 1 entries and seconds has 3"),
        ({"seconds": (1.0, float("nan"), 1.0)}, "seconds holds nan"),
        ({"cpu_seconds": (1.0, float("inf"), 1.0)}, "cpu_seconds holds inf"),
        ({"first_call": -1.0}, "first_call holds -1.0"),
        ({"block": 0}, "block is 0"),
    ],
)
def test_what_cannot_be_a_measurement_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Samples(**fields(**change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"median": 2.5}, "has 'median', which is not known"),
        ({"seconds": 1.0}, "seconds holds 1.0; give a list"),
        ({"seconds": [1.0, "2", 3.0]}, r"Samples.seconds\[1\] holds '2'; give a number"),
        ({"seconds": [1.0, True, 3.0]}, r"seconds\[1\] holds True; give a number"),
        ({"page_faults": [0, 0.5, 0]}, r"page_faults\[1\] holds 0.5; give a whole number"),
        ({"block": True}, "block holds True; give a whole number"),
        ({"session": None}, "session holds None; give text"),
        ({"seconds": [1.0]}, "cpu_seconds has 3 entries and seconds has 1"),
    ],
)
def test_wrong_json_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Samples.from_json(Samples(**fields()).to_json() | change)


@pytest.mark.parametrize("name", sorted(needed(Samples)))
def test_json_without_a_key_is_refused(name: str) -> None:
    data = Samples(**fields()).to_json()
    del data[name]
    with pytest.raises(ValueError, match=f"Samples lacks {name}"):
        Samples.from_json(data)
