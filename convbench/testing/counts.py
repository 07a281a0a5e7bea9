"""Assertions about counts: exact, computing nothing, and never satisfied by an unknown operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from convbench.convs.base import ConvType, make
from convbench.core import text as show
from convbench.core.errors import SpecError, UnknownNameError, quoted
from convbench.core.spec import ConvSpec

if TYPE_CHECKING:
    from convbench.counting.engine.profile import Profile

FORMULA: Final = "formula"
PROFILE: Final = "profile"
_RULE: Final = (
    "1 a multiply-accumulate of convolutions and matrix products, padding included; none for bias, "
    "normalisation and elementwise work"
)


@dataclass(frozen=True, kw_only=True)
class _Count:
    """A count, and what a reader of a failure needs to find where it is from."""

    name: str
    total: int
    counter: str
    convention: str
    operators: dict[str, int]
    unit: str = "operator"
    unknown: dict[str, int] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)

    def failure(self, expected: int) -> str:
        """Return what is shown where this is not what was expected."""
        gap = self.total - expected
        bound = "at least " if self.unknown else ""
        factor = (
            f", a factor of {show.significant(self.total / expected, 4)}"
            if expected and gap
            else ""
        )
        against = (
            "and how many more is not known" if self.unknown else f"{gap:+,} against {expected:,}"
        )
        lines = [
            f"{self.name} takes {bound}{self.total:,} multiplications, {against}.",
            f"given: {expected:,}",
            f"counted: {bound}{self.total:,} ({self.counter})",
            f"difference: {gap:+,}{factor}",
            f"convention: {self.convention}",
        ]
        lines += _parts(f"by {self.unit}", self.operators) + self.layers
        if self.unknown:
            lines += ["unknown operators:", *_unknown(self.unknown)]
            lines.append(
                "What such an operator multiplies is not in the count, which is a lower bound and "
                "proves nothing: leave it out of what is counted, or count by another counter=."
            )
        return "\n".join(lines)


def _parts(title: str, parts: dict[str, int]) -> list[str]:
    rows = [f"  {name}: {number:,}" for name, number in parts.items() if number]
    return [f"{title}:", *rows] if rows else []


def _unknown(names: dict[str, int]) -> list[str]:
    return [f"  {name} (×{calls}): no counting rule" for name, calls in names.items()]


def assert_multiplications(
    module: Any, inputs: Any, expected: int, *, counter: str | None = None, **knobs: Any
) -> None:
    """Assert that one forward pass takes exactly `expected` multiplications.

    Args:
        module: a module (or any function of tensors); or a convolution type, by name or itself.
        inputs: a tensor or a tuple of them; for a type, the `ConvSpec` of its slot.
        expected: multiplications of the whole batch, by the counting rules of
            `convbench.core.costs`.
        counter: "formula", the default for a type; "profile" (see `convbench.profile`), the default
            for a module; or a registered counter ("torch", "fvcore"), by its own convention.
        knobs: options of a type that is given by name.

    Raises:
        AssertionError: another number, or operators without a counting rule. The message has the
            expected and the counted number, the convention, operators and layers.
        SpecError: an `expected` that is not a whole number, or arguments that contradict one
            another.
        UnknownNameError: an unknown type or counter.
        ProfileError, CountError: a module that cannot be counted.

    """
    __tracebackhide__ = True
    _checked(expected=expected)
    found = _count(module, inputs, counter, knobs)
    if found.total != expected or found.unknown:  # said whole, whether or not pytest rewrites
        raise AssertionError(found.failure(int(expected)))


def _count(module: Any, inputs: Any, counter: str | None, knobs: dict[str, Any]) -> _Count:
    if counter is not None:
        _check_counter(counter)
    if isinstance(module, str | ConvType):
        if not isinstance(inputs, ConvSpec):
            raise SpecError(
                f"assert_multiplications({quoted(module)}, …) is given a {type(inputs).__name__} "
                "for the slot of a convolution type: give its ConvSpec."
            )
        if knobs and not isinstance(module, str):
            raise SpecError(
                f"{', '.join(knobs)}: {module.label} has its knobs already; give them to it."
            )
        kind = make(module, knobs) if isinstance(module, str) else module
        if counter in {None, FORMULA}:
            return _by_formula(kind, inputs)
        return _by_program(kind.build(kind.checked(inputs)).eval(), _zeros(inputs), counter)
    if counter == FORMULA or isinstance(inputs, ConvSpec):
        raise SpecError(
            f"A formula is that of a convolution type in a slot, and {_kind(module)} is none: give "
            "the type's name and a ConvSpec; or a module, its inputs, and no formula."
        )
    if knobs:
        raise SpecError(
            f"assert_multiplications has no argument {quoted(next(iter(knobs)))}, and "
            f"{_kind(module)} is no convolution type whose knob it could be: leave it out."
        )
    return _by_program(module, inputs, counter)


def _by_formula(kind: ConvType, spec: ConvSpec) -> _Count:
    steps = kind.plan(kind.checked(spec))
    parts: dict[str, int] = {}
    for step in steps:
        parts[step.label] = parts.get(step.label, 0) + int(step.cost.multiplications)
    return _Count(
        name=f"{kind.label} in {spec.label}",
        total=int(kind.cost(spec).multiplications),
        counter="by formula",
        convention=_RULE,
        operators=parts,
        unit="step",
    )


def _by_program(module: Any, inputs: Any, counter: str | None) -> _Count:
    if counter not in {None, PROFILE}:
        return _by_counter(str(counter), module, inputs)
    found = _profiled(module, inputs)
    how = "by shapes, nothing computed" if found.how == "shapes" else found.how
    return _Count(
        name=found.name,
        total=int(found.total.multiplications),
        counter=f"convbench.profile, {how}",
        convention=_RULE,
        operators={name: counts.multiplications for name, counts in found.by_operator.items()},
        unknown=found.unsupported,
        layers=["by layer:", *layers] if (layers := _layers(found)) else [],
    )


def _by_counter(counter: str, module: Any, inputs: Any) -> _Count:
    from convbench.counting.base import CountError, count_with
    from convbench.counting.tally import Unavailable

    tally = count_with(counter, module, inputs)
    if isinstance(tally, Unavailable):
        raise CountError(f"{tally.reason}. Leave counter={quoted(counter)} out, or name another.")
    said = tally.convention
    return _Count(
        name=_kind(module),
        total=tally.macs,
        counter=f"{counter}, {said.source}" if said.source else counter,
        convention=f"{_RULE}; transposed convolutions on the {said.transposed}",
        operators=tally.by_operator,
        unknown=tally.unsupported,
    )


def _check_counter(counter: object) -> None:
    from convbench.counting.base import COUNTERS

    if counter not in {FORMULA, PROFILE} and counter not in COUNTERS:
        known = ", ".join([FORMULA, PROFILE, *COUNTERS])
        raise UnknownNameError(f"There is no counter {quoted(counter)}. Known: {known}.")


def _zeros(spec: ConvSpec) -> Any:
    import torch

    return torch.zeros(spec.input_shape)


def _kind(module: Any) -> str:
    return getattr(module, "__name__", None) or type(module).__name__


def assert_cost_at_most(
    module: Any,
    inputs: Any,
    *,
    multiplications: int | None = None,
    parameters: int | None = None,
) -> None:
    """Assert that one forward pass, and the module, cost no more than given.

    A module with operators that have no counting rule fails a limit on multiplications: its count
    is only a lower bound. The failure shows where the cost is, layer by layer. Raises as
    `assert_multiplications` does.
    """
    __tracebackhide__ = True
    _checked(multiplications=multiplications, parameters=parameters)
    found = _profiled(module, inputs)
    got = found.total
    over = [
        f"{value:,} {name}, {value - limit:,} more than {limit:,}"
        for name, value, limit in (
            ("multiplications", got.multiplications, multiplications),
            ("parameters", got.parameters, parameters),
        )
        if limit is not None and value > limit
    ]
    if multiplications is not None and not found.complete:
        over.append(f"operators without a counting rule: {', '.join(found.unsupported)}")
    if over:
        shown = [*_layers(found), *_unknown(found.unsupported)]
        raise AssertionError("\n".join([f"{found.name} has {'; '.join(over)}.", *shown]))


def _checked(**numbers: int | None) -> None:
    """Raise SpecError for what is no number to compare with."""
    for name, number in numbers.items():
        whole = isinstance(number, int) or (isinstance(number, float) and number.is_integer())
        whole = whole and not isinstance(number, bool)
        if number is not None and not whole:
            raise SpecError(
                f"{name}={quoted(number)} is a {type(number).__name__}: give a whole number to "
                "compare the count with."
            )


def _profiled(module: Any, inputs: Any) -> Profile:
    from convbench.counting.engine.run import profile

    arguments = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    return profile(module, *arguments)


def _layers(found: Profile) -> list[str]:
    """Return one line for each module that multiplies by itself or has parameters of its own."""
    parts = [part for _, part in found.by_module.walk()]
    return [
        f"  {part.name or part.kind}: {part.own.multiplications:,} multiplications, "
        f"{part.parameters:,} parameters ({part.kind})"
        for part in parts
        if part.own.multiplications or (part.parameters and not part.children)
    ]
