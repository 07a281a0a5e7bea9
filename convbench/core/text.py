"""How a value looks to a reader: asked by every renderer, so that a number looks the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from convbench.core.intervals import WIDEST, Interval, RatioInterval
from convbench.core.units import Kind

MISSING: Final = "–"
"""Shown where there is no value."""

_DIGITS: Final = 3
_WIDEST_SHARE: Final = 1 / 3
_MOST_LISTED: Final = 3
_THOUSAND: Final = 1000
_MOST_DECIMALS: Final = 6
_MILLION: Final = 1_000_000
_MOST_EXPONENT: Final = 15
"""Decimal exponent beyond which nobody counts the digits of a number."""
_MOST_WHOLE: Final = 10 ** (_MOST_EXPONENT + 1)
_MOST_SHARE: Final = 10.0
_FULL_CONFIDENCE: Final = 0.95
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def significant(value: float, digits: int) -> str:
    """Return the value with that many significant digits: 0.0412, 12,300.

    Only a number below 1e-15, or of 1e16 or more, is written with an exponent: 4.12e-20.
    """
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    # The exponent after rounding: 9.99 to two digits is 10, which has one decimal fewer.
    scientific = f"{value:.{digits - 1}e}"
    exponent = int(scientific.partition("e")[2])
    if abs(exponent) > _MOST_EXPONENT:
        return scientific
    decimals = max(0, digits - 1 - exponent)
    return f"{value:,.{decimals}f}"


def whole(value: float) -> str:
    """Return a whole number with all its digits, 1,234,567; of 1e16 or more with 16 of them."""
    return (
        significant(value, _MOST_EXPONENT + 1) if abs(value) >= _MOST_WHOLE else f"{round(value):,}"
    )


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


def rate(value: float) -> str:
    """Return bytes a second: 3.35 TB/s."""
    return f"{size(value)}/s" if math.isfinite(value) else MISSING


def flops(value: float) -> str:
    """Return floating-point operations a second: 67.0 TFLOP/s."""
    if not math.isfinite(value):
        return MISSING
    number, _, prefix = _prefixed(value, digits=3).partition(" ")
    return f"{number} {prefix}FLOP/s"


def seconds(value: float | Interval) -> str:
    """Return a duration with 3 digits, 1.23 ms; of an Interval also how sure it is: see `parts`."""
    return _joined(parts(value)) if isinstance(value, Interval) else _seconds(value)


def _seconds(value: float) -> str:
    if not math.isfinite(value):
        return MISSING
    scale, unit = unit_of(value)
    return f"{rounded(value / scale)} {unit}"


def unit_of(value: float) -> tuple[float, str]:
    """Return the unit in which a duration is shown, in seconds, and its name."""
    for scale, unit in _SECONDS:
        # As rounded: 999.96 µs reads 1.00 ms.
        if float(f"{abs(value):.2e}") >= scale:
            return scale, unit
    return _SECONDS[-1] if value else (1.0, "s")


def ratio(value: float | RatioInterval) -> str:
    """Return a ratio, 0.127; of a RatioInterval also how sure it is: see `parts`."""
    if isinstance(value, RatioInterval):
        return _joined(parts(value))
    return significant(value, _DIGITS)


def known(value: Interval | RatioInterval) -> bool:
    """Tell whether an interval is shown: its ends differ by no more than a factor of 2.

    That of a time is read as value ± share, and so may be no wider than a third. Formats for data
    hold every interval that is `usable`.
    """
    narrow = isinstance(value, RatioInterval) or value.half_width <= _WIDEST_SHARE
    return value.usable and narrow


def parts(value: Interval | RatioInterval) -> tuple[str, str]:
    """Return a value with 3 digits, and what is known around it in few.

    - a time, where its interval is `known`: 12.4 ms, ±4 %, the larger of the two sides;
    - a ratio, where it is: 0.412, (0.40–0.43);
    - where not, what was measured: 221 µs, (processes: 143 µs … 31.7 ms); nothing where it was
      measured once, or nobody kept what the processes said.
    """
    time = isinstance(value, Interval)
    middle = _seconds(value.value) if time else significant(value.value, _DIGITS)
    if not math.isfinite(value.value):
        return middle, ""
    if not known(value):
        return middle, f"(processes: {spread(value)})" if len(value.each) > 1 else ""
    if isinstance(value, Interval):
        return middle, f"±{percent(value.half_width)}"
    low, high = _range(value, shown=_DIGITS)
    return middle, f"({low}–{high})"


def _joined(both: tuple[str, str]) -> str:
    return " ".join(part for part in both if part)


def spread(value: Interval | RatioInterval, *, listed: bool = False) -> str:
    """Return what the processes measured: 11.2 … 20.9, of a time in its own unit where that fits.

    listed: for a sentence, with units and those in between, the middle ones of many left out:
    143 µs, 221 µs … 31.7 ms.
    """
    each = sorted(value.each)
    if isinstance(value, RatioInterval):
        texts = [significant(ratio, 2) for ratio in each]
    else:
        unit = unit_of(value.value)[1]
        texts = [_seconds(time) for time in each]
        if all(text.endswith(f" {unit}") for text in texts):
            last = len(texts) - 1 if listed else len(texts)
            bare = [text.removesuffix(f" {unit}") for text in texts]
            texts = [*bare[:last], *texts[last:]]
    if not listed:
        return f"{texts[0]} … {texts[-1]}"
    if len(texts) <= _MOST_LISTED:
        return listing(texts)
    return f"{', '.join(texts[: _MOST_LISTED - 1])} … {texts[-1]}"


def percent(share: float) -> str:
    """Return a share as a percentage, with one digit below 10 %: 0.6 %, 4 %, 12 %."""
    return _percentage(share, 1)


def about(share: float, digits: int = 1) -> str:
    """Return a share that was estimated, as in a sentence: about 4 %, more than 1,000 %."""
    text = _percentage(share, digits)
    return text if share > _MOST_SHARE else f"about {text}"


def rounded(value: float, digits: int = _DIGITS) -> str:
    """Return that many digits, also of a number that has more before its point: 2,560."""
    return significant(float(f"{value:.{digits - 1}e}"), digits)


def _range(value: RatioInterval, *, shown: int = 0) -> tuple[str, str]:
    """Return both ends with few decimals, alike: as many as 2 digits of the lower one have.

    There are more where the ends would read the same, read 1 without being 1 (it is what the
    verdict hangs on), seem further apart than a factor of 2, or leave out the value as it stands
    before them, with `shown` digits.
    """
    if not 1 / _MOST_WHOLE < value.low <= value.high < _MOST_WHOLE:
        return significant(value.low, 2), significant(value.high, 2)
    decimals = _decimals(value.low, 2)
    most = _decimals(value.value, shown) if shown else -1
    middle = float(significant(value.value, shown).replace(",", "")) if shown else 0.0
    while True:
        low, high = (float(f"{end:.{decimals}f}") for end in (value.low, value.high))
        fits = low < high <= WIDEST * low and (decimals > most or low <= middle <= high)
        told = not any(read == 1 != end for read, end in ((low, value.low), (high, value.high)))
        if (fits and told) or decimals >= _MOST_DECIMALS:
            return f"{value.low:,.{decimals}f}", f"{value.high:,.{decimals}f}"
        decimals += 1


def _decimals(value: float, digits: int) -> int:
    return len(significant(value, digits).partition(".")[2])


def times(value: float) -> str:
    """Return a factor as in a sentence: 7.9×, 12×, and 1.04× where two digits would say 1.0."""
    short = significant(value, 2)
    return f"{significant(value, 3) if short in {'1.0', '1', '0.99'} else short}×"


def times_interval(value: RatioInterval, *, inverse: bool = False) -> str:
    """Return a factor with its ends, 2.4× (95 % interval 2.3–2.5); `inverse` turns it over."""
    value = value.inverse() if inverse else value
    if not known(value):
        return f"{times(value.value)} ({evidence(value)})"
    low, _ = _range(value)
    decimals = min(len(low.partition(".")[2]), _decimals(value.value, _DIGITS))
    return f"{value.value:,.{decimals}f}× ({evidence(value)})"


def evidence(value: RatioInterval) -> str:
    """Return what a ratio in a sentence rests on: 95 % interval 2.3–2.5."""
    if known(value):
        low, high = _range(value)
        return f"{confidence(value.confidence)} interval {low}–{high}"
    if len(value.each) > 1:
        return f"processes: {spread(value)}, too far apart for an interval"
    return "interval wider than a factor of 2, not shown" if value.confidence else "no interval"


def confidence(value: float) -> str:
    """Return what an interval reaches: 95 % where it reaches that or more, else what it does."""
    if value >= _FULL_CONFIDENCE:
        return "95 %"
    return f"{significant(100 * value, 3)} %" if value else "0 %"


def share(value: float) -> str:
    """Return a share as a percentage: 1.3 %."""
    return _percentage(value, 2) if math.isfinite(value) else MISSING


def _percentage(share: float, digits: int) -> str:
    if share > _MOST_SHARE:
        return f"more than {100 * _MOST_SHARE:,.0f} %"
    return f"{significant(100 * share, digits)} %"


def listing(names: Sequence[str], most: int = 0) -> str:
    """Return names as in a sentence: a, b and c; beyond `most` (0: no limit) how many more."""
    if most and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return names[0] if names else ""


def capital(text: str) -> str:
    """Return a text as it begins a sentence; names keep their letters."""
    return text[:1].upper() + text[1:]


def precision(dtype: str, device: str) -> str:
    """Return a data type as it is told on a device: on a GPU, float32 without TF32 is named so."""
    return "ieee float32" if dtype == "float32" and device.startswith("cuda") else dtype


def on_threads(threads: int, device: str) -> str:
    """Return the threads of a measurement; empty on a GPU, whose work one of the host launches."""
    return "" if device.startswith("cuda") else plural(threads, "thread")


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
    show = {
        "integer": whole,
        "count": count,
        "seconds": seconds,
        "ratio": ratio,
        "share": share,
        "bytes": size,
        "flops": flops,
        "rate": rate,
    }
    return show[kind](value) if kind in show else str(value)
