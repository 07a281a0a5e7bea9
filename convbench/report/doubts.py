"""What a reader must know of times that something disturbed, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from convbench.clock.contamination import HELD, LOAD, MANY, OTHER_KERNELS, SHARED, held_share
from convbench.core import text as show
from convbench.report.groups import timed_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.groups import Group
    from convbench.runs.frame import Row
    from convbench.runs.record import Machine

_DOUBTFUL: Final = (LOAD, "disturbed")
"""Kinds of flags that say that something else had a hand in a row."""


class Cause(NamedTuple):
    """What disturbed times on a GPU, as a clause that cases can follow, and what to do about it."""

    what: str
    of: str = "in"
    remedy: str = ""


CAUSES: Final = {
    SHARED: Cause(
        "another process used the GPU",
        remedy="stop it (nvidia-smi lists them), or choose another GPU, and measure again",
    ),
    HELD: Cause(
        "the GPU's clock was held down (heat or power)",
        remedy="lock a clock that the card holds, as root with nvidia-smi -lgc MHZ, or cool it, "
        "and measure again",
    ),
    OTHER_KERNELS: Cause("the GPU's libraries chose other kernels in some processes", "of"),
}
"""By how a flag begins: what disturbed a row on a GPU by its name, which is then no other work."""
MOST: Final = 0.5
"""A share of the timed rows beyond which a run that is so flagged is sure of nothing."""


def remedy(rows: Sequence[Row]) -> str:
    """Return what would make times like these steadier, as an order to a reader."""
    several = any(row.record.threads != 1 and row.record.device == "cpu" for row in rows)
    if (cause := CAUSES.get(_cause(rows))) and cause.remedy:
        return cause.remedy
    if any(row.record.kind == "code" for row in rows):
        return "stop what else runs here and measure again"
    if several:
        return "run again with --threads 1"
    return "stop what else runs here, or run again with a larger --budget"


def unknown(rows: Sequence[Row]) -> list[Row]:
    """Return the rows whose processes lie too far apart for an interval of the time."""
    return [
        row
        for row in rows
        if row.seconds and len(row.seconds.each) > 1 and not show.known(row.seconds)
    ]


def busy(machine: Machine, all_groups: Sequence[Group]) -> str:
    """Return why nothing in a run is to be called sure, as a clause; empty where nothing is why.

    So it is where the machine's test of itself failed, and where most of the timed rows are
    flagged as contaminated or disturbed, or have no interval.
    """
    why = []
    failed = _self_test(machine)
    if failed:
        why.append(failed)
    rows = timed_rows(all_groups)
    marked = [
        row for row in rows if unknown([row]) or any(f.startswith(_DOUBTFUL) for f in row.flags)
    ]
    if len(marked) > MOST * len(rows):
        cause = CAUSES.get(_cause(marked))
        said = f"{cause.what} {cause.of}" if cause else "other work disturbed"
        why.append(f"{said} {len(marked):,} of {show.plural(len(rows), 'timed case')}")
    return show.listing(why)


def blamed(doubt: str) -> str:
    """Return what is to blame for a doubt, as a short clause: the machine, or what its GPU did."""
    told = (cause.what for cause in CAUSES.values() if cause.what in doubt)
    return next(told, "the machine was busy")


def _cause(rows: Sequence[Row]) -> str:
    """Return the kind of flag of a GPU that says what disturbed most of the rows; else ""."""
    for kind in CAUSES:
        if sum(_did(kind, row) for row in rows) > MOST * len(rows):
            return kind
    return ""


def _did(kind: str, row: Row) -> bool:
    """Tell whether a cause disturbed a row. A power cap alone is the work's own, and none."""
    if kind == HELD:
        return held_share(row.record.judged) >= MANY
    return any(flag.startswith(kind) for flag in row.flags)


def _self_test(machine: Machine) -> str:
    found = machine.resolution  # that there is none is said where its result would stand
    if found is None or found.believable:
        return ""
    return (
        f"its A/A test (the same code timed against itself) called {found.excluding_one} of "
        f"{found.trials} pairs different"
    )
