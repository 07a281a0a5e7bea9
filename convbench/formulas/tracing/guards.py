"""What a trace took for granted about its sizes, as conditions on the formula's symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from convbench.formulas.tracing.evaluating import value
from convbench.formulas.tracing.ordering import (
    SEARCHED,
    SMALLEST,
    Interval,
    interval,
    proven,
    settled,
)
from convbench.formulas.tracing.shape_env import guards
from convbench.formulas.tracing.sizes import canonical, presented


def conditions(
    environment: Any, ranges: Mapping[Any, Any], names: Mapping[Any, sympy.Expr]
) -> list[sympy.Basic]:
    """Return the ranges and guards of a trace that are not true of every positive size.

    environment: torch's ShapeEnv. ranges: those of the exported program.
    """
    limits: dict[Any, Interval] = {}
    for symbol, allowed in ranges.items():
        name = names.get(symbol)
        if name is None or not name.is_Symbol:
            continue
        low = max(_finite(allowed.lower, SMALLEST), SMALLEST)
        limits[name] = (sympy.Integer(low), sympy.sympify(_finite(allowed.upper, sympy.oo)))
    rewritten = [canonical(guard, names) for guard in guards(environment)]
    left = [
        _cancelled(part, limits)
        for condition in rewritten
        for part in _open(settled(condition, limits), limits)
    ]
    for condition in left:
        _narrow(condition, limits)
    found = [
        relation(name, limit, evaluate=False)
        for name, limits_of in limits.items()
        for relation, limit in zip((sympy.Ge, sympy.Le), limits_of, strict=True)
        if limit not in (SMALLEST, sympy.oo)
    ]
    found += [part for condition in left for part in _open(condition, limits)]
    return list(dict.fromkeys(presented(condition) for condition in found))


def _finite(limit: Any, otherwise: Any) -> Any:
    return int(limit) if getattr(limit, "is_Integer", isinstance(limit, int)) else otherwise


def _open(condition: Any, limits: Mapping[Any, Interval]) -> Iterable[sympy.Basic]:
    """Yield the parts of a condition that the limits leave open."""
    if isinstance(condition, sympy.And):
        for part in condition.args:
            yield from _open(part, limits)
    elif not proven(condition, limits):
        yield condition


def _cancelled(condition: Any, limits: Mapping[Any, Interval]) -> Any:
    """Drop the positive factors that both sides of an equation share."""
    if not isinstance(condition, sympy.Eq) or condition.has(sympy.Mod):
        return condition
    difference = sympy.factor(condition.lhs - condition.rhs)
    factors = sympy.Mul.make_args(difference)
    left = [f for f in factors if not f.is_Number and interval(f, limits)[0] <= 0]
    if len(left) != 1 or len(left) == len(factors):
        return condition
    positive = [item for item in sympy.Add.make_args(left[0]) if item.as_coeff_Mul()[0] > 0]
    return sympy.Eq(sympy.Add(*positive), sympy.Add(*positive) - left[0], evaluate=False)


def _narrow(condition: Any, limits: dict[Any, Interval]) -> None:
    """Turn a condition that asks one size to be large enough into a limit of that size."""
    if len(condition.free_symbols) != 1 or not condition.is_Relational:
        return
    (name,) = condition.free_symbols
    low, high = limits.get(name, (sympy.Integer(SMALLEST), sympy.oo))
    tried = range(int(low), SEARCHED)
    met = (number for number in tried if value(condition, {name.name: number}))
    least = next(met, None)
    if least is not None and proven(condition, {name: (sympy.Integer(least), high)}):
        limits[name] = (sympy.Integer(least), high)
