"""How a value looks to a reader: asked by every renderer, so that a number looks the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from convbench.timing.stats import Interval, RatioInterval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Kind

MISSING: Final = "–"
"""Shown where there is no value."""

_THOUSAND: Final = 1000
_MOST_DECIMALS: Final = 6
_MILLION: Final = 1_000_000
_FULL_CONFIDENCE: Final = 0.95
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def significant(value: float, digits: int) -> str:
    """Return the value with that many significant digits, never in exponents: 0.0412, 12,300."""
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    # The exponent after rounding: 9.99 to two digits is 10, which has one decimal fewer.
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    decimals = max(0, digits - 1 - exponent)
    return f"{value:,.{decimals}f}"


def count(value: float) -> str:
    """Return a count: 86,400 in full below a million, then 4 digits and a prefix: 978.9 M."""
    if not math.isfinite(value):
        return MISSING
    if abs(value) < _MILLION:
        return f"{value:,.0f}"
    return _prefixed(value, digits=4)


def _prefixed(value: float, digits: int) -> str:
    power = 0
    while power + 1 < len(_PREFIXES) and abs(float(f"{value:.{digits - 1}e}")) >= _THOUSAND:
        value /= _THOUSAND
        power += 1
    return f"{significant(value, digits)} {_PREFIXES[power]}".rstrip()


def size(value: float) -> str:
    """Return a number of bytes with a decimal prefix: 1.61 MB."""
    if not math.isfinite(value):
        return MISSING
    if abs(value) < _THOUSAND:
        return f"{value:,.0f} B"
    return f"{_prefixed(value, digits=3)}B"


def seconds(value: float | Interval) -> str:
    """Return a duration with 3 digits, 1.23 ms; of an Interval also its ends, in the same unit.

    A single value has no interval, so none is shown where the confidence is 0.
    """
    middle = value.value if isinstance(value, Interval) else value
    if not math.isfinite(middle):
        return MISSING
    scale, unit = _unit(middle)
    if isinstance(value, Interval) and value.confidence:
        ends = _range(value.low / scale, value.high / scale, _decimals(middle / scale, 3))
        return f"{significant(middle / scale, 3)} {unit} ({ends})"
    return f"{significant(middle / scale, 3)} {unit}"


def _unit(value: float) -> tuple[float, str]:
    for scale, unit in _SECONDS:
        # As rounded: 999.96 µs reads 1.00 ms.
        if float(f"{abs(value):.2e}") >= scale:
            return scale, unit
    return _SECONDS[-1] if value else (1.0, "s")


def ratio(value: float | RatioInterval, digits: int = 3) -> str:
    """Return a ratio: 0.127; of a RatioInterval also its ends: 0.412 (0.398–0.430).

    A single pair has no interval, so none is shown where the confidence is 0.
    """
    middle = value.value if isinstance(value, RatioInterval) else value
    if not math.isfinite(middle):
        return MISSING
    if isinstance(value, RatioInterval) and value.confidence:
        ends = _range(value.low, value.high, _decimals(middle, digits))
        return f"{significant(middle, digits)} ({ends})"
    return significant(middle, digits)


def _decimals(value: float, digits: int) -> int:
    return len(significant(value, digits).partition(".")[2])


def _range(low: float, high: float, decimals: int) -> str:
    return f"{low:,.{decimals}f}–{high:,.{decimals}f}"


def times(value: float) -> str:
    """Return a factor as in a sentence: 7.9×, 12×, and 1.04× where two digits would say 1.0."""
    short = significant(value, 2)
    return f"{significant(value, 3) if short in {'1.0', '1', '0.99'} else short}×"


def times_interval(value: RatioInterval, *, inverse: bool = False) -> str:
    """Return a factor with its ends, 2.4× (95 % interval 2.3–2.5); `inverse` turns it over."""
    middle, low, high = value.value, value.low, value.high
    if inverse:
        middle, low, high = 1 / middle, 1 / high, 1 / low
    narrow = significant(low, 2) == significant(high, 2)
    digits = 3 if narrow or significant(middle, 2) in {"1.0", "0.99"} else 2
    decimals = _decimals(middle, digits)
    # an end that is not 1 must not read 1: it is what the verdict hangs on
    while decimals < _MOST_DECIMALS and any(
        end != 1 and float(f"{end:.{decimals}f}") == 1 for end in (low, high)
    ):
        decimals += 1
    ends = _range(low, high, decimals)
    return f"{significant(middle, digits)}× ({confidence(value.confidence)} interval {ends})"


def confidence(value: float) -> str:
    """Return what an interval reaches: 95 % where it reaches that or more, else what it does."""
    if value >= _FULL_CONFIDENCE:
        return "95 %"
    return f"{significant(100 * value, 3)} %" if value else "0 %"


def share(value: float) -> str:
    """Return a share as a percentage: 1.3 %."""
    if not math.isfinite(value):
        return MISSING
    return f"{significant(100 * value, 2)} %"


def listing(names: Sequence[str], most: int = 0) -> str:
    """Return names as in a sentence: a, b and c; beyond `most` (0: no limit) how many more."""
    if most and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return names[0] if names else ""


def plural(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: 1 case, 12 cases, no cases."""
    word = noun if number == 1 else many or f"{noun}s"
    return f"{number:,} {word}" if number else f"no {word}"


def cell(value: Any, kind: Kind) -> str:  # noqa: PLR0911  (one line for each kind of value)
    """Return how a table shows a raw value; a value that is not of the kind is shown as text."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Interval):
        return seconds(value)
    if isinstance(value, RatioInterval):
        return ratio(value)
    if isinstance(value, int | float):
        return _number(value, kind)
    if isinstance(value, list | tuple):
        return ", ".join(cell(item, "text") for item in value) or MISSING
    if isinstance(value, dict):
        return ", ".join(f"{key}: {cell(item, 'text')}" for key, item in value.items()) or MISSING
    return str(value)


def _number(value: float, kind: Kind) -> str:
    if not math.isfinite(value):
        return MISSING
    if kind == "integer":
        return f"{value:,.0f}"
    show = {"count": count, "seconds": seconds, "ratio": ratio, "share": share, "bytes": size}
    return show[kind](value) if kind in show else str(value)
