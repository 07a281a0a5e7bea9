"""How values show themselves: one line as their repr, and in a notebook by a registered view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

VIEWS: Final[dict[str, Callable[[], Any]]] = {}
"""By name, what imports the module whose `html` (and `latex`) show a kind of value."""


class OneLine:
    """Something too large to print field by field: a dataclass of this takes `repr=False`."""

    @property
    def in_short(self) -> str:
        """What it is, in one line."""
        return str(self)

    def __repr__(self) -> str:
        """Return the kind of thing, and what it is, in one line."""
        return f"<{type(self).__name__}: {' '.join(self.in_short.split())}>"


class Shown:
    """Something that a notebook shows. view: the name in VIEWS."""

    view: ClassVar[str]

    def __init_subclass__(cls, *, view: str = "") -> None:
        """Take the name of the view; a subclass without one is shown as what it is a kind of."""
        super().__init_subclass__()
        cls.view = view or cls.view

    def _repr_html_(self) -> str:
        return str(VIEWS[self.view]().html(self))


class ShownOnPaper(Shown, view="-"):
    """Something that has a form in LaTeX as well."""

    def _repr_latex_(self) -> str:
        return str(VIEWS[self.view]().latex(self))
