"""Which of two sizes is the larger, wherever that can be shown for every input.

Two ways: bounds of sums, products and rounded quotients; and, for one symbol, the fact that sums
of rounded quotients repeat, so that finitely many values tell of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import sympy

from convbench.formulas.tracing.evaluating import value

Interval = tuple[Any, Any]
"""The least and the largest that an expression can be, infinities included."""

SMALLEST: Final = 1
SEARCHED: Final = 2000
"""Periods, and sizes, up to this are tried one by one."""


def at_least(larger: Any, smaller: Any, limits: Mapping[Any, Interval]) -> bool:
    """Tell whether larger >= smaller can be shown wherever the symbols are within their limits."""
    difference = sympy.expand(larger - smaller)
    return bool(interval(difference, limits)[0] >= 0) or _never_below(
        difference, tuple(sorted(limits.items(), key=str))
    )


@cache
def _never_below(difference: Any, limits: tuple[tuple[Any, Interval], ...]) -> bool:
    """Tell whether a sum of rounded quotients of one size is >= 0 in one period and grows.

    With every lcm(d1, d2, …) elements, the divisors, such a sum grows by the same amount, so one
    period and its growth tell of all that follow.
    """
    if len(difference.free_symbols) != 1:
        return False
    (name,) = difference.free_symbols
    period = _period(difference, name)
    if not 0 < period <= SEARCHED:
        return False
    first = int(dict(limits).get(name, (SMALLEST, None))[0])

    def at(number: int) -> int:
        return int(value(difference, {name.name: number}))

    grows = at(first + period) - at(first)
    return grows >= 0 and all(at(first + turn) >= 0 for turn in range(period))


def _period(expression: Any, name: Any) -> int:
    """Return after how many elements a sum of rounded quotients repeats; 0 for anything else."""
    period = 1
    for item in sympy.Add.make_args(expression):
        number, rest = item.as_coeff_Mul()
        inside = rest.args[0] if isinstance(rest, sympy.floor | sympy.ceiling) else rest
        top, bottom = sympy.fraction(sympy.together(inside))
        if not (number.is_Integer and bottom.is_Integer and _is_linear(top, name)):
            return 0
        period = int(sympy.ilcm(period, bottom))
    return period


def _is_linear(expression: Any, name: Any) -> bool:
    terms = sympy.expand(expression).as_coefficients_dict()
    return set(terms) <= {name, sympy.S.One} and all(number.is_Integer for number in terms.values())


def proven(condition: Any, limits: Mapping[Any, Interval]) -> bool:
    """Tell whether a condition can be shown wherever the symbols are within their limits."""
    if not getattr(condition, "free_symbols", ()):
        return bool(value(sympy.sympify(condition), {}))
    if isinstance(condition, sympy.Or):
        return any(proven(part, limits) for part in condition.args)
    if not condition.is_Relational:
        return False
    left, right = condition.lhs, condition.rhs
    return _SHOWN[condition.rel_op](left, right, limits)


def _equal(left: Any, right: Any, limits: Mapping[Any, Interval]) -> bool:
    del limits
    return bool(sympy.expand(left - right) == 0)


_SHOWN: Final[dict[str, Callable[[Any, Any, Mapping[Any, Interval]], bool]]] = {
    "==": _equal,
    ">=": at_least,
    ">": lambda left, right, limits: at_least(left, right + 1, limits),
    "<=": lambda left, right, limits: at_least(right, left, limits),
    "<": lambda left, right, limits: at_least(right, left + 1, limits),
    "!=": lambda left, right, limits: (
        at_least(left, right + 1, limits) or at_least(right, left + 1, limits)
    ),
}
"""How each comparison of whole numbers can be shown."""


def settled(expression: Any, limits: Mapping[Any, Interval]) -> Any:
    """Replace the larger or smaller of two sizes by that one, where it can be shown."""

    def chosen(kind: Any, *parts: Any) -> Any:
        for part in parts:
            others = [other for other in parts if other is not part]
            pairs = [(part, o) if kind is sympy.Max else (o, part) for o in others]
            if all(at_least(high, low, limits) for high, low in pairs):
                return part
        return kind(*parts, evaluate=False)  # or SymPy may think for minutes

    for kind in (sympy.Max, sympy.Min):
        if expression.has(kind):
            expression = expression.replace(kind, lambda *parts, kind=kind: chosen(kind, *parts))
    return expression


def interval(part: Any, limits: Mapping[Any, Interval]) -> Interval:  # noqa: PLR0911  one a kind
    """Return bounds of an expression; infinite ones beyond sums, products and floors."""
    whole = (-sympy.oo, sympy.oo)
    if part.is_Rational:
        return part, part
    if part.is_Symbol:
        return limits.get(part, (sympy.Integer(SMALLEST), sympy.oo))
    if part.is_Add:
        sides = [interval(item, limits) for item in part.args]
        return _sum(low for low, _ in sides), _sum(high for _, high in sides)
    if part.is_Mul:
        number, rest = part.as_coeff_Mul()
        sides = [interval(item, limits) for item in sympy.Mul.make_args(rest)]
        if any(low < 0 for low, _ in sides):
            return whole
        low, high = _product(low for low, _ in sides), _product(high for _, high in sides)
        return (number * low, number * high) if number > 0 else (number * high, number * low)
    if isinstance(part, sympy.floor | sympy.ceiling):
        low, high = interval(part.args[0], limits)
        return part.func(low), part.func(high)
    if isinstance(part, sympy.Max | sympy.Min):
        sides = [interval(item, limits) for item in part.args]
        better = max if isinstance(part, sympy.Max) else min
        return better(low for low, _ in sides), better(high for _, high in sides)
    return whole


def _sum(parts: Iterable[Any]) -> Any:
    """Add lower bounds, or upper bounds: an infinity among them is the sum."""
    listed = list(parts)
    infinite = [part for part in listed if part.is_infinite]
    return infinite[0] if infinite else sympy.Add(*listed)


def _product(factors: Iterable[Any]) -> Any:
    listed = list(factors)
    return sympy.S.Zero if 0 in listed else sympy.Mul(*listed)
