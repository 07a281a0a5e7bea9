"""What was found of each group: one table with cost, time and ratios, and all groups in a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.samples import EVENT_TIME, KERNEL_TIME, TIME, short_title
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.core.intervals import WORDS
from convbench.report.device import device_tables
from convbench.report.document import Column, Heading, Paragraph, Table, folded
from convbench.report.doubts import remedy, unknown
from convbench.report.groups import (
    Group,
    alike,
    clock_of,
    conventions,
    multiplications,
    telling,
)
from convbench.report.large import MANY_GROUPS, MOST_ROWS, in_file
from convbench.report.phrases import WITHIN, kinds_of
from convbench.report.plots import ratios_figure, scatter_figure, series
from convbench.report.ran import ran_tables
from convbench.runs.columns import COLUMNS, LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from convbench.report.document import Block
    from convbench.runs.frame import Row

_SMALL: Final = 4
"""Cases of a small group, at most."""


def _of_frame(key: str, name: str) -> Column:
    """Return a column of the frame under another name for readers."""
    return Column(name=name, key=key, kind=COLUMNS[key].kind)


_TIME: Final = Column(name=TIME, key="seconds", kind="seconds")
"""Of a call; on a GPU a column for each clock in its place."""
_KEYS: Final = {TIME: "seconds", KERNEL_TIME: "seconds_kernel", EVENT_TIME: "seconds_events"}
"""Of columns of times, by what these are called: no two clocks share a column."""
RESULTS: Final = (
    Column(name="case", key="label"),
    _of_frame("multiplications", "multiplications"),
    _of_frame("ratio_multiplications", "count ratio"),
    _of_frame("parameters", "parameters"),
    _TIME,
    _of_frame("ratio_seconds", "time ratio"),
    Column(name="verdict", key="verdict"),
    Column(name="remarks", key="remarks"),
)
COUNTS: Final = tuple(
    _of_frame(name, told.title)
    for name, told in LISTED.items()
    if name not in {column.key for column in RESULTS}
)
"""The other counts."""
TIMING: Final = (
    Column(name="spread", key="mad_share", kind="share"),
    _of_frame("processes", "processes"),
    _of_frame("rounds", "rounds"),
    _of_frame("calls_per_sample", "calls a sample"),
    _of_frame("seconds_first_call", "first call"),
    _of_frame("flags", "flags"),
)
"""What a time rests on."""


def main_section(group: Group | None, every: Sequence[Group]) -> tuple[Block, ...]:
    """Return the table of the group that the findings are about, and what it rests on, folded."""
    table = _results(group) if group else None
    if group is None or table is None:
        return ()
    order = f"Fastest first by {group.clock}." if group.apart else "Fastest first."
    said = [order, table.caption] if group.timed else []
    said += [f"Ratios are to the baseline, {group.baseline_name}."] if group.baseline else []
    said += [_legend(every, group.timed)] if group.timed else []
    said += conventions(group.timed)
    figure = scatter_figure(group, 1, series(every))
    return (
        Heading(level=2, text=f"Cost and time: {group.title}"),
        replace(table, caption=" ".join(filter(None, said))),
        *_no_ratios(group),
        *device_tables(group),
        *folded("What ran in each case", ran_tables(group)),
        *folded("Details of each case", details(group, every)),
        *([figure] if figure else []),
    )


def _apart(group: Group) -> str:
    """Return which rows of a table another clock timed than most, and why, as a sentence."""
    reasons: dict[str, list[str]] = {}
    for row in group.apart:
        reasons.setdefault(row.kernels_untimed, []).append(row.record.label)
    told = [
        f"{show.listing(labels)}{f' ({why})' if why else ''}" for why, labels in reasons.items()
    ]
    clock = clock_of(group.apart)
    return f"Last, with {clock} and so not compared: {'; '.join(told)}." if told else ""


def _legend(every: Sequence[Group], timed: Sequence[Row]) -> str:
    several = any(len(row.record.samples) > 1 for row in timed)
    scatter = "processes" if several else "rounds of one process"
    text = (
        f"± and parentheses: 95 % intervals over {scatter} (less where rounds were few). Verdict: "
        "“faster” or “slower” where all of the interval lies on one side of 1, “same” where it "
        f"lies within {WITHIN} of 1, else “inconclusive”, as with fewer than "
        f"{FEWEST_ROUNDS_FOR_A_VERDICT} rounds."
    )
    far = unknown([row for group in every for row in group.timed])
    if far:
        text += (
            " “processes: a … b”: what the processes measured, too far apart for an interval; "
            f"to get one, {remedy(far)}."
        )
    return text


def overview(every: Sequence[Group]) -> tuple[Block, ...]:
    """Return one row for each group but those of networks, where there are several."""
    several = [group for group in every if group.kind != "network" and group.timed]
    if not several[1:]:
        return ()
    if len(several) > MOST_ROWS:
        several = list(telling(several, len(several)))
    types = any(group.kind == "type" for group in several)
    bases = [group.baseline for group in several if group.baseline and group.baseline.seconds]
    clocks = _clocks(bases) or [several[0].clock]
    table = Table(
        id="overview",
        caption="The time ratio is that of the fastest to the baseline."
        + (" Types that see or mix less of their input do not count." if types else ""),
        columns=(
            Column(name="group", key="title"),
            Column(name="fewest multiplications", key="cheapest"),
            Column(name="fastest", key="fastest"),
            Column(name="time ratio", key="ratio_seconds", kind="ratio"),
            Column(name="verdict", key="verdict"),
            *(
                Column(
                    name=f"{short_title(clock)} of baseline",
                    key=f"{_KEYS[clock]}_baseline",
                    kind="seconds",
                )
                for clock in clocks
            ),
        ),
        rows=tuple(_overview_row(group, clocks) for group in several),
    )
    heading = Heading(level=2, text="All groups, one row each")
    return heading, without_empty(table, ("cheapest", "ratio_seconds"))


def _clocks(rows: Iterable[Row]) -> list[str]:
    """Return what the times of rows are called, each kind once, in the order of their columns."""
    names = {row.record.clock for row in rows if row.seconds}
    return [name for name in _KEYS if name in names]


def _overview_row(group: Group, clocks: Sequence[str]) -> tuple[Any, ...]:
    derived, timed, base = alike(group.derived), alike(group.timed), group.baseline
    least = multiplications(derived[0]) if derived else 0
    cheapest = [row.record.label for row in derived if multiplications(row) == least]
    best = timed[0] if timed else None
    return (
        group.title,
        show.listing(cheapest, 2) or None,
        best.record.label if best else None,
        best.time if best else None,
        (_verdict(best) or best.no_time) if best else None,
        *(base.seconds if base and base.record.clock == clock else None for clock in clocks),
    )


def other_groups(
    rest: Sequence[Group], every: Sequence[Group], left: Sequence[Group] = ()
) -> tuple[Block, ...]:
    """Return the groups other than the main one, each folded; small ones together if many.

    left: those that are not on the page.
    """
    few = len(every) <= MANY_GROUPS
    folds: list[Block] = []
    small: list[Block] = []
    for number, group in enumerate(rest, start=2):
        found = group_blocks(group)
        if few and group.kind == "type":
            figures = ratios_figure(group, number), scatter_figure(group, number, series(every))
            found += tuple(filter(None, figures))
        if not few and len(group.timed) <= _SMALL:
            small += found
        else:
            # of many groups what ran is in the table of all cases alone, or the page gets long
            ran = (
                (*device_tables(group), *ran_tables(group, "What ran in one pass.")) if few else ()
            )
            folds += folded(group.title, (*found, *ran, *details(group, every)))
    folds += folded(f"Groups of at most {_SMALL} cases", small)
    if not folds:
        return ()
    text = "Ratios are to the row whose verdict is “baseline”."
    text = " ".join(filter(None, (text, elsewhere(left))))
    return Heading(level=2, text="The other groups"), Paragraph(text=text), *folds


def elsewhere(left: Sequence[Group]) -> str:
    """Return where groups are that are not on the page, as a sentence; empty for none."""
    if not left:
        return ""
    groups = show.plural(len(left), "more group", "more groups")
    return (
        f"{groups}, which compare fewer cases or less work, are not on this page: their rows are "
        f"in {in_file('results')}, and convbench report --table GROUP writes one of them."
    )


def tables(several: Iterable[Group]) -> Iterator[Table]:
    """Yield the tables of groups that are not on the page."""
    return filter(None, map(_results, several))


def group_blocks(group: Group) -> tuple[Block, ...]:
    """Return the table of a group, and why it has no time ratios where it has none."""
    table = _results(group)
    return (table, *_no_ratios(group)) if table else ()


def _results(group: Group) -> Table | None:
    """Return what each case costs and how long it takes; None where nothing is known of any."""
    timed = group.timed
    seen = {row.record.case for row in timed}
    left = [
        row
        for row in group.rows
        if row.record.cost and row.record.status != "skipped" and row.record.case not in seen
    ]
    rows = [*timed, *sorted(left, key=multiplications)]
    return _table("results", RESULTS, rows, group, _apart(group))


def details(group: Group, every: Sequence[Group]) -> tuple[Table, ...]:
    """Return the other counts, and what each time rests on; nothing where groups are many."""
    if len(every) > MANY_GROUPS:
        return ()
    found = (
        _table("counts", (RESULTS[0], *COUNTS), group.derived, group, "The other counts."),
        _table("timing", (RESULTS[0], *TIMING), group.timed, group, "What each time rests on."),
    )
    return tuple(table for table in found if table)


def _table(
    name: str, columns: tuple[Column, ...], rows: Sequence[Row], group: Group, caption: str = ""
) -> Table | None:
    if not rows:
        return None
    clocks = _clocks(group.ranked) + _clocks(group.apart)
    times = [replace(_TIME, name=clock, key=_KEYS[clock]) for clock in clocks or [group.clock]]
    columns = tuple(each for one in columns for each in (times if one is _TIME else [one]))
    table = Table(
        id=name,
        caption=caption,
        columns=columns,
        rows=tuple(tuple(_value(row, column, group) for column in columns) for row in rows),
        part=group.label,
        title=group.title,
    )
    return without_empty(table, [column.key for column in columns[1:]])


def _value(row: Row, column: Column, group: Group) -> Any:
    if column.key == _KEYS.get(column.name):
        ok = row.record.status == "ok" and row.record.clock == column.name
        return row.seconds if ok else None
    if column.key == "remarks":
        return _remarks(row, group)
    own = _OWN.get(column.key)
    return own(row) if own else COLUMNS[column.key].value(row)


def _spread(row: Row) -> float | None:
    spread, typical = (COLUMNS[key].value(row) for key in ("seconds_mad", "seconds_median"))
    return spread / typical if typical else None


def _remarks(row: Row, group: Group) -> str | None:
    less = (row.record.caveat.text,) if row.record.caveat.text else ()
    apart = row.seconds and row.record.clock != group.clock
    clock = (f"{row.record.clock}, not compared",) if apart else ()
    return "; ".join((*less, *clock, *kinds_of(row.flags))) or None


def _verdict(row: Row) -> str | None:
    if row.record.status != "ok":
        return row.record.status
    found: str | None = COLUMNS["verdict"].value(row)
    return WORDS.get(found, found) if found else None


_OWN: Final[dict[str, Callable[[Row], Any]]] = {
    "ratio_seconds": lambda row: row.time,
    "verdict": _verdict,
    "mad_share": _spread,
}


def without_empty(table: Table, keys: Iterable[str]) -> Table:
    """Return the table without those of these columns that have nothing in any row."""
    drop = {
        index
        for index, column in enumerate(table.columns)
        if column.key in keys and not any(row[index] for row in table.rows)
    }
    return replace(
        table,
        columns=tuple(each for index, each in enumerate(table.columns) if index not in drop),
        rows=tuple(
            tuple(each for index, each in enumerate(row) if index not in drop) for row in table.rows
        ),
    )


def _no_ratios(group: Group) -> tuple[Paragraph, ...]:
    if group.paced or not group.timed[1:]:
        return ()
    reasons = dict.fromkeys(row.no_time for row in group.timed if row.no_time)
    why = show.listing(list(reasons)) or "there is nothing to compare with"
    return (Paragraph(text=f"No time ratios here: {why}."),)
