"""The tables of a history."""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.contamination import MANY, contaminated_share
from convbench.comparing.tables import lean, one_condition, timed
from convbench.core import text as show
from convbench.core.intervals import RatioInterval
from convbench.history.plot import by_how_much
from convbench.report.document import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.history.changes import Level
    from convbench.history.exact import Event
    from convbench.history.history import History
    from convbench.history.run_folders import Entry

MOST_ROWS: Final = 100
"""Changes that a page shows; the others are counted, and in the data."""
_COMMIT: Final = 10
_MOST_KEYS: Final = 4

Row = tuple[Any, ...]


def runs_table(history: History) -> Table:
    """Return a row a run, the oldest first; what is the same in all is said once, above."""
    columns = (
        Column(name="run", key="run", kind="integer"),
        Column(name="started (UTC)", key="started"),
        Column(name="commit", key="commit"),
        Column(name="version", key="version"),
        Column(name="timed", key="timed", kind="integer"),
        Column(name="as a whole", key="whole", kind="ratio"),
        Column(name="environment", key="environment"),
        Column(name="to know", key="notes"),
        Column(name="folder", key="folder"),
    )
    rows = [_run(history, number) for number in range(len(history.runs))]
    several = history.shares and len(rows) > 1
    return lean(
        "runs",
        "As a whole: the middle of its groups, against the middle run." if several else "",
        columns,
        rows,
        keep=("run", "started", "timed", "folder"),
        drop=("version",) if len({row[3] for row in rows}) == 1 else (),
    )


def _run(history: History, number: int) -> Row:
    entry = history.runs[number]
    changed = [item.key for item in history.in_the_way(number)]
    shares = sorted(
        float(values[number]) for values in history.shares.values() if math.isfinite(values[number])
    )
    return (
        number + 1,
        f"{entry.started.astimezone(UTC):%Y-%m-%d %H:%M}",
        commit(entry),
        entry.run.header.version,
        sum(timed(record) for record in entry.run.records),
        math.exp(shares[len(shares) // 2]) if shares and len(history.runs) > 1 else None,
        show.listing(changed, _MOST_KEYS),
        "; ".join(_notes(entry)),
        entry.place,
    )


def environment_table(history: History) -> Table:
    """Return what of the environment changed, of what must match, before which run."""
    return Table(
        id="environment",
        caption="",
        columns=(
            Column(name="before run", key="run", kind="integer"),
            Column(name="what", key="key"),
            Column(name="was", key="left"),
            Column(name="is", key="right"),
        ),
        rows=tuple(
            (run + 1, item.key, show.cell(item.left, "text"), show.cell(item.right, "text"))
            for run in range(len(history.runs))
            for item in history.in_the_way(run)
        ),
    )


def commit(entry: Entry) -> str:
    """Return the commit that a run was made from, short, and whether files were changed."""
    found = entry.run.header.fingerprint
    text = str(found.get("git_commit") or "")[:_COMMIT]
    return f"{text}+" if text and found.get("git_dirty") is True else text


def _notes(entry: Entry) -> list[str]:
    run = entry.run
    notes = [] if run.finished else ["not finished"]
    if run.torn:
        notes.append(f"{show.plural(run.torn, 'line')} torn")
    busy = contaminated_share([samples for record in run.records for samples in record.samples])
    if busy >= MANY:
        notes.append(f"machine busy in {show.share(busy)} of samples")
    return notes


def rows_of_changes(history: History) -> list[Row]:
    """Return every change of a case: by run, counts and broken cases first, then by size."""
    keyed = [(event.run, 0, 0.0, _event(history, event)) for event in history.events]
    keyed += [(item.run, 1, -item.value, _level(history, item)) for item in history.found.levels]
    return [row for *_, row in sorted(keyed, key=lambda item: item[:3])]


def changes_table(rows: Sequence[Row], caption: str) -> Table:
    """Return changes of cases, columns that say nothing left out."""
    columns = (
        Column(name="from run", key="run", kind="integer"),
        Column(name="case", key="label"),
        Column(name="where", key="slot"),
        Column(name="what", key="what"),
        Column(name="time ratio", key="ratio", kind="ratio"),
        Column(name="to know", key="notes"),
    )
    return lean("changes", caption, columns, rows, keep=("run", "label", "slot", "what"))


def _event(history: History, event: Event) -> Row:
    case = history.cases[event.series]
    return (
        event.run + 1, case.label, _where(history, event.series), event.change, None,
        "; ".join(event.notes),
    )  # fmt: skip


def _level(history: History, level: Level) -> Row:
    case = history.cases[level.series]
    before = _before(history, level.series, level.run)
    keys = [
        item.key for run in range(before + 1, level.run + 1) for item in history.in_the_way(run)
    ]
    notes = [f"the environment changed there: {show.listing(keys, _MOST_KEYS)}"] if keys else []
    if any(event.run == level.run for event in history.changed(level.series)):
        notes.append("see its other change there")
    unsure = len(history.levels(level.series)) > 2  # noqa: PLR2004
    notes += ["it goes back and forth"] if unsure else []
    return (
        level.run + 1, case.label, _where(history, level.series),
        "slower" if level.value > 0 else "faster", _interval(level, history.limits.confidence),
        "; ".join(notes),
    )  # fmt: skip


def _where(history: History, series: int) -> str:
    """Return the slot, or the group where cases run under several conditions."""
    case = history.cases[series]
    alike = one_condition((item.group, item.slot) for item in history.cases)
    return case.slot if alike else case.group


def _before(history: History, series: int, run: int) -> int:
    """Return the last run before `run` that has the case."""
    records = history.cases[series].records
    return max((place for place in range(run) if records[place] is not None), default=0)


def _interval(level: Level, confidence: float) -> RatioInterval:
    return RatioInterval.of_logs(
        level.value,
        level.low,
        level.high,
        confidence=confidence,
        paired=False,
        verdict="slower" if level.low > 0 else "faster" if level.high < 0 else "cannot tell",
    )


def moved_table(history: History) -> Table:
    """Return the change points of whole groups."""
    names = list(history.shares)
    return Table(
        id="moved",
        caption="What all cases of a group have in common, after / before.",
        columns=(
            Column(name="from run", key="run", kind="integer"),
            Column(name="group", key="group"),
            Column(name="what", key="what"),
            Column(name="time ratio", key="ratio", kind="ratio"),
        ),
        rows=tuple(
            (level.run + 1, names[level.series], by_how_much(level.value),
             _interval(level, history.limits.confidence))
            for level in history.moved.levels
        ),
    )  # fmt: skip


def groups_table(history: History) -> Table:
    """Return by what factor each run was slower than the middle one, for every group."""
    return Table(
        id="groups",
        caption=(
            "What all cases of a group have in common in a run, against the group's middle run."
        ),
        columns=(
            Column(name="group", key="group"),
            Column(name="run", key="run", kind="integer"),
            Column(name="time ratio", key="ratio", kind="ratio"),
        ),
        rows=tuple(
            (group, run + 1, math.exp(value))
            for group, values in history.shares.items()
            for run, value in enumerate(map(float, values))
            if math.isfinite(value)
        ),
    )


def unread_table(history: History) -> Table:
    """Return the folders that look like runs and are not among them."""
    return Table(
        id="unread",
        caption="Folders that look like runs, and why they are not among them.",
        columns=(Column(name="folder", key="folder"), Column(name="why", key="why")),
        rows=tuple((item.place, item.why) for item in history.unread),
    )
