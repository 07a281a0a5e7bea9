"""Evaluate a formula exactly: Python integers of any size, or 64-bit integer arrays, never floats.

SymPy's own lambdify would take the floor of a floating-point quotient; here floor(p/q) is p // q.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

import numpy as np
import sympy

from convbench.core.errors import SpecError

LIMIT: Final = 2**63
"""What a 64-bit integer cannot hold."""


def _larger(*numbers: Any) -> Any:
    plain = not any(hasattr(number, "ndim") for number in numbers)
    return max(numbers) if plain else reduce(np.maximum, numbers)


def _smaller(*numbers: Any) -> Any:
    return -_larger(*(-number for number in numbers))


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "Add": lambda *parts: reduce(operator.add, parts),
    "Mul": lambda *parts: reduce(operator.mul, parts),
    "Pow": operator.pow,
    "Mod": operator.mod,
    "Max": _larger,
    "Min": _smaller,
    "Equality": operator.eq,
    "Unequality": operator.ne,
    "GreaterThan": operator.ge,
    "StrictGreaterThan": operator.gt,
    "LessThan": operator.le,
    "StrictLessThan": operator.lt,
    "And": lambda *parts: reduce(operator.and_, parts),
    "Or": lambda *parts: reduce(operator.or_, parts),
    "Not": lambda part: part ^ True,
    "BooleanTrue": lambda: True,
    "BooleanFalse": lambda: False,
}
"""What SymPy's functions do to integers and to arrays of them, by their name."""


def value(expression: sympy.Basic, numbers: Mapping[str, Any]) -> Any:
    """Return the expression at `numbers`: an int, an array, or a truth value for a condition.

    numbers: for each symbol's name an int, an int64 array or an array of Python integers.
    """
    known: dict[Any, Any] = {}

    def find(part: Any) -> Any:
        if part not in known:
            known[part] = _value(part, numbers, find)
        return known[part]

    return find(expression)


def _value(part: Any, numbers: Mapping[str, Any], find: Callable[[Any], Any]) -> Any:
    if part.is_Integer:
        return int(part)
    if part.is_Symbol:
        return numbers[part.name]
    if isinstance(part, sympy.Piecewise):
        return _piecewise(part, find)
    if not _is_whole(part):
        top, bottom = sympy.fraction(sympy.together(part))  # a division known to leave nothing
        if bottom != 1:
            return find(top) // find(bottom)
    kind = part.func.__name__
    if kind in {"floor", "ceiling"}:
        top, bottom = map(find, sympy.fraction(sympy.together(part.args[0])))
        return top // bottom if kind == "floor" else -(-top // bottom)
    if kind not in _FUNCTIONS:
        raise SpecError(f"{part} cannot be evaluated exactly: use SymPy's subs on the expression.")
    return _FUNCTIONS[kind](*map(find, part.args))


def _is_whole(part: Any) -> bool:
    """Tell whether no quotient stands in a sum or product outside of roundings."""
    if part.is_Add or part.is_Mul:
        return all(map(_is_whole, part.args))
    return bool(part.is_Integer or not (part.is_Rational or part.is_Pow))


def _piecewise(part: Any, find: Callable[[Any], Any]) -> Any:
    """Read the cases from the last to the first; a truth value is 0 or 1."""
    result: Any = 0
    for expression, condition in reversed(part.args):
        met = find(condition)
        result = find(expression) * met + result * (met ^ True)
    return result


def bound(expression: Any, largest: Mapping[str, int]) -> int:
    """Return what no number on the way to the value passes, in absolute value.

    largest: for each symbol's name the largest it takes. Only +, · and // are bounded closely.
    """
    peak = 0

    def size(part: Any) -> int:
        nonlocal peak
        result = _size(part)
        peak = max(peak, result)
        return result

    def _size(part: Any) -> int:
        if part.is_Symbol:
            return largest[part.name]
        if part.is_Rational:
            return abs(int(part.p))
        if isinstance(part, sympy.floor | sympy.ceiling):
            top, bottom = sympy.fraction(sympy.together(part.args[0]))
            above = size(top)
            return above // int(bottom) + 1 if bottom.is_Integer and bottom > 0 else above
        if part.is_Pow and part.exp.is_Integer and part.exp > 0:
            return int(size(part.base) ** int(part.exp))
        sizes = [size(item) for item in part.args]
        return reduce(operator.mul, sizes, 1) if part.is_Mul else sum(sizes)

    size(expression)
    return peak
