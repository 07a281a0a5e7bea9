"""NetworkFormula: what a network multiplies, as a formula in its batch and resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import sympy

from convbench.core.errors import SpecError
from convbench.core.notebook_views import OneLine, Shown
from convbench.formulas.tracing.evaluating import LIMIT, bound, value
from convbench.formulas.tracing.writing import LATEX, text, write


@dataclass(frozen=True, kw_only=True, repr=False)
class NetworkFormula(OneLine, Shown, view="formulas"):
    """The exact multiplications of one forward pass, for any input that meets the constraints.

    multiplications: a SymPy expression in `symbols`; 1 multiply-accumulate is 1. by_operator: its
    parts, by operator. parameters: elements, shared ones once. unsupported: operators that may
    multiply and whose rule is not known, with their calls: `multiplications` is then a lower bound.
    constraints: SymPy conditions on the symbols, outside of which nothing is known. fixed: sizes
    that are numbers in the formula, by the name they would have. notes: what else to know, in
    words. given: the sizes of the input that was traced. source: where the formula comes from.
    """

    multiplications: sympy.Expr
    parameters: int
    by_operator: dict[str, sympy.Expr]
    symbols: tuple[sympy.Symbol, ...]
    unsupported: dict[str, int] = field(default_factory=dict)
    constraints: tuple[sympy.Basic, ...] = ()
    fixed: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    given: dict[str, int] = field(default_factory=dict)
    source: str = ""

    @property
    def complete(self) -> bool:
        """Tell whether every operator's rule is known."""
        return not self.unsupported

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols' names, such as B, H and W."""
        return tuple(symbol.name for symbol in self.symbols)

    def evaluate(self, **sizes: Any) -> Any:
        """Return the multiplications at sizes: `evaluate(B=1, H=256, W=128)`.

        Every size is an int or an array of integers, and arrays broadcast: the result is an int of
        any size, or an int64 array of the broadcast shape. Raises SpecError for a size that is
        missing, unknown or no whole number of at least 1, one that breaks a constraint, arrays
        that do not broadcast, and a result in an array that passes 2**63.
        """
        numbers = self._numbers(sizes)
        arrays = [number for number in numbers.values() if not isinstance(number, int)]
        if not arrays:
            self._check(numbers)
            return value(self.multiplications, numbers)
        try:
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
        except ValueError:
            shapes = ", ".join(
                f"{n} {a.shape}" for n, a in numbers.items() if not isinstance(a, int)
            )
            raise SpecError(
                f"The arrays do not broadcast: {shapes}. Give them one shape, or axes of length 1 "
                "for every combination: H[:, None], W[None, :]."
            ) from None
        largest = {
            name: number if isinstance(number, int) else int(number.max(initial=1))
            for name, number in numbers.items()
        }
        wide = any(bound(item, largest) >= LIMIT for item in self._expressions)
        if wide:  # slower, and exact: Python integers in arrays
            numbers = {
                name: number if isinstance(number, int) else number.astype(object)
                for name, number in numbers.items()
            }
        self._check(numbers)
        found = value(self.multiplications, numbers)
        if wide and np.any(found >= LIMIT):
            raise SpecError(
                f"The multiplications at {_shown(sizes)} pass 2**63, which a 64-bit array cannot "
                "hold: give these sizes one by one as plain integers, which have no limit."
            )
        return np.broadcast_to(np.asarray(found, dtype=np.int64), shape).copy()

    @property
    def _expressions(self) -> tuple[Any, ...]:
        sides = [side for condition in self.constraints for side in condition.args]
        return (self.multiplications, *sides)

    def _numbers(self, sizes: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: _number(name, size) for name, size in sizes.items()}
        for name, number in self.fixed.items():
            if not _everywhere(given.pop(name, number) == number):
                raise SpecError(
                    f"{name}={_shown(sizes[name])}: this formula holds at {name}={number} only. "
                    f"{' '.join(self.notes)}".rstrip()
                )
        if unknown := sorted(set(given) - set(self.names)):
            raise SpecError(
                f"The formula has no size {', '.join(unknown)}: its sizes are "
                f"{', '.join(self.names) or 'all fixed'}."
            )
        if missing := [name for name in self.names if name not in given]:
            raise SpecError(f"The formula needs {', '.join(missing)}: give it, as in B=1.")
        return given

    def _check(self, numbers: Mapping[str, Any]) -> None:
        for condition in self.constraints:
            met = value(condition, numbers)
            if not _everywhere(met):
                self._refuse(condition, numbers, met)

    def _refuse(self, condition: sympy.Basic, numbers: Mapping[str, Any], met: Any) -> NoReturn:
        names = sorted(symbol.name for symbol in condition.free_symbols)
        full = np.broadcast_arrays(np.asarray(met, dtype=bool), *(numbers[name] for name in names))
        at = np.unravel_index(int(np.argmin(full[0])), full[0].shape)
        shown = ", ".join(f"{name}={part[at]}" for name, part in zip(names, full[1:], strict=True))
        raise SpecError(
            f"{shown} is outside of what the formula holds for, {text(condition)}: give sizes that "
            "meet it, or trace the module again at such a size."
        )

    def __str__(self) -> str:
        """Write the formula, as a lower bound where an operator is unknown."""
        return ("" if self.complete else "≥ ") + text(self.multiplications)

    def _repr_latex_(self) -> str:
        """Write the formula for a notebook."""
        sign = "" if self.complete else r"\geq "
        return f"$\\displaystyle {sign}{write(self.multiplications, LATEX)}$"


def _number(name: str, size: Any) -> Any:
    number: Any = size
    if isinstance(size, int) and not isinstance(size, bool):
        least = size
    else:
        array = np.asarray(size)
        if array.dtype == bool or not (
            np.issubdtype(array.dtype, np.integer) and np.all(array < LIMIT)
        ):
            raise SpecError(f"{name}={_shown(size)} is not made of whole numbers: give integers.")
        number = array.astype(np.int64) if array.ndim else int(array)
        least = int(array.min(initial=1))
    if least < 1:
        raise SpecError(f"{name}={_shown(size)} holds {least}: every size must be at least 1.")
    return number


def _everywhere(condition: Any) -> bool:
    return bool(condition.all()) if hasattr(condition, "all") else bool(condition)


def _shown(sizes: Any) -> str:
    if isinstance(sizes, dict):
        return ", ".join(f"{name}={_shown(size)}" for name, size in sizes.items())
    words = " ".join(str(sizes).split())
    return words if len(words) <= 60 else f"{words[:57]}…"  # noqa: PLR2004  fits one line
