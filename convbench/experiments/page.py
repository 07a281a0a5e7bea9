"""What the variants of a type say, and published experiments beside this device, as documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from convbench.core import text as show
from convbench.core.intervals import WORDS, RatioInterval
from convbench.experiments.dispatch import LAYOUTS, Dispatched, Flip, Variant, implementation
from convbench.experiments.replication import Replicated
from convbench.experiments.setups import DTYPE, why_no_time
from convbench.report.document import (
    Block,
    Bullet,
    Bullets,
    Column,
    Document,
    Heading,
    Paragraph,
    Table,
)

_MOST_FLIPS: Final = 6


def dispatch_page(found: Dispatched, device: str) -> Document:
    """Return what flips the implementation, in sentences, and the table of all variants."""
    flips = [Bullet(text=_flip(flip, found)) for flip in found.flips[:_MOST_FLIPS]]
    if more := len(found.flips) - len(flips):
        flips.append(Bullet(text=f"{show.plural(more, 'further change')} in the table."))
    asked = found.variants[0].setup
    of = show.precision(asked.dtype, device), show.on_threads(asked.threads, device)
    told = f"As asked: {', '.join(filter(None, of))}, batch {found.spec.batch}, on {device}."
    if not flips:
        told += " None of these changes flips the implementation."
    return Document(
        title=f"What runs for {found.kind.label} in the slot {found.spec.title}",
        blocks=(
            Paragraph(text=told),
            *((Bullets(items=tuple(flips)),) if flips else ()),
            _variants(found),
            *_without_time(
                {one.name: why_no_time(found.raced.measurement, one.name) for one in found.variants}
            ),
            Paragraph(text=_basis(found, device)),
        ),
    )


def _flip(flip: Flip, found: Dispatched) -> str:
    before, after = flip.before, flip.after
    if before.change == after.change:
        where = f"With {after.change}" if after.change else "As asked"
        what = f"{LAYOUTS[after.layout]} instead of {LAYOUTS[before.layout]}"
    else:
        where = f"In {LAYOUTS[after.layout]}"
        what = f"{after.change} instead of {after.instead}"
    was, now = (implementation(found.execution(one.name)) for one in (before, after))
    speed = _speed(flip.ratio, same_work=flip.same_work) if flip.ratio else "not timed (see below)"
    return f"{where}: {what} runs {now} in place of {was}; {speed}."


def _speed(ratio: RatioInterval, *, same_work: bool) -> str:
    faster = ratio.value < 1
    number, _, evidence = show.times_interval(ratio, inverse=faster).partition(" ")
    text = f"it is {number} as fast" if faster else f"it takes {number} as long"
    return f"{text}{'' if same_work else ' for each multiplication'} {evidence}"


def _variants(found: Dispatched) -> Table:
    base = next(iter(found.variants)).name
    return Table(
        id="variants",
        caption="",
        columns=(
            Column(name="variant", key="variant"),
            Column(name="channels", key="layout"),
            Column(name="implementation", key="implementation"),
            Column(name=found.raced.measurement.clock, key="seconds", kind="seconds"),
            Column(name="÷ as asked", key="ratio_seconds", kind="ratio"),
            Column(name="reorders", key="reorders", kind="integer"),
        ),
        rows=tuple(_row(one, base, found) for one in found.variants),
    )


def _row(one: Variant, base: str, found: Dispatched) -> tuple[object, ...]:
    named = (one.change or "as asked", LAYOUTS[one.layout].removeprefix("channels "))
    measured, execution = found.raced.measurement, found.execution(one.name)
    if execution is None:
        return (*named, None, None, None, None)
    ran = implementation(execution, words=False) or execution.words
    reorders = None if execution.reason else execution.reorders
    try:
        ratio = None if one.name == base else _per_product(found, one.name, base)
        return (*named, ran, measured.interval(one.name), ratio, reorders)
    except ValueError:  # no time to believe: `_without_time` says why
        return (*named, ran, None, None, reorders)


def _per_product(found: Dispatched, name: str, base: str) -> RatioInterval:
    """Return the ratio of the times of two variants, each for one multiplication."""
    work = found.raced.setups[name].multiplications / found.raced.setups[base].multiplications
    return found.raced.measurement.ratio(name, base).over(work)


def _without_time(reasons: Mapping[str, str]) -> tuple[Paragraph, ...]:
    """Return, for each reason that there is no time, what has none. reasons: by name."""
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        if why:
            names.setdefault(why, []).append(name)
    return tuple(
        Paragraph(text=f"No time: {'; '.join(those)}: {why}.") for why, those in names.items()
    )


def _basis(found: Dispatched, device: str) -> str:
    told = "PyTorch's profiler"
    if device == "cpu":
        told = "oneDNN's log and PyTorch's dispatcher"
    return (
        f"{found.raced.measurement.basis} Interleaved in random order. ÷ as asked: time for each "
        "multiplication, divided by that of the first row. Reorders: calls that only "
        f"move data between memory layouts. Implementations: from {told}, for what "
        "computes products. Dense, block-diagonal weights: computes the same "
        "(Qin et al., arXiv:1803.09926) with multiplications by zero, which are not counted here."
    )


_LINES: Final = (
    Column(name="case", key="name"),
    Column(name="published", key="printed"),
    Column(name="here", key="seconds", kind="seconds"),
    Column(name="published ratio", key="printed_ratio", kind="ratio"),
    Column(name="ratio here", key="ratio", kind="ratio"),
    Column(name="implementation", key="implementation"),
)


def replication_page(found: Sequence[Replicated], machine: str) -> Document:
    """Return the verdict on each experiment, and its table as printed and as measured here."""
    kinds = dict.fromkeys(show.precision(DTYPE, one.device) for one in found)
    blocks: list[Block] = [
        Table(
            id="verdicts",
            caption="",
            columns=(
                Column(name="experiment", key="name"),
                Column(name="on this device", key="holds"),
                Column(name="published ratio", key="printed_ratio", kind="ratio"),
                Column(name="ratio here", key="ratio"),
                Column(name="rows compared", key="rows"),
            ),
            rows=tuple(
                (one.name, WORDS.get(one.holds, one.holds), one.printed_ratio, _mean(one),
                 f"{one.slower} ÷ {one.faster}")
                for one in found
            ),
        ),
        Paragraph(text=_READ.format(show.listing(list(kinds)))),
    ]  # fmt: skip
    for one in found:
        blocks += _experiment(one)
    return Document(
        title=f"Published measurements of speed, repeated on {machine}", blocks=tuple(blocks)
    )


_READ: Final = (
    "Ratios: time for each multiplication, so that rows whose numbers of multiplications are only "
    "about equal compare; those of an experiment are geometric means over the columns in which "
    "both rows have a time, here with an interval of order statistics over processes. A claim "
    "holds where the whole interval is above 1, and does not where it is below 1, or within 5 % of "
    "1 while the published ratio is not; else it is inconclusive. All rows of an experiment were "
    "timed interleaved, in {}, channels first. Absolute times are of other processors and "
    "libraries than the published ones."
)


def _mean(one: Replicated) -> str:
    """Return the ratio of an experiment with its interval."""
    if one.ratio is None:
        return "no times"
    text, low, high = (show.significant(v, 3) for v in (one.ratio.value, one.ratio.low,
                                                        one.ratio.high))  # fmt: skip
    if not one.ratio.confidence:
        return f"{text} (no interval)"
    return f"{text} ({show.confidence(one.ratio.confidence)} interval {low}–{high})"


def _experiment(one: Replicated) -> list[Block]:
    said = {
        "holds": "It holds here",
        "does not hold": "It does not hold here",
        "cannot tell": "Whether it holds here is inconclusive",
    }[one.holds]
    here = f"takes {_mean(one)} times as long as" if one.ratio else "was not timed beside"
    fewer = len(one.columns) < len({line.column for line in one.lines})
    of = f", at {show.listing(one.columns)} alone" if one.columns and fewer else ""
    where = filter(None, (one.device, show.on_threads(one.threads, one.device)))
    text = (
        f"{one.claim} {said}: “{one.slower}” {here} “{one.faster}”, for each "
        f"multiplication{of}; "
        f"published: {show.significant(one.printed_ratio, 3)} times. "
        f"{one.source}, measured on {one.printed_on}, in {one.unit}; here on {', '.join(where)}. "
        f"{one.assumed}"
    )
    rows = tuple(
        (f"{line.row} {line.column}", f"{line.printed} {one.unit}", line.seconds,
         line.printed_ratio, line.ratio, line.implementation or None)
        for line in one.lines
    )  # fmt: skip
    return [
        Heading(level=2, text=f"{one.name}: {one.title}"),
        Paragraph(text=text.strip()),
        Table(id="replication", caption="", columns=_LINES, rows=rows, part=one.name,
              title=one.title),
        *_without_time({f"{line.row} {line.column}": line.no_time for line in one.lines}),
    ]  # fmt: skip
