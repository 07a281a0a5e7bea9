"""Types that are slower than the baseline at one batch and faster at another: a sentence, a figure.

Only verdicts that name one as faster count, of cases that differ in the batch alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.samples import short_title
from convbench.core import text as show
from convbench.report.document import Figure
from convbench.report.figuredata import Batches, BatchLine, BatchPoint
from convbench.report.figures import said
from convbench.report.phrases import against
from convbench.report.plots import series
from convbench.runs.conditions import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.groups import Group
    from convbench.runs.frame import Row

_MOST_LINES: Final = 6
"""Types in a figure, at most: more lines cannot be told apart."""


@dataclass(frozen=True, kw_only=True)
class _AtBatches:
    """One type in one slot, under one condition, at every batch where it was compared."""

    rows: tuple[tuple[int, Group, Row], ...]

    @property
    def changes(self) -> list[tuple[tuple[int, Group, Row], tuple[int, Group, Row]]]:
        """The neighbouring batches between which the verdict changes."""
        sure = [item for item in self.rows if _verdict(item[2]) in {"faster", "slower"}]
        return [(a, b) for a, b in pairwise(sure) if _verdict(a[2]) != _verdict(b[2])]


def _families(types: Sequence[Group]) -> dict[tuple[Any, ...], list[_AtBatches]]:
    """Return each type at its batches, by the slot without batch, the condition and the clock."""
    found: dict[tuple[Any, ...], dict[Any, list[tuple[int, Group, Row]]]] = {}
    for group in types:
        record = group.rows[0].record  # a group has one slot and one condition
        spec = record.spec
        if spec is None:
            continue
        conditions = tuple(getattr(record, axis) for axis in ("device", *AXES))
        for row in group.compared:
            # a time of kernels and one of events differ by launching, which is no batch's doing
            family = (replace(spec, batch=1), conditions, row.record.clock)
            key = row.record.label, bool(row.record.knobs.get("block"))
            lines = found.setdefault(family, {})
            lines.setdefault(key, []).append((int(spec.batch), group, row))
    return {
        key: [
            _AtBatches(rows=tuple(sorted(several, key=lambda item: item[0])))
            for several in lines.values()
        ]
        for key, lines in found.items()
    }


def flips(types: Sequence[Group]) -> str:
    """Return where the batch decides which is faster, by the first example; "" where nowhere."""
    lines = [line for several in _families(types).values() for line in several]
    changes = [change for line in lines for change in line.changes]
    if not changes:
        return ""
    (_, group, row), (batch, _, other) = changes[0]
    if row.time is None or other.time is None or row.baseline is None:
        return ""
    name, ratio = row.baseline.label, show.ratio(other.time.value)
    others = len(changes) - 1
    changing = "changes" if others == 1 else "change"
    more = f" {show.plural(others, 'other verdict')} {changing} with the batch." if others else ""
    return (
        f"The batch decides: in {group.title}, {row.record.label} {against(row.time, name)}; at "
        f"batch {batch} it is {other.time.verdict} (time ratio {ratio}, "
        f"{show.evidence(other.time)}).{more}"
    )


def batch_figure(types: Sequence[Group]) -> Figure | None:
    """Return the time ratios over the batch of the types whose verdict it changes; None for none.

    Of several slots or conditions, the one where it changes most verdicts.
    """
    turning = [[line for line in several if line.changes] for several in _families(types).values()]
    chosen = max(turning, key=lambda lines: sum(len(line.changes) for line in lines), default=[])
    if not chosen:
        return None
    shown = chosen[:_MOST_LINES]
    batch, group, first = shown[0].rows[0]
    clock = first.record.clock
    title = group.title.replace(f", batch {batch}", "", 1)
    lines = tuple(
        BatchLine(
            label=line.rows[0][2].record.label,
            series=line.rows[0][2].record.name,
            points=tuple(
                BatchPoint(batch=at, time=row.time) for at, _, row in line.rows if row.time
            ),
        )
        for line in shown
    )
    data = Batches(
        title=title,
        baseline=group.baseline_name,
        lines=lines,
        series=series(types),
        clock=clock,
    )
    more = f" The first {_MOST_LINES} of {len(chosen)} types." if len(chosen) > len(shown) else ""
    verdicts = [
        f"{line.label} {', '.join(f'{p.time.verdict} at {p.batch}' for p in line.points)}"
        for line in lines
    ]
    kind = short_title(clock)
    return Figure(
        id="time-ratio-by-batch",
        caption=(
            f"The types whose verdict the batch changes: {kind} divided by that of "
            f"{data.baseline} at each batch, with 95 % intervals: {title}. Above 1 is slower."
            f"{more}{said(data)}"
        ),
        alt=f"Time ratio over the batch: {'; '.join(verdicts)}.",
        data=data,
    )


def _verdict(row: Row) -> str:
    return row.time.verdict if row.time else ""
