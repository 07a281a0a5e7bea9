"""What the variants of a type say, and published experiments beside this device, as documents."""

from __future__ import annotations

from typing import Final

from convbench.core import text as show
from convbench.core.intervals import RatioInterval
from convbench.experiments.dispatch import LAYOUTS, Dispatched, Flip, Variant, implementation
from convbench.report.document import Bullet, Bullets, Column, Document, Paragraph, Table

_MOST_FLIPS: Final = 6


def dispatch_page(found: Dispatched, device: str) -> Document:
    """Return what flips the implementation, in sentences, and the table of all variants."""
    flips = [Bullet(text=_flip(flip, found)) for flip in found.flips[:_MOST_FLIPS]]
    if more := len(found.flips) - len(flips):
        flips.append(Bullet(text=f"{show.plural(more, 'further change')} in the table."))
    told = f"As asked: float32, 1 thread, batch {found.spec.batch}, on {device}."
    if not flips:
        told += " None of these changes flips the implementation."
    return Document(
        title=f"What runs for {found.kind.label} in the slot {found.spec.title}",
        blocks=(
            Paragraph(text=told),
            *((Bullets(items=tuple(flips)),) if flips else ()),
            _variants(found),
            *_without_time(found),
            Paragraph(text=_basis(found)),
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
    return f"{where}: {what} runs {now} in place of {was}, and {_speed(flip)}."


def _speed(flip: Flip) -> str:
    faster = flip.ratio.value < 1
    number, _, evidence = show.times_interval(flip.ratio, inverse=faster).partition(" ")
    text = f"is {number} as fast" if faster else f"takes {number} as long"
    return f"{text}{'' if flip.same_work else ' for each multiplication'} {evidence}"


def _variants(found: Dispatched) -> Table:
    base = next(iter(found.variants)).name
    return Table(
        id="variants",
        caption="",
        columns=(
            Column(name="variant", key="variant"),
            Column(name="channels", key="layout"),
            Column(name="implementation", key="implementation"),
            Column(name="time of a call", key="seconds", kind="seconds"),
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


def _without_time(found: Dispatched) -> tuple[Paragraph, ...]:
    reasons: dict[str, list[str]] = {}
    for one in found.variants:
        try:
            found.raced.measurement.interval(one.name)
        except ValueError as error:
            said = (
                str(error).removeprefix(f"{one.name} has no time: ").removeprefix(f"{one.name}: ")
            )
            said = said.removesuffix(" The raw times are in .samples.")
            reasons.setdefault(said.rstrip("."), []).append(one.name)
    return tuple(
        Paragraph(text=f"No time: {'; '.join(names)}: {why}.") for why, names in reasons.items()
    )


def _basis(found: Dispatched) -> str:
    return (
        f"{found.raced.measurement.basis} Interleaved in random order. ÷ as asked: time for each "
        "multiplication, divided by that of the first row. Reorders: calls that only "
        "move data between memory layouts. Implementations: from oneDNN's log and PyTorch's "
        "dispatcher, for what computes products. Dense, block-diagonal weights: computes the same "
        "(Qin et al., arXiv:1803.09926) with multiplications by zero, which are not counted here."
    )
