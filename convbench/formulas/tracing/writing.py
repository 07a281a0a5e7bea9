"""Formulas as people read them, in text and in LaTeX: larger terms first, quotients together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sympy

from convbench.formulas.symbols import rank
from convbench.formulas.tracing.evaluating import value

_LARGE: Final = 10_007
"""Terms are put in order by their size at this value of every symbol."""


@dataclass(frozen=True)
class Style:
    """How a notation writes what formulas are made of; {} stands for the parts."""

    times: str
    floor: str
    ceiling: str
    quotient: str
    power: str
    compare: dict[str, str]
    divisible: str
    spaced: bool
    """Whether an operator already sets a fraction apart, so that it needs no brackets."""


TEXT: Final = Style(
    times="·",
    floor="⌊{}⌋",
    ceiling="⌈{}⌉",
    quotient="{}/{}",
    power="{}^{}",
    compare={"==": "=", "!=": "≠", ">=": "≥", "<=": "≤", ">": ">", "<": "<"},
    divisible="{} is a multiple of {}",
    spaced=False,
)
LATEX: Final = Style(
    times=r" \cdot ",
    floor=r"\left\lfloor {} \right\rfloor",
    ceiling=r"\left\lceil {} \right\rceil",
    quotient=r"\frac{{{}}}{{{}}}",
    power="{}^{{{}}}",
    compare={"==": "=", "!=": r"\neq", ">=": r"\geq", "<=": r"\leq", ">": ">", "<": "<"},
    divisible=r"{1} \mid {0}",
    spaced=True,
)


def text(expression: sympy.Basic) -> str:
    """Write an expression or a condition: 64·B·(147·⌈H/2⌉·⌈W/2⌉ + 464), H ≥ 13."""
    return write(expression, TEXT)


def write(part: Any, style: Style) -> str:  # noqa: PLR0911  one for each kind of part
    """Write an expression or a condition in a style; what the style does not know, SymPy writes."""
    if part.is_Relational:
        return _relation(part, style)
    if part.is_Add:
        return _sum(part, style)
    below = part.is_Pow and part.exp.could_extract_minus_sign()
    if part.is_Mul or below or (part.is_Rational and not part.is_Integer):
        return _product(part, style)
    if isinstance(part, sympy.floor | sympy.ceiling):
        return _rounded(part, style)
    if part.is_Pow and part.exp.is_Integer and part.exp > 0:
        return style.power.format(_inside(part.base, style), part.exp)
    if isinstance(part, sympy.And | sympy.Or):
        joint = " and " if isinstance(part, sympy.And) else " or "
        return joint.join(write(item, style) for item in part.args)
    if isinstance(part, sympy.Max | sympy.Min):
        return f"{part.func.__name__.lower()}({', '.join(write(p, style) for p in part.args)})"
    return str(sympy.latex(part)) if style.spaced else str(part)


def _relation(part: Any, style: Style) -> str:
    if isinstance(part, sympy.Eq) and isinstance(part.lhs, sympy.Mod) and part.rhs == 0:
        return style.divisible.format(*(write(item, style) for item in part.lhs.args))
    sign = style.compare[part.rel_op]
    return f"{write(part.lhs, style)} {sign} {write(part.rhs, style)}"


def _sum(part: Any, style: Style) -> str:
    written = ""
    for item in sorted(part.args, key=_order):
        number = item.as_coeff_Mul()[0]
        if number < 0:
            written += (" - " if written else "-") + write(-item, style)
        else:
            written += (" + " if written else "") + write(item, style)
    return written


def _order(item: Any) -> tuple[Any, ...]:
    """Sort by size without the number in front, the largest first; then by name."""
    rest = item.as_coeff_Mul()[1]
    try:
        size = value(rest, {symbol.name: _LARGE for symbol in rest.free_symbols})
    except Exception:  # noqa: BLE001  an order is wanted, whatever stands there
        size = 0
    return (-size, str(rest))


def _product(part: Any, style: Style) -> str:
    top, bottom = sympy.fraction(part)
    if bottom != 1:
        shown = write(top, style) if style.spaced else _inside(top, style)
        return style.quotient.format(shown, _divisor(bottom, style))
    numbers = [item for item in part.args if item.is_Integer]
    sign = "-" if len(numbers) == 1 and numbers[0] == -1 else ""
    others = sorted((item for item in part.args if not item.is_Integer), key=_place)
    factors = [str(item) for item in numbers if not sign]
    return sign + style.times.join([*factors, *(_inside(item, style) for item in others)])


def _place(item: Any) -> tuple[Any, ...]:
    """Put symbols and their powers first, in their own order; rounded quotients; sums, by name."""
    base = item.base if item.is_Pow else item
    if base.is_Symbol:
        return (0, rank(base.name), str(base), str(item))
    return (2 if item.is_Add else 1, 0, str(item.args), str(item))


def _inside(part: Any, style: Style) -> str:
    return f"({write(part, style)})" if part.is_Add else write(part, style)


def _divisor(part: Any, style: Style) -> str:
    """Write what stands below a line; on one line a product is read as one only in brackets."""
    product = part.is_Mul and not style.spaced and "/" in style.quotient
    return f"({write(part, style)})" if product else _inside(part, style)


def _rounded(part: Any, style: Style) -> str:
    top, bottom = sympy.fraction(sympy.together(part.args[0]))
    shown = write(top, style) if style.spaced else _inside(top, style)
    inside = style.quotient.format(shown, _divisor(bottom, style)) if bottom != 1 else shown
    return (style.floor if isinstance(part, sympy.floor) else style.ceiling).format(inside)
