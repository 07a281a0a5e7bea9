"""The groups of a run, and which of them tell most: a report shows those first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import KERNEL_TIME, TIME, joint_title
from convbench.core import text as show
from convbench.core.once import once
from convbench.runs.frame import Row, rows
from convbench.runs.launching import CONVENTIONS
from convbench.runs.titles import titles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convbench.runs.record import Kind, Run

_MOST_LEFT: Final = 2
"""Cases named in the title of a figure that does not draw them; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The cases that were interleaved and are compared with one another.

    label: the short name, which identifies it in files. title: the name for readers, without what
    all groups of the run share.
    """

    label: str
    title: str
    kind: Kind
    rows: tuple[Row, ...]

    @cached_property
    def baseline(self) -> Row | None:
        """The row that ratios refer to, whatever became of it."""
        return next((row for row in self.rows if row.is_baseline), None)

    @cached_property
    def baseline_name(self) -> str:
        """Label of the baseline, for headings of columns."""
        return self.baseline.record.label if self.baseline else "the baseline"

    @cached_property
    def derived(self) -> tuple[Row, ...]:
        """Rows that may be believed and have a derived cost, fewest multiplications first."""
        good = [row for row in self.rows if row.record.status == "ok" and row.record.cost]
        return tuple(sorted(good, key=multiplications))

    @cached_property
    def timed(self) -> tuple[Row, ...]:
        """Rows that may be believed and have a time: the ranked ones, then those apart."""
        return (*self.ranked, *self.apart)

    @cached_property
    def ranked(self) -> tuple[Row, ...]:
        """Those of them whose time is by the clock of the group, fastest first."""
        return tuple(row for row in self._by_time if row.record.clock == self.clock)

    @cached_property
    def apart(self) -> tuple[Row, ...]:
        """Those whose time is by another clock, and so is not compared with the ranked ones."""
        return tuple(row for row in self._by_time if row.record.clock != self.clock)

    @cached_property
    def _by_time(self) -> list[Row]:
        good = [row for row in self.rows if row.record.status == "ok" and row.seconds]
        return sorted(good, key=typical)

    @cached_property
    def compared(self) -> tuple[Row, ...]:
        """Rows with both ratios to the baseline, fastest first; the baseline is not among them."""
        return tuple(row for row in self.paced if row.multiplications is not None)

    @cached_property
    def paced(self) -> tuple[Row, ...]:
        """Rows with a time ratio to the baseline, counted or not, fastest first."""
        found = [row for row in self.timed if row.time]
        return tuple(sorted(found, key=lambda row: row.time.value if row.time else 0.0))

    @cached_property
    def clock(self) -> str:
        """What the times are called by which its cases are ranked: the clock of most of them."""
        numbers = Counter(row.record.clock for row in self._by_time)
        return max(numbers, key=lambda name: (numbers[name], name == KERNEL_TIME), default=TIME)

    def title_by(self, clock: str) -> str:
        """Return the title of what shows the times of one clock: it names the rows left out."""
        left = [row for row in self._by_time if row.record.clock != clock]
        names = show.listing([row.record.label for row in left], _MOST_LEFT)
        return f"{self.title}; not shown: {clock_of(left)} of {names}" if left else self.title

    def find(self, name: str) -> Row | None:
        """Return the first believable row of the type `name`, one with default knobs if any."""
        found = [row for row in self.derived if row.record.name == name]
        plain = [row for row in found if row.record.label == name]
        return next(iter(plain or found), None)


def multiplications(row: Row) -> int:
    """Return the derived multiplications, 0 where there is no cost; a key to sort by."""
    return int(row.record.cost.multiplications) if row.record.cost else 0


def typical(row: Row) -> float:
    """Return the median in seconds, 0 where there is none; a key to sort by."""
    return row.seconds.value if row.seconds else 0.0


def alike(found: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows whose type sees and mixes all of its input, in the same order."""
    return tuple(row for row in found if not row.record.caveat.less)


def timed_rows(all_groups: Sequence[Group]) -> list[Row]:
    """Return the rows of all groups that have a time to believe."""
    return [row for group in all_groups for row in group.timed]


def clock_of(found: Iterable[Row]) -> str:
    """Return what the times of rows are called: "time of a call", on a GPU by its clock."""
    return joint_title(row.record.clock for row in found)


def conventions(found: Iterable[Row]) -> list[str]:
    """Return what the times of rows on a GPU are, a sentence each; nothing of any other device."""
    names = clock_of(found)
    return [
        f"{show.capital(name)}: {what}."
        for name, what in CONVENTIONS.items()
        if name.removesuffix(" time") in names
    ]


@once
def groups(run: Run) -> tuple[Group, ...]:
    """Return the groups of a run, in the order of their first record."""
    names = titles(run.records).groups
    found: dict[tuple[str, Kind], list[Row]] = {}
    for row in rows(run):
        found.setdefault((row.record.group, row.record.kind), []).append(row)
    return tuple(
        Group(label=label, title=names[label], kind=kind, rows=tuple(members))
        for (label, kind), members in found.items()
    )


def telling(candidates: Sequence[Group], most: int) -> tuple[Group, ...]:
    """Return at most `most` groups, the most telling first.

    One that compares more cases with its baseline tells more; among equals the one whose baseline
    has more work, since small slots time the calling and not the arithmetic. Slots that are not
    there yet go before a second data type or layout of the same slot.
    """
    ranked = sorted(
        candidates,
        key=lambda group: (
            -len(group.compared),
            -len(group.timed),
            -(multiplications(group.baseline) if group.baseline else 0),
            -len(group.derived),
        ),
    )
    seen: set[str] = set()
    first: list[Group] = []
    rest: list[Group] = []
    for group in ranked:
        slot = group.rows[0].record.slot
        (rest if slot in seen else first).append(group)
        seen.add(slot)
    return tuple([*first, *rest][:most])
