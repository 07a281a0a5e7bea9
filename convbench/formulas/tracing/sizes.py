"""Size expressions in one form, so that equal sizes look equal and their terms add up.

Every rounded quotient becomes c + floor((y + r)/d) with 0 <= r < d: floor((H - 1)/2) + 1 and
ceiling(H/2) are both floor((H + 1)/2), and a floor of a floor is one floor. All rewriting here is
exact for all integers, not only for those large enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import sympy

from convbench.formulas.tracing.causes import TraceError
from convbench.formulas.tracing.ordering import settled

Term = tuple[int, frozenset[tuple[sympy.Expr, int]]]
"""A product: its number, and its other factors with their powers."""

_REMAINDERS: Final = ("Mod", "PythonMod")
_DYADIC: Final = 2**20
"""A scale whose denominator is a power of two up to this is exact in floating point."""


@cache
def floor_div(numerator: sympy.Expr, divisor: int) -> sympy.Expr:
    """Return floor(numerator / divisor) in the one form; divisor is a positive integer."""
    terms = sympy.expand(numerator).as_coefficients_dict()
    constant = int(terms.pop(sympy.S.One, 0))
    if any(not number.is_Integer for number in terms.values()):
        return sympy.floor(numerator / divisor)
    whole = sympy.Add(*(k * (int(c) // divisor) for k, c in terms.items() if c % divisor == 0))
    rest = {k: int(c) for k, c in terms.items() if c % divisor}
    if not rest:
        return whole + constant // divisor
    if max(rest.values()) < 0:  # floor((c - y)/d) is -floor((y - c + d - 1)/d)
        flipped = sympy.Add(*(-c * k for k, c in rest.items()))
        return whole - floor_div(flipped - constant + divisor - 1, divisor)
    if len(rest) == 1:
        ((inner, number),) = rest.items()
        if number == 1 and isinstance(inner, sympy.floor):
            top, bottom = sympy.fraction(sympy.together(inner.args[0]))
            if bottom.is_Integer:  # floor((floor(y/d) + c)/e) is floor((y + c·d)/(d·e))
                return whole + floor_div(top + constant * bottom, int(bottom) * divisor)
    common = int(sympy.igcd(divisor, *rest.values()))
    divisor, constant = divisor // common, constant // common
    out, left = divmod(constant, divisor)
    inside = sympy.Add(*(k * (c // common) for k, c in rest.items()))
    if divisor == 1:
        return whole + out + inside
    return whole + out + sympy.floor((inside + left) / sympy.Integer(divisor))


def quotient(top: sympy.Expr, bottom: sympy.Expr) -> sympy.Expr:
    """Return floor(top / bottom), in the one form where the divisor is a number."""
    if bottom.is_Integer and bottom > 0:
        return floor_div(top, int(bottom))
    return sympy.floor(top / bottom)


def canonical(expression: Any, names: Mapping[Any, sympy.Expr]) -> Any:
    """Rewrite a size, or a condition on sizes, in the one form and in the symbols of `names`.

    Understands SymPy's own functions and those of torch's symbolic shapes. Raises TraceError for
    a symbol that is not in `names` (a size that the data decide) and for a function of no known
    exact meaning.
    """
    found = _atom(expression, names)
    if found is not None:
        return found
    kind = expression.func.__name__
    if kind == "Equality" and expression.args[0].func.__name__ in _REMAINDERS:
        top, bottom = (canonical(part, names) for part in expression.args[0].args)
        if expression.args[1] == 0:  # a divisibility reads better as such
            return sympy.Eq(sympy.Mod(top, bottom), 0, evaluate=False)
    parts = [canonical(part, names) for part in expression.args]
    if kind in _FUNCTIONS:
        return _FUNCTIONS[kind](parts)
    if expression.func in _PLAIN:
        return expression.func(*parts)
    raise TraceError(
        f"a size in it is computed by {kind}, which has no exact meaning in symbols: {expression}"
    )


def _atom(expression: Any, names: Mapping[Any, sympy.Expr]) -> Any:
    """Return what a symbol or a number is; None for anything made of parts."""
    if expression in names:
        return names[expression]
    if expression.is_Symbol:
        raise TraceError(
            f"a size in it, {expression}, depends on the values of a tensor, which a trace does "
            "not have"
        )
    if expression.is_Float:
        return _exact_scale(float(expression))
    if expression.is_Rational or expression in (sympy.true, sympy.false):
        return expression
    return None


def _down(parts: list[Any]) -> Any:
    return quotient(*sympy.fraction(sympy.together(parts[0])))


def _up(parts: list[Any]) -> Any:
    return -_down([-parts[0]])


def _remainder(parts: list[Any]) -> Any:
    return parts[0] - parts[1] * quotient(*parts)


def _extreme(kind: str, parts: list[Any]) -> Any:
    if len(set(parts)) == 1:
        return parts[0]
    return settled(getattr(sympy, kind)(*parts, evaluate=False), {})


_FUNCTIONS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    **dict.fromkeys(("FloorDiv", "CleanDiv"), lambda parts: quotient(*parts)),
    **dict.fromkeys(("ToFloat", "Identity"), lambda parts: parts[0]),
    # sizes are positive, so that both of these round down
    **dict.fromkeys(("floor", "FloorToInt", "TruncToInt"), _down),
    **dict.fromkeys(("ceiling", "CeilToInt"), _up),
    **dict.fromkeys(_REMAINDERS, _remainder),
    **dict.fromkeys(("PowByNatural", "FloatPow"), lambda parts: parts[0] ** parts[1]),
    "CeilDiv": lambda parts: -quotient(-parts[0], parts[1]),
    **dict.fromkeys(("IntTrueDiv", "FloatTrueDiv"), lambda parts: parts[0] / parts[1]),
    "Max": lambda parts: _extreme("Max", parts),
    "Min": lambda parts: _extreme("Min", parts),
}
"""What SymPy's and torch's functions of sizes mean, by their name."""


_PLAIN: Final = frozenset(
    {
        *(sympy.Add, sympy.Mul, sympy.Pow, sympy.And, sympy.Or, sympy.Not),
        *(sympy.Eq, sympy.Ne, sympy.Ge, sympy.Gt, sympy.Le, sympy.Lt),
        *(sympy.Piecewise, sympy.functions.elementary.piecewise.ExprCondPair),
    }
)


def _exact_scale(value: float) -> sympy.Expr:
    top, bottom = value.as_integer_ratio()
    if bottom > _DYADIC:
        raise TraceError(
            f"a size in it is another times {value!r}, rounded, which floating point does in its "
            "own way and no exact formula follows (a scale such as 0.5, 1.5 or 2 is exact)"
        )
    return sympy.Rational(top, bottom)


@cache
def factored(size: sympy.Expr) -> Term:
    """Return one size as its number and its factors: 8·(H - 2)·W -> (8, {H - 2, W})."""
    size = sympy.sympify(size)
    if size.is_Add:
        size = sympy.factor(size)
    number, rest = size.as_coeff_Mul()
    if not number.is_Integer:  # a quotient that the plan knows to be whole: keep it together
        return 1, frozenset({(size, 1)})
    powers: dict[sympy.Expr, int] = {}
    for part in sympy.Mul.make_args(rest):
        base, power = part.as_base_exp()
        if not (power.is_Integer and power > 0):
            base, power = part, sympy.S.One
        if base != 1:
            powers[base] = powers.get(base, 0) + int(power)
    return int(number), frozenset(powers.items())


def term(sizes: Iterable[Any]) -> Term:
    """Return the product of sizes."""
    number = 1
    powers: dict[sympy.Expr, int] = {}
    for size in sizes:
        more, factors = factored(size)
        number *= more
        for base, power in factors:
            powers[base] = powers.get(base, 0) + power
    return number, frozenset(powers.items())


def collected(terms: Iterable[Term]) -> sympy.Expr:
    """Add the terms: those of equal size together, what all have in common outside."""
    sums: dict[frozenset[tuple[sympy.Expr, int]], int] = {}
    for number, factors in terms:
        sums[factors] = sums.get(factors, 0) + number
    sums = {factors: number for factors, number in sums.items() if number}
    if not sums:
        return sympy.S.Zero
    content = int(sympy.igcd(*sums.values())) if len(sums) > 1 else next(iter(sums.values()))
    first, *others = (dict(factors) for factors in sums)
    shared = {
        base: min([power, *(other.get(base, 0) for other in others)])
        for base, power in first.items()
    }
    inside = [
        sympy.Mul(
            sympy.Integer(number // content),
            *(base ** (power - shared.get(base, 0)) for base, power in factors),
        )
        for factors, number in sums.items()
    ]
    outside = [presented(base**power) for base, power in shared.items() if power]
    whole = presented(sympy.Add(*inside))
    rest = sympy.Mul(*outside, whole)
    if rest.is_Add and content != 1:  # SymPy would multiply it out
        return sympy.Mul(sympy.Integer(content), rest, evaluate=False)
    return content * rest


def presented(expression: Any) -> Any:
    """Write floor((y + r)/d) as ceiling((y + r - d + 1)/d) where that is the shorter one."""

    def shorter(inside: sympy.Expr) -> sympy.Expr:
        top, bottom = sympy.fraction(sympy.together(inside))
        left = top.as_coeff_Add()[0]
        if bottom.is_Integer and left.is_Integer and bottom - 1 - left < left:
            return sympy.ceiling(sympy.expand((top - bottom + 1) / bottom))
        return sympy.floor(inside)

    return expression.replace(sympy.floor, shorter)
