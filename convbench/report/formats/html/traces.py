"""The marks, lines and words of a picture, as traces for Plotly."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

from convbench.report.figures import style
from convbench.report.figures.picture import BAR, Line, Mark, Rule, Words, steady
from convbench.report.formats.html import look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.figures.picture import Key, Part
    from convbench.report.formats.html.names import Names

Trace = dict[str, Any]

_PIXELS: Final = 4 / 3
"""Of a point."""
_DASHES: Final = {"-": "solid", "-.": "dashdot", ":": "dot"}
_FAINT: Final = "8C"  # whiskers stand back behind the marks


def text(plain: str, longest: int = 48) -> str:
    """Return a name that Plotly shows as it is: in one line, shortened, and no markup in it.

    Nor is anything between dollar signs a formula.
    """
    return html.escape(style.plain(plain, longest), quote=False).replace("$", "&#36;")


def traces(part: Part, names: Names) -> Iterator[Trace]:
    """Yield what is drawn of one thing; rules are shapes, and no traces."""
    if isinstance(part, Rule):
        return
    case = names.number(part.case)
    shared = {"type": "scatter", "hoverinfo": "skip", "meta": case, "showlegend": False}
    match part:
        case Line():
            yield {
                **shared, "mode": "lines", "line": stroke(part.colour, part.width),
                "x": [steady(x) for x in part.x], "y": [steady(y) for y in part.y],
            }  # fmt: skip
        case Words():
            yield {
                **shared, "mode": "text", "x": [steady(part.x)],
                "y": [steady(part.y)], **_words(part),
                "cliponaxis": False, **_noted(part.note),
            }  # fmt: skip
        case Mark():
            yield from _mark(part, shared)


def marker(symbol: str, colour: str, size: float, *, hollow: bool) -> dict[str, Any]:
    """Return a mark; a hollow one is filled with the colour of the page."""
    return {
        "symbol": symbol,
        "size": round(1.5 * size),
        "color": look.PAPER if hollow else colour,
        "line": {"color": colour, "width": 1.8},
        "opacity": 1,
    }


def _mark(mark: Mark, shared: Trace) -> Iterator[Trace]:
    """Yield a mark with its whisker, and arrowheads where that is cut."""
    bar = mark.symbol == BAR
    colour = look.TEXT if bar else look.colour(mark.colour)
    seen, across = mark.seen, mark.across
    for end, high in seen.cuts if seen else ():
        sign = ("right" if high else "left") if across else ("up" if high else "down")
        yield {
            **shared, "mode": "markers", "cliponaxis": False, "x": [end if across else mark.x],
            "y": [mark.y if across else end],
            "marker": {"symbol": f"triangle-{sign}", "size": 8, "color": colour},
        }  # fmt: skip
    trace = {**shared, "x": [mark.x], "y": [mark.y], **_noted(mark.note)}
    if bar:
        filled = {"color": look.colour(mark.colour)}
        trace |= {"type": "bar", "orientation": "h", "width": 0.66, "marker": filled}
    else:
        shown = marker(look.symbol(mark.symbol), colour, mark.size, hollow=mark.hollow)
        trace |= {"mode": "markers", "marker": shown}
    if seen:
        middle = mark.x if across else mark.y
        trace[f"error_{'x' if across else 'y'}"] = {
            "type": "data", "symmetric": False, "array": [seen.high - middle],
            "arrayminus": [middle - seen.low], "color": colour + (_FAINT if mark.faint else ""),
            "thickness": 1.4, "width": 3.5,
        }  # fmt: skip
    yield trace


def _noted(note: int | None) -> Trace:
    return {} if note is None else {"customdata": [note], "hoverinfo": "none"}


def _words(words: Words) -> Trace:
    across, up = words.side
    said = text(words.text)
    side = f"{('middle', 'top', 'bottom')[up]} {('center', 'right', 'left')[across]}"
    return {
        "text": [("", f" {said}", f"{said} ")[across] or said],
        "textposition": side,
        "textfont": {"size": 11 if words.small else 12, "color": look.words(words.colour)},
    }


def key(key: Key) -> Trace:
    """Return an entry of the legend that draws nothing."""
    drawn = (
        {
            "mode": "markers",
            "marker": marker(
                look.symbol(key.symbol), look.colour(key.colour), 6.5, hollow=key.hollow
            ),
        }
        if key.symbol
        else {"mode": "lines", "line": stroke(key.colour, 1.5, key.dash)}
    )
    return {
        "type": "scatter", "x": [None], "y": [None], "name": text(key.text, 90),
        "showlegend": True, "hoverinfo": "skip", "meta": None, **drawn,
    }  # fmt: skip


def stroke(colour: str, width: float, dash: str = "-") -> dict[str, Any]:
    """Return a line; `width` is in points."""
    return {"color": look.colour(colour), "width": round(width * _PIXELS, 2), "dash": _DASHES[dash]}
