"""What the committed run measured of a type: tables and sentences, with interval and machine."""

from __future__ import annotations

from typing import Final

from convbench.convs.base import ConvType
from convbench.core import text as show
from convbench.core.costs import Cost
from convbench.report.phrases import against, multiplications_against
from convbench.runs.columns import bytes_moved
from convbench.runs.frame import Row
from convbench.runs.titles import slot_title
from convbench_docs.sources import RUN, Sources
from convbench_docs.text import code, plain, table

ITEMSIZE: Final = 4
"""Bytes of a float32."""


def rows_of(sources: Sources, name: str) -> tuple[Row, ...]:
    """Return the rows of a type that were timed and may be believed."""
    return tuple(
        row
        for row in sources.rows
        if row.record.kind == "type"
        and row.record.name == name
        and row.record.status == "ok"
        and row.seconds
    )


def on_the_clock(sources: Sources, name: str) -> str:
    """Return the section: what the run measured of a type, or that it did not."""
    found = rows_of(sources, name)
    where = f"{plain(sources.machine)}; {code(RUN)}"
    if not found:
        skipped = dict.fromkeys(
            f"{slot_title(row.record)}: {row.record.reason}"
            for row in sources.rows
            if row.record.name == name and row.record.reason
        )
        why = "".join(f"\n- {plain(text)}" for text in skipped)
        return f"The committed run ({where}) did not time it.{f'{chr(10)}{why}' if why else ''}"
    lines = [
        table(
            ("slot", "ratio of multiplications", "time of a call", "ratio of times", "verdict"),
            [_line(row) for row in found],
            numbers="lrrrl",
        ),
        f"Measured on {where}. {plain(_basis(found[0]))} {_NOT_HERE}",
    ]
    sentences = [sentence(row) for row in found if row.time]
    return "\n\n".join([*(f"- {text}" for text in sentences), *lines])


_NOT_HERE: Final = (
    "Another machine, number of threads or layout gives other ratios: "
    "[measure on yours](../getting-started.md)."
)


def sentence(row: Row) -> str:
    """Return what a row says against its baseline, as Markdown."""
    base = row.baseline.label if row.baseline else "the baseline"
    said = multiplications_against(row.multiplications or 0.0, base)
    clock = against(row.time, base) if row.time else f"has no time ratio: {row.no_time}"
    return plain(f"In {slot_title(row.record)}, it {said}, and {clock}.")


def _line(row: Row) -> tuple[str, ...]:
    share = row.multiplications
    return (
        plain(slot_title(row.record)),
        plain("–" if share is None else show.ratio(share)),
        plain(show.seconds(row.seconds) if row.seconds else "–"),
        plain(show.ratio(row.time) if row.time else ("1" if row.is_baseline else "–")),
        plain(row.time.verdict if row.time else ("baseline" if row.is_baseline else "–")),
    )


def _basis(row: Row) -> str:
    samples = row.record.samples
    return (
        "Times have a 95 % prediction interval for one more process, ratios of times a 95 % "
        f"confidence interval, from {show.plural(len(samples), 'process', 'processes')} in "
        "interleaved rounds. Ratios are relative to the baseline of the slot."
    )


_NEAR: Final = 2.0
"""Factor of the balance within which neither bound is clear: least bytes are a bound themselves."""


def balance(sources: Sources) -> float | None:
    """Return the multiplications that the run's machine makes while it moves a byte, at best."""
    found = sources.run.header.machine.ceilings
    return found[0].multiplications_per_second / found[0].bytes_per_second if found else None


def intensity(cost: Cost) -> float:
    """Return multiplications for each byte that an unfused float32 program moves at least."""
    return float(cost.multiplications / cost.bytes_moved(ITEMSIZE))


def _side(share: float) -> str:
    """Return where a type lies whose intensity is this share of the machine's balance."""
    if 1 / _NEAR <= share <= _NEAR:
        return "close to it: either arithmetic or memory may limit its speed"
    side, bound = ("below", "memory") if share < 1 else ("above", "arithmetic")
    return f"{side} it: {bound} limits its speed if the layer does not fit into the caches"


def arithmetic(sources: Sources, kind: ConvType, versus: str) -> str:
    """Return the paragraph on how much a type computes with what it moves, in the run's slots."""
    found = [row for row in rows_of(sources, kind.name) if row.record.cost]
    if not found:
        return ""
    row = max(found, key=lambda each: bytes_moved(each.record) or 0)
    base = row.baseline.cost if row.baseline and not row.is_baseline else None
    cost = row.record.cost
    if cost is None:  # pragma: no cover  chosen above
        return ""
    own = show.significant(intensity(cost), 3)
    text = (
        f"In {slot_title(row.record)}, it makes {own} multiplications for each byte that it moves"
    )
    if base is not None:
        text += f"; {versus} makes {show.significant(intensity(base), 3)}"
    limit = balance(sources)
    if limit is not None:
        machine = show.significant(limit, 3)
        text += (
            f". At its peak rates the machine of the committed run makes {machine} multiplications "
            f"in the time of moving a byte. This type is {_side(intensity(cost) / limit)}"
        )
    return plain(f"{text}.")
