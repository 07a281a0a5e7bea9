"""What a notebook shows of a value: said by a view, which is registered from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

VIEWS: Final[dict[str, Callable[[], Any]]] = {}
"""By name, what imports the module whose `html` (and `latex`) show a kind of value."""


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
