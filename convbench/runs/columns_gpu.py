"""The columns that the frame of a run on a GPU has beside those of every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.clock.samples import EVENT_TIME
from convbench.core import text as show
from convbench.runs.columns import FrameColumn, of_interval
from convbench.runs.launching import CONVENTIONS, LAUNCH_BOUND

if TYPE_CHECKING:
    from convbench.runs.frame import Row


def _clock(row: Row) -> str | None:
    return row.record.clock if row.record.judged else None


def _bound(row: Row) -> str | None:
    found = row.launching.bound if row.launching else None
    return None if found is None else ("yes" if found else "no")


OF_A_GPU: Final = (
    FrameColumn(
        "clock",
        "text",
        _clock,
        "; ".join(f"{name}: {what}" for name, what in CONVENTIONS.items())
        + "; seconds_median, its ratio and its verdict are of it",
    ),
    *of_interval(
        "seconds_events", "seconds", "seconds_events", "event_time", CONVENTIONS[EVENT_TIME]
    ),
    *of_interval(
        "ratio_seconds_events",
        "ratio",
        "ratio_seconds_events",
        "event_ratio",
        "seconds_events divided by that of the case in baseline",
    ),
    FrameColumn(
        "launch_share",
        "share",
        lambda row: row.launching.share if row.launching else None,
        "of seconds_events, in which no kernel runs: 1 - seconds_kernel ÷ seconds_events",
    ),
    FrameColumn(
        "launch_bound",
        "text",
        _bound,
        f"yes where seconds_events exceeds seconds_kernel by more than "
        f"{show.percent(LAUNCH_BOUND)} and seconds_issue is at least seconds_kernel; else no",
    ),
)
"""In their order, after those of every frame and before those of backends."""
