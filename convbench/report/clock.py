"""The section on time: how long, how sure, and the time ratio beside the multiplication ratio."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.report.counts import MANY_GROUPS, OPEN_GROUPS, folded
from convbench.report.document import Column, Heading, Paragraph, Table
from convbench.report.doubts import note, remedy, unknown
from convbench.report.groups import Group, alike, multiplications, telling, timed_rows
from convbench.report.phrases import WITHIN
from convbench.report.plots import curve_figure, ratios_figure, scatter_figure, series
from convbench.runs.columns import COLUMNS, LOW_QUANTILE, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.runs.frame import Row


def _of_frame(key: str, name: str) -> Column:
    """Return a column of the frame under another name for readers."""
    return Column(name=name, key=key, kind=COLUMNS[key].kind)


LATENCY_COLUMNS: Final = (
    Column(name="case", key="label"),
    Column(name="time of a call", key="seconds", kind="seconds"),
    Column(name="spread", key="mad_share", kind="share"),
    _of_frame("processes", "processes"),
    _of_frame("rounds", "rounds"),
    _of_frame("calls_per_sample", "calls a sample"),
    _of_frame("seconds_first_call", "first call"),
    _of_frame("seconds_kernel", "kernels alone"),
    _of_frame("seconds_host", "host"),
    _of_frame("seconds_issue", "launching"),
    Column(name="flags", key="flags"),
)
SOMETIMES: Final = (
    "seconds_first_call", "seconds_kernel", "seconds_host", "seconds_issue", "flags",
)  # fmt: skip
"""Columns that are left out where no row has anything in them."""

RATIO_COLUMNS: Final = (
    Column(name="case", key="label"),
    Column(name="multiplications ÷ baseline", key="ratio_multiplications", kind="ratio"),
    Column(name="time ÷ baseline", key="ratio_seconds", kind="ratio"),
    Column(name="verdict", key="verdict"),
    Column(name="time share ÷ count share", key="gap", kind="ratio"),
    Column(name="gives up", key="caveat"),
)


def time_section(all_groups: Sequence[Group]) -> tuple[Block, ...]:
    """Return the times of every group, an overview first where there are several."""
    heading = Heading(level=2, text="Time")
    timed = [group for group in all_groups if group.timed]
    if not timed:
        return heading, Paragraph(text="Nothing was timed in this run.")
    legend = Paragraph(text=_legend(timed))
    drawn = telling([group for group in timed if group.kind == "type"], OPEN_GROUPS)
    names = series(all_groups)
    parts = [(group, _group_blocks(group, drawn, names)) for group in timed]
    return (
        heading,
        legend,
        *_overview(timed),
        *folded(parts),
        *_curve(all_groups),
    )


def _legend(timed: Sequence[Group]) -> str:
    rows = timed_rows(timed)
    several = any(len(row.record.samples) > 1 for row in rows)
    interval = (
        "± is where one more process would fall (95 %; how much they differ is learnt from all "
        "cases of a group together). A ratio is that of what each process measured of both, the "
        "middle of them, with the interval of where it would be over all processes (95 %)"
        if several
        else f"± is the interval of the {LOW_QUANTILE} (95 %, or what so few rounds can reach), of "
        "one process. Ratios pair the rounds of one session"
    )
    text = (
        f"The time of a call is {TIME}, so that every time here was measured; {interval}. “Faster” "
        "and “slower” mean that all of a ratio's interval lies on one side of 1; “same” that all "
        f"of it lies within {WITHIN} of 1; “cannot tell” that it contains 1 and more, or that "
        "there were fewer than 5 rounds. "
    )
    found = unknown(rows)
    if found:
        text += (
            "Where an interval would span more than a factor of 2 there is none, and what the "
            f"processes measured stands in its place: to have one, {remedy(found)}. "
        )
    text += (
        "Spread is the median absolute deviation within a process, in percent of the time. A "
        "sample is a block of calls, timed together. The first call is kept apart: it pays for "
        "what is set up once. “Time share ÷ count share” is 1 where time follows the count, and "
        "above 1 where the clock gains less than the count promises."
    )
    pools = {row.record.samples[0].pool_bytes for row in rows} - {0}
    if pools:
        text += (
            f" Where caches are cold, {max(pools) / 2**20:,.0f} MiB were gone through before every "
            "sample, and every call of a sample used another copy; that took no part in the time."
        )
    if any(row.record.samples[0].issue_seconds for row in rows):
        text += (
            " Times are the device's own (CUDA events); kernels alone are replayed from a graph; "
            "host is the caller's clock with the wait for the device; launching is how long the "
            "caller was busy handing out the work."
        )
    return text


def _group_blocks(
    group: Group, drawn: Sequence[Group], names: tuple[str, ...]
) -> tuple[Block, ...]:
    latency = Table(
        id="latency",
        caption=note(group.timed),
        columns=LATENCY_COLUMNS,
        rows=tuple(_latency_row(row) for row in group.timed),
        part=group.label,
    )
    blocks: list[Block] = [_without_empty(latency, SOMETIMES)]
    rows = group.compared or group.paced
    if rows:
        table = Table(
            id="ratios",
            caption=f"Beside {group.baseline_name}, which is 1.",
            columns=RATIO_COLUMNS,
            rows=tuple(_ratio_row(row) for row in rows),
            part=group.label,
        )
        sometimes = ("caveat", *(() if group.compared else ("ratio_multiplications", "gap")))
        blocks.append(_without_empty(table, sometimes))
    elif len(group.timed) > 1:
        blocks.append(Paragraph(text=f"No time ratios here: {_why_no_ratios(group)}."))
    if group in drawn:
        number = drawn.index(group) + 1
        figures = (
            scatter_figure(group, number, names),
            # The first is at the top of the report already.
            ratios_figure(group, number) if number > 1 else None,
        )
        blocks += [figure for figure in figures if figure]
    return tuple(blocks)


def _without_empty(table: Table, keys: Sequence[str]) -> Table:
    """Return the table without those of these columns that have nothing in any row."""
    columns = enumerate(table.columns)
    kept = [i for i, c in columns if c.key not in keys or any(row[i] for row in table.rows)]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )


def _why_no_ratios(group: Group) -> str:
    reasons = dict.fromkeys(row.no_time for row in group.timed if row.no_time)
    return show.listing(list(reasons)) or "there is nothing to compare with"


def _latency_row(row: Row) -> tuple[Any, ...]:
    spread, typical = (COLUMNS[key].value(row) for key in ("seconds_mad", "seconds_median"))
    own = {
        "seconds": row.seconds,
        "mad_share": spread / typical if typical else None,
        "flags": "; ".join(row.flags),
    }
    return tuple(
        own[column.key] if column.key in own else COLUMNS[column.key].value(row)
        for column in LATENCY_COLUMNS
    )


def _ratio_row(row: Row) -> tuple[Any, ...]:
    gap = row.time.value / row.multiplications if row.time and row.multiplications else None
    return (
        row.record.label,
        row.multiplications,
        row.time,
        row.time.verdict if row.time else None,
        gap,
        row.record.caveat.text,
    )


def _overview(timed: Sequence[Group]) -> tuple[Block, ...]:
    """Return one row for each group of types, where there are several."""
    several = [group for group in timed if group.kind == "type"]
    if not several[1:]:
        return ()
    folds = " Groups that are folded below are here too." if len(timed) > MANY_GROUPS else ""
    return (
        Table(
            id="overview",
            caption=(
                "Every group in one row, among the types that see and mix all of their input. "
                f"“Its time ÷ baseline” is that of the fastest.{folds}"
            ),
            columns=(
                Column(name="group", key="group"),
                Column(name="baseline", key="seconds_baseline", kind="seconds"),
                Column(name="fewest multiplications", key="cheapest"),
                Column(name="fastest", key="fastest"),
                Column(name="its time ÷ baseline", key="ratio_seconds", kind="ratio"),
                Column(name="verdict", key="verdict"),
            ),
            rows=tuple(_overview_row(group) for group in several),
        ),
    )


def _overview_row(group: Group) -> tuple[Any, ...]:
    derived, timed, base = alike(group.derived), alike(group.timed), group.baseline
    least = multiplications(derived[0]) if derived else 0
    cheapest = [row.record.label for row in derived if multiplications(row) == least]
    best = timed[0] if timed else None
    return (
        group.label,
        base.seconds if base else None,
        show.listing(cheapest, 2),
        best.record.label if best else None,
        best.time if best else None,
        (best.time.verdict if best.time else "baseline" if best.is_baseline else best.no_time)
        if best
        else None,
    )


def _curve(all_groups: Sequence[Group]) -> tuple[Block, ...]:
    heading = Heading(level=3, text="The ratio 1/N + 1/|K| against its curve")
    figure = curve_figure(all_groups)
    if not any(group.kind == "type" for group in all_groups):
        return ()
    if figure is None:
        return heading, Paragraph(
            text="Left out: no group of this run holds both depthwise_separable and standard."
        )
    text = (
        "Depthwise separable needs 1/N + 1/|K| of the multiplications of standard, for N output "
        "channels and |K| taps. Filled marks are derived, crosses counted from the program; both "
        "lie on the curve where the counting is right. Open marks are the time ratio: how far "
        "they lie above the curve is what the count does not see."
    )
    return heading, Paragraph(text=text), figure
