"""The columns of a run's frame, and what each of them holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.core.costs import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable


COSTS: Final = {described.column or name: described for name, described in SHOWN.items()}
"""The columns of what was derived, in their order."""
LISTED: Final = {name: described for name, described in COSTS.items() if described.listed}
"""Those that a report's table of costs has."""


def is_whole(column: str) -> bool:
    """Tell whether a column of the frame holds whole numbers."""
    return column in _WHOLE or column.startswith("macs_")


def kind(column: str, values: Iterable[Any]) -> str | None:
    """Return the pandas type of a column of numbers; None for text, and for counts too large."""
    if is_whole(column):
        small = all(abs(value) <= _LARGEST for value in values if value is not None)
        return "Int64" if small else None
    if column.endswith("_processes"):
        return None
    if column.startswith(("seconds_", "ratio_")) or column in _REAL:
        return "Float64"
    return None


_LARGEST = 2**63 - 1

_WHOLE = frozenset(
    {
        "threads", "processes", "rounds", "calls_per_sample", "pool_bytes",
        *(name for name, described in COSTS.items() if described.kind != "axes"),
    }
)  # fmt: skip

_REAL = frozenset({"contaminated_share", "page_faults_per_call"})

COLUMNS = (
    "case", "group", "slot", "kind", "name", "label", "knobs", "input_shape", "device", "dtype",
    "layout", "threads", "mode", "direction", "cache", "allocator", "status", "reason", "flags",
    "baseline", *COSTS, "ratio_multiplications", "ratio_parameters",
    "seconds_median", "seconds_low", "seconds_high", "seconds_confidence", "seconds_processes",
    "seconds_mad", "seconds_minimum", "seconds_first_call", "processes", "rounds",
    "calls_per_sample", "contaminated_share", "page_faults_per_call", "pool_bytes", "session",
    "stop_reason", "seconds_host", "seconds_issue", "seconds_kernel", "ratio_seconds",
    "ratio_seconds_low", "ratio_seconds_high", "ratio_seconds_confidence",
    "ratio_seconds_processes", "verdict", "no_ratio_because",
)  # fmt: skip
"""The columns that every frame has; counters add macs_ and agreement_, backends add ran_."""
