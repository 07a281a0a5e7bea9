"""What all figures share: colours that a colour-blind reader can tell apart, markers, ticks."""

from __future__ import annotations

import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from convbench.core import text as show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from convbench.report.axes import Whisker

    Colour = str | tuple[str, float]

# Okabe and Ito's colours, without yellow (too light on white) and with grey for the eighth.
COLOURS: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F",
)  # fmt: skip
COUNT_COLOUR: Final = COLOURS[0]
TIME_COLOUR: Final = COLOURS[1]
GRID: Final = "#DDDDDD"
FAINT: Final = "#888888"
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "p")
_UNREADABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST: Final = 48
_TEXT_SHADE: Final = 0.65
_NARROW: Final = 1000.0


def look(name: str, series: Sequence[str]) -> tuple[str, str]:
    """Return (colour, marker) of a name; 88 names in `series` differ in one or the other."""
    index = series.index(name)
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def darker(colour: str) -> str:
    """Return the colour for text, dark enough to read on white."""
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{int(part * _TEXT_SHADE):02X}" for part in parts)


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return a name as it can be drawn: one line, in signs of the font, no longer than a label."""
    text = _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    if not text.isascii():
        known = _drawable()
        text = "".join(sign if ord(sign) in known else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@cache
def _drawable() -> frozenset[int]:
    """Return the signs that DejaVu Sans has, the font of every figure: others would be boxes."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    path = Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return frozenset(get_font(str(path)).get_charmap())


def plain_title(text: str) -> str:
    """Return a title as it can be drawn, at most 110 characters."""
    return plain(text, longest=110)


def few_ticks() -> MaxNLocator:
    """Return a locator of few round values on a linear axis."""
    return MaxNLocator(nbins=5)


def formatter(show_value: Callable[[float], str]) -> FuncFormatter:
    """Return a formatter of ticks that shows each value so; zero is always 0."""
    return FuncFormatter(partial(_tick, show_value))


def _tick(show_value: Callable[[float], str], value: float, _position: int | None) -> str:
    return show_value(value) if value > 0 else "0"


def lengths(value: float, seen: Whisker | None) -> list[list[float]] | None:
    """Return the lengths of a whisker below and above a value; None where there is none."""
    return [[value - seen.low], [seen.high - value]] if seen else None


def arrows(axes: Axes, seen: Whisker | None, at: float, colour: Colour, *, across: bool) -> None:
    """Draw arrowheads where a whisker is cut; `across` for one from left to right."""
    if seen is None:
        return
    signs = ("<", ">") if across else ("v", "^")
    ends = ((seen.low, seen.cut_low), (seen.high, seen.cut_high))
    for (end, cut), sign in zip(ends, signs, strict=True):
        if cut:
            x, y = (end, at) if across else (at, end)
            axes.plot([x], [y], marker=sign, ms=5.5, color=colour, clip_on=False, zorder=5)


def log_ticks(axis: Axis, show_value: Callable[[float], str]) -> None:
    """Give a log axis ticks that people read: 1 M, 10 M; 0.1 ms.

    A span of less than three decades has ticks at 1, 2 and 5, any wider one at powers of ten.
    """
    low, high = sorted(axis.get_view_interval())
    narrow = low > 0 and high / low < _NARROW
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=12))
    axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=50))
    axis.set_major_formatter(formatter(show_value))
    axis.set_minor_formatter(NullFormatter())


def tick_count(value: float) -> str:
    """Return a count as on an axis: 1 k, 10 M."""
    return short(value, ("", " k", " M", " G", " T", " P"))


def tick_rate(value: float) -> str:
    """Return a rate as beside its line: 10 GMAC/s."""
    return f"{short(value, (' ', ' k', ' M', ' G', ' T', ' P'))}MAC/s"


def tick_seconds(value: float) -> str:
    """Return a duration as on an axis: 20 µs, 500 µs, 2 ms."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale * (1 - 1e-9):
            return f"{value / scale:g} {unit}"
    return f"{value / 1e-9:g} ns"


def tick_ratio(value: float) -> str:
    """Return a ratio as on an axis, without exponents: 0.01, 0.5, 20."""
    return show.significant(value, 1) if value < 1 else f"{value:g}"


def short(value: float, prefixes: Sequence[str]) -> str:
    """Return a number of few digits with the prefix of its thousands."""
    power = 0
    while value >= 1000 * (1 - 1e-9) and power + 1 < len(prefixes):
        value /= 1000
        power += 1
    return f"{value:g}{prefixes[power]}"
