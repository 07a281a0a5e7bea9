"""What all figures share: colours that a colour-blind reader can tell apart, markers, ticks."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convbench.core import text as show

if TYPE_CHECKING:
    from collections.abc import Sequence

# Okabe and Ito's colours, without yellow (too light on white) and with grey for the eighth.
COLOURS: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F",
)  # fmt: skip
COUNT_COLOUR: Final = COLOURS[0]
TIME_COLOUR: Final = COLOURS[1]
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "p")
_UNREADABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST: Final = 48
_TEXT_SHADE: Final = 0.65


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


def round_values(low: float, high: float) -> list[float]:
    """Return few round values from `low` to `high`, for the ticks of a linear axis."""
    from matplotlib.ticker import MaxNLocator

    values = MaxNLocator(nbins=5).tick_values(low, high)
    return [float(value) for value in values if low <= value <= high]


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
