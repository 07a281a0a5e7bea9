"""The pen: drawings as SVG text inside a page, so that they follow its colours, light or dark.

Everything is drawn in the page's text colour, or in one of two that the style sheet sets for both
schemes. Same calls, same bytes: nothing here knows a clock, a font or a random number.
"""

from __future__ import annotations

from typing import Final, Literal

from convbench_docs.text import anchor, markup

Colour = Literal["text", "count", "time"]
Place = Literal["start", "middle", "end"]

_COLOURS: Final = {
    "text": "currentColor",
    # Okabe and Ito's blue and vermilion, as in the report's figures; lighter ones on a dark page
    "count": "var(--cb-count, #0072B2)",
    "time": "var(--cb-time, #D55E00)",
}


class Drawing:
    """A drawing of a fixed size, in pixels; a page that is narrower shrinks it."""

    def __init__(self, width: float, height: float, *, name: str, title: str, alt: str) -> None:
        """Begin an empty one.

        name: unique on the page. title: what it is. alt: what it shows, for who cannot see it.
        """
        self.width, self.height = width, height
        self._id = anchor(name)
        self._title, self._alt = title, alt
        self._parts: list[str] = []

    def rect(
        self,
        at: tuple[float, float],
        size: tuple[float, float],
        *,
        fill: Colour | None = None,
        strength: float = 1.0,
        outline: float = 0.0,
        dashed: bool = False,
        round_by: float = 0.0,
        says: str = "",
    ) -> None:
        """Draw a rectangle.

        strength: of the filling, 0 to 1. outline: its strength; 0 for none. says: what a pointer
        that rests on it is told.
        """
        look = (
            f'fill="{_COLOURS[fill]}" fill-opacity="{_number(strength)}"' if fill else 'fill="none"'
        )
        if outline:
            look += f' stroke="currentColor" stroke-opacity="{_number(outline)}"'
        if dashed:
            look += ' stroke-dasharray="3 3"'
        if round_by:
            look += f' rx="{_number(round_by)}"'
        (x, y), (width, height) = at, size
        told = f"<title>{markup(says)}</title>" if says else ""
        self._parts.append(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" '
            f'height="{_number(height)}" {look}>{told}</rect>'
        )

    def text(
        self,
        at: tuple[float, float],
        words: str,
        *,
        size: float = 12,
        place: Place = "start",
        strength: float = 1.0,
        bold: bool = False,
        upright: bool = True,
    ) -> None:
        """Write words; `at` is the left, middle or right end of their base line."""
        x, y = at
        look = ' font-weight="bold"' if bold else ""
        if not upright:
            look += f' transform="rotate(-90 {_number(x)} {_number(y)})"'
        self._parts.append(
            f'<text x="{_number(x)}" y="{_number(y)}" font-size="{_number(size)}" '
            f'text-anchor="{place}" fill="currentColor" fill-opacity="{_number(strength)}"{look}>'
            f"{markup(words)}</text>"
        )

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        *,
        colour: Colour = "text",
        strength: float = 1.0,
        width: float = 1.0,
        dashed: bool = False,
        arrow: bool = False,
    ) -> None:
        """Draw a line, straight down or across where it has an arrow at its end."""
        (x1, y1), (x2, y2) = start, end
        stroke = (
            f'stroke="{_COLOURS[colour]}" stroke-opacity="{_number(strength)}" '
            f'stroke-width="{_number(width)}"'
        )
        if dashed:
            stroke += ' stroke-dasharray="3 3"'
        self._parts.append(
            f'<line x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}" '
            f"{stroke}/>"
        )
        if arrow:
            tip = f"{_number(x2)},{_number(y2)}"
            left, right = _number(x2 - 4), _number(x2 + 4)
            back = _number(y2 - 7)
            self._parts.append(
                f'<polygon points="{tip} {left},{back} {right},{back}" '
                f'fill="{_COLOURS[colour]}" fill-opacity="{_number(strength)}"/>'
            )

    def circle(
        self, at: tuple[float, float], radius: float, *, colour: Colour, filled: bool = True
    ) -> None:
        """Draw a mark; one that is not filled shows the page within."""
        x, y = at
        fill = _COLOURS[colour] if filled else "var(--md-default-bg-color, white)"
        self._parts.append(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}" fill="{fill}" '
            f'stroke="{_COLOURS[colour]}" stroke-width="1.5"/>'
        )

    def markup(self) -> str:
        """Return the drawing as one line of SVG, with its title and its text for who cannot see."""
        heads = f"{self._id}-title {self._id}-alt"
        return (
            f'<svg class="cb-drawing" xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {_number(self.width)} {_number(self.height)}" '
            f'style="max-width: {_number(self.width)}px" role="img" aria-labelledby="{heads}">'
            f'<title id="{self._id}-title">{markup(self._title)}</title>'
            f'<desc id="{self._id}-alt">{markup(self._alt)}</desc>{"".join(self._parts)}</svg>'
        )


def figure(drawings: list[Drawing], caption: str) -> str:
    """Return drawings side by side, where there is room, above their caption (plain text)."""
    drawn = "".join(
        f'<div class="cb-panel" style="flex: 0 1 {_number(drawing.width)}px">'
        f"{drawing.markup()}</div>"
        for drawing in drawings
    )
    return (
        f'<figure class="cb-figure"><div class="cb-panels">{drawn}</div>'
        f"<figcaption>{markup(caption)}</figcaption></figure>"
    )


def _number(value: float) -> str:
    """Return a coordinate without noise in its last digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
