"""Plans read with symbols: the formula in a report is the code that the counts come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from convbench.convs.base import ConvType, make
from convbench.core.costs import FIELDS, SUMMED
from convbench.core.errors import SpecError, quoted
from convbench.core.spec import Axis, ConvSpec

if TYPE_CHECKING:
    import sympy

QUANTITIES: Final = tuple(name for name in SUMMED if not FIELDS[name].padded)
"""What a formula can be of; what depends on the padding has none: a padding has no symbol."""

AXES: Final = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_SIZES: Final = {"L": "length", "D": "depth", "H": "height", "W": "width"}
_MEANINGS: Final = {
    "B": "batch",
    "N": "output channels",
    "C": "input channels",
    "K": "taps of the kernel on each axis",
    "s": "scale of the upsampling",
    **{name: f"input {size}" for name, size in _SIZES.items()},
    **{f"{name}_out": f"output {size}" for name, size in _SIZES.items()},
}
"""Of the symbols that all types share, in the order of the factors of a product."""
_LAST: Final = tuple(_MEANINGS).index("K")
"""Knobs stand before it, and all that comes after it after them."""


def rank(name: str) -> int:
    """Return where a symbol stands in a product: B, N, C, knobs, K, the scale, sizes."""
    names = tuple(_MEANINGS)
    place = names.index(name) if name in names else _LAST - 1
    return place if place < _LAST or name not in names else place + 1


def meanings(kind: ConvType, *expressions: Any) -> dict[str, str]:
    """Return what the symbols of a type's formulas mean, in the order of the factors."""
    known = _MEANINGS | {
        item.metadata["symbol"]: item.metadata.get("help") or item.name
        for item in fields(kind)
        if item.metadata.get("symbol")
    }
    used = {one.name for expression in expressions for one in expression.free_symbols}
    return {name: known[name] for name in sorted(used, key=lambda name: (rank(name), name))}


def factored(expression: sympy.Expr) -> sympy.Expr:
    """Return the expression with common factors out: of all terms, then of as many as share one.

    >>> factored(formula("bottleneck", ratio_to="standard")).count_ops() < 20
    True
    """
    import sympy

    whole = sympy.factor_terms(sympy.expand(expression))
    return whole.replace(lambda part: part.is_Add, lambda part: _grouped(*part.args))


def _grouped(*terms: sympy.Expr) -> sympy.Expr:
    """Return the sum of the terms, with the factor taken out that makes it shortest."""
    import sympy

    best = sympy.Add(*terms)
    shared = {
        base ** sympy.sign(power)
        for term in terms
        for base, power in term.as_powers_dict().items()
        if not base.is_number
    }
    for factor in sorted(shared, key=str):
        base, sign = factor.as_base_exp()
        inside = [term for term in terms if term.as_powers_dict().get(base, 0) * sign > 0]
        outside = [term for term in terms if term not in inside]
        if len(inside) > 1:
            joined = sympy.factor_terms(sympy.Add(*inside))
            found = joined + (_grouped(*outside) if outside else 0)
            best = min(best, found, key=sympy.count_ops)
    return best


def written(expression: sympy.Expr) -> str:
    """Write a formula as a reader reads it, common factors out: B·N·C·K²·H_out·W_out, 1/N + 1/K².

    >>> written(formula("depthwise_separable", ratio_to="standard"))
    '1/N + 1/K²'
    """
    from convbench.formulas.tracing.writing import text

    return re.sub(r"\^(\d+)", lambda found: found[1].translate(_RAISED), text(factored(expression)))


_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def symbol(name: str) -> sympy.Symbol:
    """Return the positive integer symbol that formulas use for `name`, such as N or H_out."""
    import sympy

    return sympy.Symbol(name, integer=True, positive=True)


@dataclass(frozen=True, kw_only=True)
class SymbolicSpec(ConvSpec):
    """A slot of symbols whose output size is a symbol too, so that stride and padding drop out.

    What each symbol means: `meanings`.
    """

    @classmethod
    def of(cls, kind: ConvType, dims: int, *, bias: bool = False, stride: int = 1) -> SymbolicSpec:
        """Return the slot of `dims` spatial axes for a type, with its own N where it forces one.

        The stride is a number: it enters the sizes, which are symbols, and the form of a few types.
        """
        if not isinstance(dims, int) or dims not in AXES:
            raise SpecError(f"dims={quoted(dims)}: give 1, 2 or 3 spatial axes.")
        forced = kind.forced_outputs(symbol("C"), stride)
        return cls(
            in_channels=symbol("C"),
            out_channels=symbol("N") if forced is None else forced,
            input_size=tuple(symbol(name) for name in AXES[dims]),
            kernel_size=symbol("K"),
            stride=stride,
            batch=symbol("B"),
            bias=bias,
            scale=symbol("s") if kind.upsamples else None,
        )

    def _axis(self, index: int) -> Axis:
        size = self.input_size[index]
        return Axis(
            input=size if self.scale is None else size * self.scale,
            output=symbol(f"{AXES[self.dims][index]}_out"),
            kernel=self.kernel_size[index],
        )


def symbolic_type(name: str, knobs: dict[str, Any]) -> ConvType:
    """Return the type with a symbol for every knob that has one and was not given."""
    plain = make(name, knobs)
    free = {
        item.name: symbol(item.metadata["symbol"])
        for item in fields(plain)
        if item.metadata.get("symbol") and item.name not in knobs
    }
    return make(name, {**knobs, **free})


def formula(
    name: str,
    *,
    ratio_to: str | None = None,
    quantity: str = "multiplications",
    dims: int = 2,
    bias: bool = False,
    stride: int = 1,
    **knobs: Any,
) -> sympy.Expr:
    """Return the formula of a type's cost as a SymPy expression.

    quantity: one of QUANTITIES. ratio_to: another type, with its default knobs, by whose formula
    this one is divided. dims: number of spatial axes. stride: matters only for types whose
    structure depends on it (shufflenet_unit). knobs: options of the type; those left out are
    symbols (G groups, E experts, …). Raises SpecError for an unknown quantity, type or knob, or for
    two types that never fit the same slot.

    >>> formula("depthwise_separable", ratio_to="standard")
    1/N + K**(-2)
    """
    import sympy

    if not isinstance(quantity, str) or quantity not in QUANTITIES:
        raise SpecError(
            f"quantity={quoted(quantity)} has no formula: choose {', '.join(QUANTITIES)}."
        )
    kind = symbolic_type(name, knobs)
    spec = SymbolicSpec.of(kind, dims, bias=bias, stride=stride)
    expression = sympy.sympify(getattr(kind.cost(spec), quantity))
    if ratio_to is not None:
        base = make(ratio_to)
        if reason := base.fits(spec):
            raise SpecError(
                f"{name} and {ratio_to} fit no slot in common, so there is no ratio of them "
                f"({reason}): name another type."
            )
        divisor = sympy.sympify(getattr(base.cost(spec), quantity))
        if divisor == 0:
            raise SpecError(f"{ratio_to} has no {quantity}: a ratio to it says nothing.")
        return sympy.expand(sympy.cancel(expression / divisor), force=True)
    return sympy.factor_terms(sympy.expand(expression))


def limits(ratio: sympy.Expr, *, upsampling: bool = False) -> tuple[tuple[str, sympy.Expr], ...]:
    """Return where a multiplication ratio goes, as (in which case, the limit).

    ratio: what `formula(…, ratio_to=…)` gave. Only rational functions have limits here; of others
    what can be said is said. For a large image the slot is one without padding, at stride 1, or
    enlarged by s.
    """
    import sympy

    taps, inputs, outputs, scale = (symbol(name) for name in ("K", "C", "N", "s"))
    found: list[tuple[str, sympy.Expr]] = []
    large = ratio = sympy.expand(ratio)
    for name in {axis for axes in AXES.values() for axis in axes}:
        size, positions = symbol(name), symbol(f"{name}_out")
        if upsampling:
            large = large.subs(positions, scale * (size - 1) + taps)
        else:
            large, size = large.subs(size, positions + taps - 1), positions
        if size in large.free_symbols and large.is_rational_function(size):
            large = sympy.limit(large, size, sympy.oo)
    large = sympy.expand(large)
    if large != ratio:
        how = "padding" if upsampling else "padding, stride 1"
        found.append((f"large image, no {how}", large))
    if inputs in large.free_symbols and outputs in large.free_symbols:
        found.append(("then N = C", sympy.expand(sympy.cancel(large.subs(inputs, outputs)))))
    for label, free in (("many output channels, N → ∞", outputs), ("large kernel, K → ∞", taps)):
        if free in large.free_symbols and large.is_rational_function(free):
            found.append((label, sympy.expand(sympy.limit(large, free, sympy.oo))))
    return tuple(
        (label, value) for label, value in found if value != ratio and value.is_finite is not False
    )


def value_at(expression: sympy.Expr, kind: ConvType, spec: ConvSpec) -> Any:
    """Return a formula's value at a slot's numbers, or None where it does not apply there.

    It applies where the kernel is the same on every axis, for one K stands for all.
    """
    if len(set(spec.kernel_size)) > 1:
        return None
    names = AXES[spec.dims]
    numbers = {
        "B": spec.batch,
        "C": spec.in_channels,
        "N": spec.out_channels,
        "K": spec.kernel_size[0],
        "s": spec.scale,
        **dict(zip(names, spec.input_size, strict=True)),
        **{f"{name}_out": n for name, n in zip(names, spec.output_size, strict=True)},
    }
    numbers |= {
        item.metadata["symbol"]: getattr(kind, item.name)
        for item in fields(kind)
        if item.metadata.get("symbol")
    }
    import sympy

    values = {
        symbol(name): sympy.Rational(str(number))
        for name, number in numbers.items()
        if number is not None
    }
    return expression.xreplace(values)
