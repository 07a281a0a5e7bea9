"""Colours and marks of the page: those of the pictures, and their like on a dark ground."""

from __future__ import annotations

from typing import Final

from convbench.report.figures import style

# In the order of `style.COLOURS`: each a lighter one of the same hue, and white for black.
_DARK: Final = (
    "#3B9CE2", "#F0803C", "#21BD93", "#E6A3CB", "#F3B73B", "#94D6FF", "#F4F4F4", "#A9A9A9",
)  # fmt: skip

TEXT: Final = "#24292F"
BAND: Final = "#FFF1C2"
"""Behind the row of a case that is followed."""
PAPER: Final = "#FFFFFF"
ROLES: Final = {
    "text": TEXT, "one": "#57606A", "link": "#B9BEC5", "grid": "#DDDDDD", "faint": "#6B7280",
    "axis": "#8C959F", "roof": "#444C56",
}  # fmt: skip

DARK: Final[dict[str, str]] = {
    **dict(zip(style.COLOURS, _DARK, strict=True)),
    **dict(
        zip(
            ROLES.values(),
            ("#DDE2E8", "#A8B1BB", "#565D66", "#30363D", "#98A1AC", "#6E7681", "#B6BEC8"),
            strict=True,
        )
    ),
    BAND: "#3F3413",
    PAPER: "#14181D",
}
"""What takes the place of each colour of a figure on a dark ground."""

MARKS: Final[dict[str, str]] = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down",
    "P": "cross", "X": "x", "<": "triangle-left", ">": "triangle-right", "h": "hexagon",
    "p": "pentagon",
}  # fmt: skip
"""Plotly's name of each mark of the pictures."""

CROSSES: Final = {
    "x": "x-thin-open", "+": "cross-thin-open", "1": "y-down-open", "2": "y-up-open",
    "3": "y-left-open", "4": "y-right-open",
}  # fmt: skip
"""Plotly's name of each mark that is nothing but lines."""

SHAPES: Final[dict[str, str]] = {
    "circle": "M8 2.5a5.5 5.5 0 1 0 .01 0z",
    "square": "M3 3h10v10H3z",
    "triangle-up": "M8 2 14.5 13.5h-13z",
    "diamond": "M8 1 15 8 8 15 1 8z",
    "triangle-down": "M8 14 14.5 2.5h-13z",
    "cross": "M5.6 2h4.8v3.6H14v4.8h-3.6V14H5.6v-3.6H2V5.6h3.6z",
    "x": "M4.8 1.6 8 4.8l3.2-3.2 3.2 3.2L11.2 8l3.2 3.2-3.2 3.2L8 11.2l-3.2 3.2-3.2-3.2L4.8 8"
         " 1.6 4.8z",
    "triangle-left": "M2 8 13.5 1.5v13z",
    "triangle-right": "M14 8 2.5 1.5v13z",
    "hexagon": "M8 1.5 13.6 4.75v6.5L8 14.5 2.4 11.25v-6.5z",
    "pentagon": "M8 1.5 14.5 6.3 12 14H4L1.5 6.3z",
}  # fmt: skip
"""Each mark as a path in a square of 16, for text."""


def colour(name: str) -> str:
    """Return the colour of a role, or the colour itself."""
    return ROLES.get(name, name)


def words(name: str) -> str:
    """Return the colour of words: those of marks are too light for them."""
    return ROLES.get(name, TEXT)


def symbol(mark: str) -> str:
    """Return Plotly's name of a mark."""
    return MARKS.get(mark) or CROSSES[mark]
