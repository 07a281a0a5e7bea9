"""What a trace took for granted about its sizes, as conditions on the formula's symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.tracing.evaluating import value
from convbench.tracing.sizes import canonical, presented

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import sympy

Interval = tuple[Any, Any]
"""The least and the largest that an expression can be, infinities included."""

_SMALLEST: Final = 1
_FALLS: Final = {"<": True, "<=": True, ">": False, ">=": False}
"""Whether a comparison with zero stays true when its left side falls."""
_SEARCHED: Final = 2000
"""Sizes up to this are tried for the least that meets a condition."""


def conditions(
    environment: Any, ranges: Mapping[Any, Any], names: Mapping[Any, sympy.Expr]
) -> list[sympy.Basic]:
    """Return the ranges and guards of a trace that are not true of every positive size.

    environment: torch's ShapeEnv. ranges: those of the exported program. Guards by which torch
    chooses the layout of a tensor in memory (whether a size is 1) choose no operator and no
    shape, and are left out.
    """
    import sympy

    limits: dict[Any, Interval] = {}
    for symbol, allowed in ranges.items():
        name = names.get(symbol)
        if name is None or not name.is_Symbol:
            continue
        low = max(_finite(allowed.lower, _SMALLEST), _SMALLEST)
        high = _finite(allowed.upper, sympy.oo)
        limits[name] = (sympy.Integer(low), sympy.sympify(high))
    replaced = dict(environment.replacements)
    asked = [guard for guard in environment.guards if not _asks_for_layout(guard)]
    rewritten = [canonical(guard.expr.xreplace(replaced), names) for guard in asked]
    left = [
        _cancelled(part, limits) for condition in rewritten for part in _open(condition, limits)
    ]
    for condition in left:
        _narrow(condition, limits)
    found = [
        relation(name, limit, evaluate=False)
        for name, limits_of in limits.items()
        for relation, limit in zip((sympy.Ge, sympy.Le), limits_of, strict=True)
        if limit not in (_SMALLEST, sympy.oo)
    ]
    found += [part for condition in left for part in _open(condition, limits)]
    return list(dict.fromkeys(presented(condition) for condition in found))


def _cancelled(condition: Any, limits: Mapping[Any, Interval]) -> Any:
    """Drop the positive factors that both sides of an equation share."""
    import sympy

    if not isinstance(condition, sympy.Eq) or condition.has(sympy.Mod):
        return condition
    difference = sympy.factor(condition.lhs - condition.rhs)
    left = [
        factor
        for factor in sympy.Mul.make_args(difference)
        if not factor.is_Number and interval(factor, limits)[0] <= 0
    ]
    if len(left) != 1 or len(left) == len(sympy.Mul.make_args(difference)):
        return condition
    positive = [item for item in sympy.Add.make_args(left[0]) if item.as_coeff_Mul()[0] > 0]
    return sympy.Eq(sympy.Add(*positive), sympy.Add(*positive) - left[0], evaluate=False)


def _narrow(condition: Any, limits: dict[Any, Interval]) -> None:
    """Turn a condition that asks one size to be large enough into a limit of that size."""
    import sympy

    if len(condition.free_symbols) != 1 or not condition.is_Relational:
        return
    (name,) = condition.free_symbols
    low, high = limits.get(name, (sympy.Integer(_SMALLEST), sympy.oo))
    least = next(
        (
            number
            for number in range(int(low), _SEARCHED)
            if proven(condition, {name: (sympy.Integer(number), high)})
        ),
        None,
    )
    if least is not None and not any(
        value(condition, {name.name: number}) for number in range(int(low), least)
    ):
        limits[name] = (sympy.Integer(least), high)


def _finite(limit: Any, otherwise: Any) -> Any:
    return int(limit) if getattr(limit, "is_Integer", isinstance(limit, int)) else otherwise


def _asks_for_layout(guard: Any) -> bool:
    """Tell whether torch's own tensor machinery asked about strides or about a size of 1."""
    import sympy

    place = getattr(guard.sloc, "framework_loc", None)
    path = str(getattr(place, "filename", "")).replace("\\", "/")
    inner = path.rpartition("/torch/")[2]
    own = path != inner and (inner.startswith(("_", "fx/")))
    return own and isinstance(guard.expr, sympy.Ne | sympy.Or)


def _open(condition: Any, limits: Mapping[Any, Interval]) -> Iterable[sympy.Basic]:
    """Yield the parts of a condition that the limits leave open."""
    import sympy

    if isinstance(condition, sympy.And):
        for part in condition.args:
            yield from _open(part, limits)
    elif not (proven(condition, limits) or _recurs(condition, limits)):
        yield condition


def _recurs(condition: Any, limits: Mapping[Any, Interval]) -> bool:
    """Tell whether a condition on one size holds for one period and then for all larger ones.

    A sum of multiples of the size and of its rounded quotients by d1, d2, … grows by the same
    amount with every lcm(d1, d2, …) elements, so two periods tell of all.
    """
    if not condition.is_Relational or len(condition.free_symbols) != 1:
        return False
    (name,) = condition.free_symbols
    difference = condition.lhs - condition.rhs
    period = _period(difference, name)
    low = limits.get(name, (_SMALLEST, None))[0]
    if not 0 < period <= _SEARCHED or condition.rel_op not in _FALLS:
        return False
    falls = _FALLS[condition.rel_op]
    first = int(low)
    now, later = (value(difference, {name.name: first + shift}) for shift in (0, period))
    grows = later - now
    return (grows <= 0 if falls else grows >= 0) and all(
        value(condition, {name.name: first + turn}) for turn in range(period)
    )


def _period(expression: Any, name: Any) -> int:
    """Return after how many elements a sum of rounded quotients repeats; 0 for anything else."""
    import sympy

    period = 1
    for item in sympy.Add.make_args(expression):
        number, rest = item.as_coeff_Mul()
        inside = rest.args[0] if isinstance(rest, sympy.floor | sympy.ceiling) else rest
        top, bottom = sympy.fraction(sympy.together(inside))
        if not (number.is_Integer and bottom.is_Integer and top.diff(name).is_Integer):
            return 0
        period = int(sympy.ilcm(period, bottom))
    return period


def proven(condition: Any, limits: Mapping[Any, Interval]) -> bool:
    """Tell whether a condition holds wherever the symbols are within their limits."""
    import sympy

    if condition in (True, sympy.true):
        return True
    if isinstance(condition, sympy.Or):
        return any(proven(part, limits) for part in condition.args)
    if not getattr(condition, "is_Relational", False):
        return False
    low, high = interval(sympy.expand(condition.lhs - condition.rhs), limits)
    kind = condition.rel_op
    return bool(
        (kind == "==" and low == high == 0)
        or (kind == ">=" and low >= 0)
        or (kind == ">" and low > 0)
        or (kind == "<=" and high <= 0)
        or (kind == "<" and high < 0)
        or (kind == "!=" and (low > 0 or high < 0))
    )


def interval(part: Any, limits: Mapping[Any, Interval]) -> Interval:  # noqa: PLR0911  one a kind
    """Return bounds of an expression; infinite ones beyond sums, products and floors."""
    import sympy

    whole = (-sympy.oo, sympy.oo)
    if part.is_Rational:
        return part, part
    if part.is_Symbol:
        return limits.get(part, (sympy.Integer(_SMALLEST), sympy.oo))
    if part.is_Add:
        sides = [interval(item, limits) for item in part.args]
        return sum(low for low, _ in sides), sum(high for _, high in sides)
    if part.is_Mul:
        number, rest = part.as_coeff_Mul()
        sides = [interval(item, limits) for item in sympy.Mul.make_args(rest)]
        if any(low < 0 for low, _ in sides):
            return whole
        low, high = sympy.Mul(*(low for low, _ in sides)), _product(high for _, high in sides)
        return (number * low, number * high) if number > 0 else (number * high, number * low)
    if isinstance(part, sympy.floor | sympy.ceiling):
        low, high = interval(part.args[0], limits)
        return part.func(low), part.func(high)
    return whole


def _product(factors: Iterable[Any]) -> Any:
    import sympy

    listed = list(factors)
    return sympy.S.Zero if 0 in listed else sympy.Mul(*listed)
