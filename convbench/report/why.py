"""Why a time ratio is not the ratio of multiplications: a sentence, a table and two figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.machine.ceilings import MEMORY
from convbench.report.device import REMARK, at_clock
from convbench.report.document import Column, Heading, Table, folded
from convbench.report.plots import roofline_figure, series, waterfall_figure
from convbench.runs.ceiling_share import another_clock
from convbench.runs.columns import COLUMNS
from convbench.runs.columns_gpu import OF_A_GPU
from convbench.runs.gap import EXPLAINED, FACTORS, OBSERVED, pairs
from convbench.runs.roofline import ARITHMETIC, CALLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.report.document import Block
    from convbench.report.groups import Group
    from convbench.runs.frame import Row
    from convbench.runs.gap import Gap
    from convbench.runs.record import Record
    from convbench.runs.roofline import Bound

_NOTHING: Final = 0.005
"""Logarithm of a rest that is not worth a sentence."""
NEAR: Final = 0.03
"""A factor this near to 1 is not named."""
_MOST: Final = 4
"""Factors that are named, the largest first."""


def why(row: Row) -> str:
    """Return why the time ratio of a row is not its ratio of multiplications; empty if unknown.

    Every factor that is not near 1, with its numbers in the case and in its baseline.
    """
    found = row.gap
    if not found.factors or row.baseline is None:
        return ""
    base = row.baseline
    told = [
        f"{show.times(found[key].value)} {_because(key, row, base, found)}" for key in _large(found)
    ]
    return f"{_longer(found, base)}{': ' if told else ''}{'; '.join(told)}. {_rest(found)}"


def answer(row: Row) -> str:
    """Return the same in a few words; empty if unknown."""
    found = row.gap
    if not found.factors or row.baseline is None:
        return ""
    told = [f"{show.times(found[key].value)} {FACTORS[key].name}" for key in _large(found)[:2]]
    if not found.explained:
        told.append(f"{show.times(found['rest'].value)} unexplained")
    time, share = row.time, row.multiplications
    if time is None or time.verdict not in {"faster", "slower"} or not share or share >= 1:
        return f"{_longer(found, row.baseline)}{': ' if told else ''}{', '.join(told)}"
    factor = show.times(time.value if time.verdict == "slower" else 1 / time.value)
    causes = f" ({', '.join(told)})" if told else ""
    return (
        f"{factor} {time.verdict} with {show.times(1 / share)} fewer multiplications: each takes "
        f"{show.times(found.gap)} as long{causes}"
    )


def _longer(found: Gap, base: Record) -> str:
    return f"A multiplication takes {show.times(found.gap)} as long as in {base.label}"


def _large(found: Gap) -> list[str]:
    """Return the keys of the factors that are not near 1, the largest first."""
    known = {
        one.key: abs(math.log(one.value))
        for one in found.factors
        if one.key not in {"multiplications", "rest"} and abs(one.value - 1) > NEAR
    }
    return sorted(known, key=lambda key: -known[key])[:_MOST]


def _because(key: str, row: Row, base: Record, found: Gap) -> str:
    """Return what a factor is due to."""
    if key == "device":
        return f"because {_binding(row.bound)}"
    if key == "kernels":
        speed = "slower" if found[key].value > 1 else "faster"
        own, other = map(_kernels, (row.record, base), found.bounds)
        if not own or not other:
            return f"from {speed} kernels"
        clocks = [another_clock(one, row.ceiling) for one in (row.record, base)]
        own_clock, other_clock = (f" ({said})" if said else "" for said in clocks)
        return (
            f"from {speed} kernels, {own} of the device's peak{own_clock}, where {base.label} has "
            f"{other}{other_clock}"
        )
    seconds = [getattr(one, key, None) for one in (found.of, found.base)]
    names = {
        "executed": "from multiplications on padding, or saved by an algorithm",
        "operators": "from other operators",
        "reorders": "from reorders between memory layouts",
        "calls": "from calls of the libraries",
    }
    if key == "executed" or None in seconds:
        return names[key]
    own, other = (show.seconds(one) for one in seconds if one is not None)
    times = (row.estimates.time(one.case).value for one in (row.record, base))
    whole, others = map(show.seconds, times)
    return f"{names[key]}, {own} of {whole}, where {base.label} has {other} of {others}"


def _binding(limit: Bound | None) -> str:
    """Return what limits the steps of a case that arithmetic does not."""
    steps = [] if limit is None else [s for s in limit.steps if s.binds not in {ARITHMETIC, CALLS}]
    if not steps:
        return "the device allows it another speed"
    first = max(steps, key=lambda step: step.attainable)
    where = "memory" if first.binds == MEMORY else f"the bandwidth of {first.binds}"
    return f"{where} limits the {first.label}"


def _kernels(record: Record, limit: Bound | None) -> str:
    """Return what ran for each step that multiplies, and its share of the peak."""
    if limit is None:
        return ""
    told = [
        f"{label} ({kernel.algorithm}) at {show.percent(share)}"
        for kernel, share, label in pairs(record, limit)
    ]
    return show.listing(told[:_MOST])


def _rest(found: Gap) -> str:
    rest, share = found["rest"], found.rest_share
    if abs(math.log(rest.value)) < _NOTHING:
        return "Nothing is left unexplained."
    text = f"Unexplained: {show.times(rest.value)}"
    if share <= 1:
        text += f", {show.percent(share)} of the gap"
    if found.explained and share > EXPLAINED:
        text += ", and 1 lies within its interval"
    return f"{text}."


def why_section(main: Group | None, every: Sequence[Group]) -> tuple[Block, ...]:
    """Return the factors of the main group, the figure of one case, and the roofline, folded."""
    if main is None:
        return ()
    rows = [row for row in main.compared if row.gap.factors]
    blocks: list[Block] = []
    if rows:
        blocks.append(_factors(main, rows))
        figure = waterfall_figure(telling_row(main) or rows[0])
        blocks += [figure] if figure else []
    if bounds := tuple(_bounds(main)):
        figure = roofline_figure(main, 1, series(every))
        blocks += folded("Under the roofline: what the device allows", [figure, *bounds])
    return (Heading(level=2, text=f"Why: {main.title}"), *blocks) if blocks else ()


def telling_row(group: Group) -> Row | None:
    """Return the row whose gap is told first: depthwise separable, or the one with the largest."""
    known = [row for row in group.compared if row.gap.factors]
    named = group.find("depthwise_separable")
    if named in known:
        return named
    return max(known, key=lambda row: row.gap.gap, default=None)


def _factors(group: Group, rows: Sequence[Row]) -> Table:
    moved = {one.key for row in rows for one in row.gap.factors if abs(one.value - 1) > NEAR}
    shown = {
        key: title for key, title in FACTORS.items() if key in {"multiplications", "rest", *moved}
    }
    heads = {key: title.head or title.name for key, title in shown.items()}
    first, *others = heads.values()
    notes = "; ".join(f"{heads[key]}: {title.note}" for key, title in shown.items())
    left = f" Factors within {show.percent(NEAR)} of 1 in every case are left out."
    return Table(
        id="factors",
        caption=(
            "Each time ratio is the product of the ratio of multiplications and of the factors "
            f"beside it, each the case's divided by that of its baseline. {show.capital(notes)}. "
            "What ran was observed in passes beside the timed ones, whose times scatter by "
            f"{show.percent(OBSERVED)} between processes; “unexplained”: the rest is more than "
            f"{show.percent(EXPLAINED)} of the way from counts to times (in logarithms), and 1 is "
            f"not within its 95 % interval.{left if len(shown) < len(FACTORS) else ''}"
        ),
        columns=(
            Column(name="case", key="label"),
            *(
                Column(name=head, key=f"factor_{key}", kind="ratio")
                for key, head in zip(shown, [first, *(f"× {head}" for head in others)], strict=True)
            ),
            Column(name="= time ratio", key="ratio_seconds", kind="ratio"),
            Column(name="remark", key="remark"),
        ),
        rows=tuple(_factor_row(row, list(shown)) for row in group.compared),
        part=group.label,
        title=group.title,
    )


def _factor_row(row: Row, keys: Sequence[str]) -> tuple[object, ...]:
    found = row.gap
    known = {one.key: one.value for one in found.factors}
    remark = found.reason or ("" if found.explained else "unexplained")
    return (row.record.label, *(known.get(key) for key in keys), row.time, remark or None)


def _bounds(group: Group) -> Iterator[Table]:
    """Yield the table of what bounds each case."""
    rows = [row for row in group.ranked if row.bound]
    columns = {
        "intensity": "MAC/B",
        "bound": "limited by",
        "seconds_attainable": "attainable",
        "seconds": group.clock,
        "share_of_peak": "share of peak",
        REMARK: "clock",
    }
    if not rows:
        return
    known = {**COLUMNS, **OF_A_GPU}
    if not any(known[REMARK].value(row) for row in rows):
        del columns[REMARK]
    at = next((said for row in rows if row.ceiling and (said := at_clock(row.ceiling))), "")
    yield Table(
        id="bounds",
        caption=(
            "MAC/B: multiplications for each byte moved at least. Attainable: the least time that "
            "the measured peak rates allow, step by step: arithmetic, the memory that holds a "
            "step's bytes, or the shortest call. Share of peak: multiplications a second, without "
            f"those on padding, of the measured peak{at}."
        ),
        columns=(
            Column(name="case", key="label"),
            *(
                Column(name=name, key=key, kind=known[key].kind if key in known else "seconds")
                for key, name in columns.items()
            ),
        ),
        rows=tuple(
            (
                row.record.label,
                *(row.seconds if key == "seconds" else known[key].value(row) for key in columns),
            )
            for row in rows
        ),
        part=group.label,
        title=group.title_by(group.clock),
    )
