"""What `doctor` found, as lines for a terminal: the verdict, the warnings, the fingerprint."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from convbench.core import text as show
from convbench.machine.advice import Advice
from convbench.machine.fingerprint import GROUPS
from convbench.machine.resolution import FOUND_SHARE, Resolution, SizeResolution

WIDTH: Final = 80
DEFINITION: Final = (
    "“Can tell” is the smallest difference that would have been found in at least "
    f"{100 * FOUND_SHARE:.0f} % of these A/A trials (a call against itself), whichever side was "
    "the slower. It holds for comparisons as long as these, within one process. “≠1” counts the "
    "trials that found a difference where there is none; about 5 % do by construction."
)

_MARKS: Final = {"serious": "!!", "warning": "! ", "note": "· "}
_STYLES: Final = {"serious": "bold red", "warning": "yellow", "note": ""}
_NAME: Final = 24
_TABLE: Final = "  {:<7} {:>8} {:>9} {:>7} {:>4}  {:>14} {:>9}  {:>9}"


class Line(NamedTuple):
    """A line of at most 80 characters, and how a terminal with colours shows it."""

    text: str
    style: str = ""


def page(
    resolution: Resolution, warnings: Sequence[Advice], fingerprint: Mapping[str, Any]
) -> Iterator[Line]:
    """Yield the lines of the page: verdict first, then warnings, then the fingerprint."""
    for line in verdict(resolution):
        yield from _wrapped(line, style="bold")
    yield Line("")
    yield from _sizes(resolution)
    yield Line("")
    yield from _warnings(warnings)
    yield from _facts(fingerprint)


def verdict(resolution: Resolution) -> list[str]:
    """Return what this machine can tell, in a sentence a size, the largest size first."""
    told = [_sentence(resolution, size) for size in reversed(resolution.sizes)]
    if not resolution.believable:
        told.append(
            f"But {resolution.excluding_one} of {resolution.trials} trials found a difference "
            "where there is none: do not rely on it."
        )
    return told


def percent(share: float | None) -> str:
    """Return a share in per cent to two digits, never rounded to 0: 0.0127 is "1.3 %"."""
    return "none" if share is None or not math.isfinite(share) else show.share(share)


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them, to two or three digits: "2.1 ms"."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            value = seconds / scale
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"  # noqa: PLR2004
    return f"{seconds / 1e-9:.0f} ns"


def _sentence(resolution: Resolution, size: SizeResolution) -> str:
    threads = f"{resolution.threads} thread" + ("s" if resolution.threads > 1 else "")
    where = (
        f"({duration(size.seconds_per_call)} call, {threads}, {resolution.device}, comparisons of "
        f"{duration(size.seconds_per_trial)})"
    )
    if size.smallest_difference is None:
        return f"This machine cannot tell any difference {where}."
    return (
        f"This machine can tell differences of about {percent(size.smallest_difference)} {where}."
    )


def _sizes(resolution: Resolution) -> Iterator[Line]:
    head = ("call", "lasts", "a trial", "trials", "≠1", "± typically", "± widest", "can tell")
    yield Line(_TABLE.format(*head))
    for size in resolution.sizes:
        row = (
            size.name,
            duration(size.seconds_per_call),
            duration(size.seconds_per_trial),
            len(size.trials),
            size.excluding_one,
            percent(size.typical),
            percent(size.widest),
            percent(size.smallest_difference),
        )
        yield Line(_TABLE.format(*row))
    for size in resolution.sizes:
        yield from _wrapped(f"{size.name}: {size.what}", indent=2)
    pages = "kept" if resolution.allocator == "kept" else "given back to the system"
    yield from _wrapped(f"Freed pages were {pages}. {DEFINITION}", indent=2)


def _warnings(warnings: Sequence[Advice]) -> Iterator[Line]:
    if not warnings:
        yield Line("No warnings.", "bold green")
        yield Line("")
    else:
        yield Line("Warnings and remedies", "bold")
    for each in warnings:
        mark = _MARKS[each.severity]
        yield from _wrapped(f"{mark} {each.cause}", indent=0, hang=3, style=_STYLES[each.severity])
        yield from _wrapped(f"→ {each.remedy}", indent=3, hang=5)
        yield Line("")


def _facts(fingerprint: Mapping[str, Any]) -> Iterator[Line]:
    placed = {key for keys in GROUPS.values() for key in keys}
    others = tuple(key for key in fingerprint if key not in placed)
    for title, keys in {**GROUPS, "Others": others}.items():
        shown = [key for key in keys if key in fingerprint]
        if shown:
            yield Line(title, "bold")
        for key in shown:
            text = f"{key:<{_NAME}} {_value(fingerprint[key])}"
            yield from _wrapped(text, indent=2, hang=_NAME + 3)


def _value(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _wrapped(
    text: str, *, indent: int = 0, hang: int | None = None, style: str = ""
) -> Iterator[Line]:
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hang is None else hang),
        drop_whitespace=True,
        replace_whitespace=False,
    )
    for line in lines:
        yield Line(line, style)
