"""The contract that every registered convolution type fulfils.

    from convbench.testing import check_conv

    def test_my_type():
        check_conv("my_type")

The module's output, its parameters, torch's count of its operators, a count by literal nested
loops, the plan in symbols and the plan in NumPy arrays must all equal the plan in integers.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final, TypeVar

from convbench.convs.base import ConvType, make
from convbench.core.costs import SUMMED, Cost
from convbench.core.errors import SpecError, first_line, one_line, quoted
from convbench.core.spec import ConvSpec
from convbench.formulas.symbols import QUANTITIES

COUNTS: Final = SUMMED
SYMBOLIC_COUNTS: Final = QUANTITIES
LITERAL_LIMIT: Final = 30_000
"""Nested loops in Python take a second for about a million steps: larger slots are not looped."""

_CHANNELS: Final = (1, 2, 3, 4, 6, 8)
_SIZES: Final = {1: (1, 24), 2: (1, 10), 3: (1, 6)}

Item = TypeVar("Item")


def check_conv(
    kind: str | ConvType, *, examples: int = 200, seed: int = 0, **knobs: Any
) -> dict[str, int]:
    """Check the whole contract of a type on random slots that it fits.

    kind: a registered name (with `knobs`), or a ConvType. examples: number of slots. Returns the
    number of slots that were checked ("slots"), and of those small enough for nested loops
    ("literal"). Raises AssertionError with the slot and both numbers where they differ, or if no
    random slot fits the type; SpecError if `kind` is not a type.
    """
    if not isinstance(kind, str | ConvType):
        raise SpecError(
            f"check_conv({quoted(kind)}) is given a {type(kind).__name__}: give the name of a "
            "registered type, or a ConvType."
        )
    chosen = make(kind, knobs) if isinstance(kind, str) else kind
    generator = random.Random(seed)  # noqa: S311  slots to test, not secrets
    done = {"slots": 0, "literal": 0}
    for _ in range(examples * 5):
        if done["slots"] == examples:
            break
        spec = draw_slot(chosen, generator.randint)
        if spec is not None:
            done["literal"] += check_conv_in(chosen, spec)
            done["slots"] += 1
    assert done["slots"], f"none of {examples * 5} random slots fits {chosen.label}"
    return done


def draw_slot(kind: ConvType, integer: Callable[[int, int], int]) -> ConvSpec | None:
    """Draw a small slot that the type fits; None where the draw cannot be mended to fit.

    integer(low, high) returns a whole number between both: `random.randint`, or a draw of a
    property testing library. 1 to 3 axes; stride, dilation, padding (numbers and 'same'), batch,
    bias, and a scale for types that upsample.
    """
    dims = integer(1, 3)

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(integer(low, high) for _ in range(dims))

    def one_of(options: tuple[Item, ...]) -> Item:
        return options[integer(0, len(options) - 1)]

    low, high = _SIZES[dims]
    drawn: dict[str, Any] = {
        "in_channels": one_of(_CHANNELS),
        "out_channels": one_of(_CHANNELS),
        "input_size": each(low, high),
        "kernel_size": each(1, 4),
        "stride": 1 if kind.upsamples else one_of((1, 1, 2, each(1, 3))),
        "dilation": one_of((1, 1, each(1, 3))),
        "padding": one_of(("same", 0, each(0, 3))),
        "batch": integer(1, 3),
        "bias": bool(integer(0, 1)),
        "scale": integer(1, 3) if kind.upsamples else None,
    }
    for mended in _mended(kind, drawn):
        try:
            spec = ConvSpec(**mended)
        except ValueError:
            continue
        if kind.fits(spec) is None:
            return spec
    return None


def _mended(kind: ConvType, drawn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the draw, then drafts nearer and nearer to what types commonly ask for."""
    paddings = dict.fromkeys((drawn["padding"], "same"))
    strides = dict.fromkeys((drawn["stride"], 1))
    for stride, padding, factor in itertools.product(strides, paddings, (1, 2, 3, 4, 8)):
        inputs = drawn["in_channels"] * factor
        forced = kind.forced_outputs(inputs)
        outputs = drawn["out_channels"] * factor
        for out in dict.fromkeys((outputs if forced is None else forced, outputs, 2 * inputs)):
            changes = {"in_channels": inputs, "out_channels": out}
            yield {**drawn, **changes, "stride": stride, "padding": padding}


class Built:
    """A type in a slot: its cost by plan, and its module with inputs of zeros."""

    def __init__(self, kind: ConvType, spec: ConvSpec) -> None:
        """Derive and build; SpecError for a slot that the type does not fit."""
        import torch

        self.kind, self.spec = kind, spec
        self.cost: Cost = kind.cost(spec)
        self.module = kind.build(spec).eval()
        self.inputs = torch.zeros(spec.input_shape)

    @property
    def small(self) -> bool:
        """Whether the literal loops run here."""
        return bool(self.cost.multiplications <= LITERAL_LIMIT)


def check_conv_in(kind: ConvType, spec: ConvSpec) -> bool:
    """Check the contract in one slot; return whether it was small enough for literal loops.

    Raises AssertionError that names every clause of CLAUSES that does not hold, with both numbers.
    """
    built = Built(kind, spec)
    wrong = []
    for name, clause in CLAUSES.items():
        try:
            clause(built)
        except AssertionError as error:
            wrong.append(f"{name}: {first_line(error)}")
        except Exception as error:  # noqa: BLE001  whatever a type raises, other clauses are told
            wrong.append(f"{name}: {one_line(error)}")
    assert not wrong, (
        f"{kind.label} in {spec.label}: {len(wrong)} of {len(CLAUSES)} clauses do not hold\n- "
        + "\n- ".join(wrong)
    )
    return built.small


def _output_shape(built: Built) -> None:
    import torch

    with torch.no_grad():
        shape = tuple(built.module(built.inputs).shape)
    assert shape == built.spec.output_shape, f"{shape}, the slot has {built.spec.output_shape}"


def _parameters(built: Built) -> None:
    held = sum(weight.numel() for weight in built.module.parameters())
    assert held == built.cost.parameters, f"{held} parameters, the plan has {built.cost.parameters}"


def _counter(built: Built) -> None:
    from convbench.counting.base import count_with
    from convbench.counting.tally import Tally

    tally = count_with("torch", built.module, built.inputs)
    assert isinstance(tally, Tally), str(tally)
    assert not tally.unsupported, f"torch's counter does not know {tally.unsupported}"
    assert tally.macs == built.cost.multiplications, (
        f"torch counts {tally.macs}, the plan has {built.cost.multiplications}"
    )


def _loops(built: Built) -> None:
    import torch

    from convbench.testing.literal import LiteralLoops

    if not built.small:
        return
    with torch.no_grad(), LiteralLoops() as loops:
        built.module(built.inputs)
    assert loops.multiplications == built.cost.multiplications, (
        f"nested loops count {loops.multiplications}, the plan has {built.cost.multiplications}"
    )
    assert loops.valid == built.cost.multiplications_valid, (
        f"nested loops count {loops.valid} products off the padding, "
        f"the plan has {built.cost.multiplications_valid}"
    )


def check_arrays(kind: ConvType, spec: ConvSpec, cost: Cost) -> None:
    """Check that the plan over NumPy arrays gives the plan's integers."""
    import numpy as np

    def spread(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(spread(item) for item in value)
        return np.array([value, value]) if isinstance(value, int) else value

    fields = ("in_channels", "out_channels", "input_size", "kernel_size", "stride", "padding")
    values = {name: spread(getattr(spec, name)) for name in (*fields, "dilation", "batch", "scale")}
    arrays = kind.cost(replace(spec, **values))
    for name in COUNTS:
        got, want = np.broadcast_to(getattr(arrays, name), (2,)), getattr(cost, name)
        assert (got == want).all(), (
            f"{kind.label} in {spec.label}: arrays give {name}={got}, integers {want}"
        )


def check_symbols(kind: ConvType, spec: ConvSpec, cost: Cost) -> None:
    """Check that the plan over symbols, evaluated at the slot's numbers, gives its integers."""
    import sympy

    same, upsamples = spec.padding == "same", spec.scale is not None
    symbolic = _symbolic_cost(
        kind, spec.dims, spec.stride, bias=spec.bias, same=same, upsamples=upsamples
    )
    numbers = {
        "C": (spec.in_channels,),
        "N": (spec.out_channels,),
        "B": (spec.batch,),
        "I": spec.input_size,
        "K": spec.kernel_size,
        "d": spec.dilation,
        "p": () if same else spec.padding,
        "s": (spec.scale,) if upsamples else (),
    }
    values = {
        _symbol(letter, axis): sympy.Integer(value)
        for letter, items in numbers.items()
        for axis, value in enumerate(items)
    }
    for name in SYMBOLIC_COUNTS:
        formula = getattr(symbolic, name)
        number = formula if isinstance(formula, int) else formula.xreplace(values)
        want = getattr(cost, name)
        assert number == want, (
            f"{kind.label} in {spec.label}: {name} in symbols is {formula}, which gives {number}, "
            f"and integers give {want}"
        )


@cache
def _symbolic_cost(
    kind: ConvType,
    dims: int,
    stride: tuple[int, ...],
    *,
    bias: bool,
    same: bool,
    upsamples: bool,
) -> Cost:
    """Return the plan's summed cost for a slot with a symbol for every number but the stride."""

    def each(letter: str) -> tuple[Any, ...]:
        return tuple(_symbol(letter, axis) for axis in range(dims))

    symbols = ConvSpec(
        in_channels=_symbol("C", 0),
        out_channels=_symbol("N", 0),
        input_size=each("I"),
        kernel_size=each("K"),
        stride=stride,
        padding="same" if same else each("p"),
        dilation=each("d"),
        batch=_symbol("B", 0),
        bias=bias,
        scale=_symbol("s", 0) if upsamples else None,
    )
    return sum((step.cost for step in kind.plan(symbols)), start=Cost())


@cache
def _symbol(letter: str, axis: int) -> Any:
    import sympy

    return sympy.Symbol(f"{letter}{axis}", integer=True, nonnegative=True)


CLAUSES: Final[dict[str, Callable[[Built], None]]] = {
    "output shape": _output_shape,
    "parameters": _parameters,
    "torch's counter": _counter,
    "nested loops": _loops,
    "plan in arrays": lambda built: check_arrays(built.kind, built.spec, built.cost),
    "plan in symbols": lambda built: check_symbols(built.kind, built.spec, built.cost),
}
"""What the contract of a type consists of; each raises AssertionError where it does not hold."""
