"""One case from run to run, as a table; and every case, for the formats that are for data."""

from __future__ import annotations

import math
from typing import Any

from convbench.comparing.tables import NOT_MEASURED, busy, lean, timed
from convbench.core import text as show
from convbench.core.intervals import factor
from convbench.history.history import History
from convbench.history.plot import by_how_much
from convbench.history.tables import commit
from convbench.report.document import Column, Table
from convbench.runs.record import Record

Row = tuple[Any, ...]


def case_table(history: History, series: int, number: int) -> Table:
    """Return one case, a row a run that has it; `number` is that of the table on its page."""
    case = history.cases[series]
    baselines = list(dict.fromkeys(
        row.baseline.label for known, record in zip(history.rows, case.records, strict=True)
        if record and (row := known[record.case]).baseline and not row.is_baseline
    ))  # fmt: skip
    columns = (
        Column(name="run", key="run", kind="integer"),
        Column(name=case.clock, key="seconds", kind="seconds"),
        Column(name="without common shift", key="alone", kind="seconds"),
        Column(name=f"time / {show.listing(baselines, 2)}", key="ratio", kind="ratio"),
        Column(name="multiplications", key="multiplications", kind="integer"),
        Column(name="change", key="what"),
    )
    rows = []
    for run, record in enumerate(case.records):
        if record is not None:
            place, seconds, alone, count, what = _at(history, series, run, record)
            rows.append((place, seconds, alone, history.rows[run][record.case].time, count, what))
    missing = sum(record is None for record in case.records)
    lacking = f" Not in {show.plural(missing, 'run')}." if missing else ""
    counts = {row[4] for row in rows}
    same = ""
    if len(counts) == 1 and None not in counts:  # said once, so that the others have room
        same = f" {show.whole(counts.pop())} multiplications in every run."
        rows = [(*row[:4], None, *row[5:]) for row in rows]
    caption = f"{case.label} in {history.titles.groups[case.group]}.{same}{lacking}"
    return lean(f"case-{number}", caption, columns, rows, keep=("run", "seconds"))


def _at(history: History, series: int, run: int, record: Record) -> Row:
    alone = float(history.alone[series, run])
    said = [
        f"{by_how_much(level.value)} from here on"
        for level in history.levels(series)
        if level.run == run
    ]
    said += [event.change for event in history.changed(series) if event.run == run]
    if busy(record):
        said.append(NOT_MEASURED)
    elif record.status != "ok":
        said.append(f"{record.status}: {record.reason or 'no reason was given'}")
    return (
        run + 1,
        history.rows[run][record.case].seconds if timed(record) else None,
        factor(alone) if math.isfinite(alone) else None,
        int(record.cost.multiplications) if record.cost else None,
        "; ".join(said),
    )


def data_table(history: History) -> Table:
    """Return every case in every run that has it, for the formats that are for data."""
    columns = (
        Column(name="run", key="run", kind="integer"),
        Column(name="folder", key="folder"),
        Column(name="started", key="started"),
        Column(name="commit", key="commit"),
        Column(name="case", key="case"),
        Column(name="status", key="status"),
        Column(name="seconds", key="seconds", kind="seconds"),
        Column(name="without common shift", key="alone", kind="seconds"),
        Column(name="multiplications", key="multiplications", kind="integer"),
        Column(name="change", key="what"),
    )
    rows = []
    for run, entry in enumerate(history.runs):
        for series, case in enumerate(history.cases):
            record = case.records[run]
            if record is not None:
                _, seconds, alone, count, what = _at(history, series, run, record)
                rows.append(
                    (run + 1, entry.place, entry.started.isoformat(), commit(entry), record.case,
                     record.status, seconds, alone, count, what)
                )  # fmt: skip
    return Table(id="history", caption="Every case in every run.", columns=columns,
                 rows=tuple(rows))  # fmt: skip
