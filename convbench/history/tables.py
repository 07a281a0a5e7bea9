"""The tables of a history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from convbench.clock.contamination import HELD, MANY, SHARED, contaminated_share, held_share
from convbench.clock.samples import EVENT_TIME
from convbench.comparing.exact import other_kernels
from convbench.comparing.frequencies import differing
from convbench.comparing.tables import NOT_MEASURED, busy, lean, of_logs, timed
from convbench.core import text as show
from convbench.core.intervals import factor
from convbench.history.changes import Level
from convbench.history.history import History
from convbench.history.run_folders import Entry
from convbench.report.document import Column, Table
from convbench.report.doubts import CAUSES
from convbench.runs.record import Record

MOST_ROWS: Final = 100
"""Changes that a page shows; the others are counted, and in the data."""
_MOST_RUNS: Final = 24
"""Runs of an overview, a character each: as many as no terminal breaks into two lines."""
_MARKS: Final = {
    "environment": "E", "broken": "B", "count changed": "C", "mended": "R", "slower": "S",
    "faster": "F",
}  # fmt: skip
"""Marks of changes in an overview, the one that is shown where there are several first."""
_ALL: Final = "all cases"
_COMMIT: Final = 10
_MOST_KEYS: Final = 4

Row = tuple[Any, ...]


def runs_table(history: History) -> Table:
    """Return a row a run, the oldest first."""
    columns = (
        Column(name="run", key="run", kind="integer"),
        Column(name="started (UTC)", key="started"),
        Column(name="commit", key="commit"),
        Column(name="version", key="version"),
        Column(name="cases timed", key="timed", kind="integer"),
        Column(name="common shift", key="whole", kind="ratio"),
        Column(name="environment changed", key="environment"),
        Column(name="notes", key="notes"),
        Column(name="folder", key="folder"),
    )
    rows = [_run(history, number) for number in range(len(history.runs))]
    said = []
    if history.shares and len(rows) > 1:
        clock = "" if len(history.main_shares) == len(history.shares) else ", of kernel times"
        said.append(
            f"Common shift: the factor common to all cases of a group{clock}, the median of the "
            "groups, relative to the median run."
        )
    if any(row[2].endswith("+") for row in rows):
        said.append("+ behind a commit: with uncommitted changes.")
    return lean(
        "runs",
        " ".join(said),
        columns,
        rows,
        keep=("run", "started", "timed", "folder"),
        drop=("version",) if len({row[3] for row in rows}) == 1 else (),
    )


def _run(history: History, number: int) -> Row:
    entry = history.runs[number]
    changed = [item.key for item in history.in_the_way(number)]
    shares = sorted(
        float(values[number]) for values in history.main_shares if math.isfinite(values[number])
    )
    return (
        number + 1,
        f"{entry.started:%Y-%m-%d %H:%M}",
        commit(entry),
        entry.run.header.version,
        sum(timed(record) for record in entry.run.records),
        factor(shares[len(shares) // 2]) if shares and len(history.runs) > 1 else None,
        show.listing(changed, _MOST_KEYS),
        "; ".join((*_notes(history, number), *_frequencies(history, number))),
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


def _notes(history: History, number: int) -> list[str]:
    run = history.runs[number].run
    notes = [] if run.finished else ["not finished"]
    if run.torn:
        notes.append(show.plural(run.torn, "incomplete line"))
    every = [samples for record in run.records for samples in record.judged]
    held = held_share(every)
    if held >= MANY:
        notes.append(f"{CAUSES[HELD].what} in {show.share(held)} of samples")
    share = contaminated_share(every) - held
    if share >= MANY:
        notes.append(f"machine busy in {show.share(share)} of samples")
    if cases := sum(SHARED in record.flags for record in run.records):
        notes.append(f"{CAUSES[SHARED].what} in {show.plural(cases, 'case')}")
    if cases := sum(map(busy, run.records)):
        notes.append(f"{show.plural(cases, 'case')} {NOT_MEASURED}")
    return [*notes, *_of_another_clock(history, number)]


def _of_another_clock(history: History, number: int) -> list[str]:
    """Return how many cases of a run have another kind of time than the last run has of them."""
    used = {
        one.case: case.clock for case in history.cases if timed(one := case.records[number]) and one
    }
    records = [record for record in history.runs[number].run.records if timed(record)]
    left = sum(record.case not in used for record in records)
    turned = sum(one.kernels_alone and used.get(one.case) == EVENT_TIME for one in records)
    told = (
        (left, "left out: no kernel time, unlike the last run"),
        (turned, "by event time: the last run has no kernel time"),
    )
    return [f"{show.plural(cases, 'case')} {what}" for cases, what in told if cases]


def _frequencies(history: History, number: int) -> list[str]:
    """Return the clocks of a GPU under load that differ from those of the run before, in words."""
    both = [entry.run.records for entry in history.runs[max(0, number - 1) : number + 1]]
    return [one.words for one in differing(*both)] if len(both) > 1 else []


def rows_of_changes(history: History) -> list[Row]:
    """Return every change by run: counts and broken cases, then times by size, then groups."""
    groups = list(history.shares)
    keyed = []
    for event in history.events:
        case, said = history.cases[event.series], (event.change, None, "; ".join(event.notes))
        row = _row(history, event.run, case.label, case.group, *said)
        keyed.append((event.run, 0, 0.0, row))
    for level in history.found.levels:
        case = history.cases[level.series]
        row = _level(history, level, case.label, case.group, _notes_of(history, level))
        keyed.append((level.run, 1, -level.value, row))
    for level in history.moved.levels:
        row = _level(history, level, _ALL, groups[level.series], "")
        keyed.append((level.run, 2, -level.value, row))
    return [row for *_, row in sorted(keyed, key=lambda item: item[:3])]


def changes_table(rows: Sequence[Row], caption: str) -> Table:
    """Return changes as a table without empty columns."""
    columns = (
        Column(name="case", key="label"),
        Column(name="slot", key="slot"),
        Column(name="from run", key="run", kind="integer"),
        Column(name="started", key="started"),
        Column(name="commit", key="commit"),
        Column(name="change", key="what"),
        Column(name="time ratio", key="ratio", kind="ratio"),
        Column(name="notes", key="notes"),
    )
    return lean("changes", caption, columns, rows, keep=("run", "label", "slot", "what"))


def overview_table(history: History) -> Table:
    """Return a row for whatever changed, with a character for each of the latest runs."""
    last = len(history.runs)
    runs = range(max(0, last - _MOST_RUNS), last)
    name = history.titles.groups
    events = [(run, "environment") for run in range(last) if history.in_the_way(run)]
    lines: list[tuple[str, str, list[tuple[int, str]], Sequence[Record | None]]] = [
        ("environment", "", events, ())
    ]
    for index, group in enumerate(history.shares):
        levels = [level for level in history.moved.levels if level.series == index]
        lines.append((_ALL, name[group], [(one.run, _direction(one)) for one in levels], ()))
    for series in history.telling[:MOST_ROWS]:
        case = history.cases[series]
        changes = [(level.run, _direction(level)) for level in history.levels(series)]
        changes += [(event.run, event.change) for event in history.changed(series)]
        lines.append((case.label, name[case.group], changes, case.records))
    return Table(
        id="overview",
        caption=(
            "A character a run, the oldest first. S slower, F faster, C counts changed, B broken "
            "and R running again, each from that run on; E environment changed; . no change; "
            "- no time; _ not in the run."
        ),
        columns=(
            Column(name="case", key="label"),
            Column(name="slot", key="slot"),
            Column(name=f"runs {runs.start + 1}–{last}", key="what"),
        ),
        rows=tuple(
            (label, slot, "".join(_mark(changes, run, records) for run in runs))
            for label, slot, changes, records in lines
            if changes
        ),
    )


def _mark(changes: Sequence[tuple[int, str]], run: int, records: Sequence[Record | None]) -> str:
    here = {change for at, change in changes if at == run}
    for change, mark in _MARKS.items():
        if change in here:
            return mark
    if not records or timed(records[run]):
        return "."
    return "_" if records[run] is None else "-"


def _direction(level: Level) -> str:
    return "slower" if level.value > 0 else "faster"


def _row(history: History, run: int, label: str, group: str, *what: Any) -> Row:
    """Return a row of `changes_table`; what: the change, the ratio and the notes."""
    entry = history.runs[run]
    return (
        label, history.titles.groups[group], run + 1,
        f"{entry.started:%Y-%m-%d}", commit(entry), *what,
    )  # fmt: skip


def _level(history: History, level: Level, label: str, group: str, notes: str) -> Row:
    ratio = of_logs(level.value, level.low, level.high, confidence=history.limits.confidence)
    return _row(history, level.run, label, group, _direction(level), ratio, notes)


def _notes_of(history: History, level: Level) -> str:
    """Return what else happened at the change point of a case, in words."""
    before = _before(history, level.series, level.run)
    keys = [
        item.key for run in range(before + 1, level.run + 1) for item in history.in_the_way(run)
    ]
    changed = f"environment changed at the same run: {show.listing(keys, _MOST_KEYS)}"
    notes = [changed] if keys else []
    here, last = (history.cases[level.series].records[run] for run in (level.run, before))
    if here and last:
        notes += other_kernels(last, here)
    if any(event.run == level.run for event in history.changed(level.series)):
        notes.append("its counts changed or it broke at the same run")
    if len(history.levels(level.series)) > 2:  # noqa: PLR2004
        notes.append("several changes: it may alternate between two speeds")
    return "; ".join(notes)


def _before(history: History, series: int, run: int) -> int:
    """Return the last run before `run` that has the case."""
    records = history.cases[series].records
    return max((place for place in range(run) if records[place] is not None), default=0)


def groups_table(history: History) -> Table:
    """Return by what factor each run was slower than the median one, for every group."""
    return Table(
        id="groups",
        caption="Factor common to all cases of a group in a run, relative to its median run.",
        columns=(
            Column(name="group", key="group"),
            Column(name="run", key="run", kind="integer"),
            Column(name="time ratio", key="ratio", kind="ratio"),
        ),
        rows=tuple(
            (history.titles.groups[group], run + 1, factor(value))
            for group, values in history.shares.items()
            for run, value in enumerate(map(float, values))
            if math.isfinite(value)
        ),
    )


def unread_table(history: History) -> Table:
    """Return the folders that look like runs and are not among them."""
    return Table(
        id="unread",
        caption="Folders that look like runs and were left out.",
        columns=(Column(name="folder", key="folder"), Column(name="why", key="why")),
        rows=tuple((item.place, item.why) for item in history.unread),
    )
