"""What `explain` says of a convolution type in a slot: sections of lines, made from the code."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, NamedTuple

from convbench.convs.base import TYPES, ConvType, make
from convbench.core import text as show
from convbench.core.costs import FIELDS, Cost, Step
from convbench.core.errors import SpecError
from convbench.core.spec import ConvSpec
from convbench.core.steps import flatten
from convbench.counting.agreement import judge
from convbench.counting.base import asked_in_runs, count_with
from convbench.counting.tally import Unavailable
from convbench.formulas.symbols import (
    factored,
    formula,
    limits,
    meanings,
    symbol,
    symbolic_type,
    value_at,
    written,
)

CHECK_LIMIT_BYTES = 2 << 30
"""Above this, `explain` does not build the module to count it: nobody waits for that."""


class Section(NamedTuple):
    """A title and the lines beneath it."""

    title: str
    lines: list[str]


def default_slot(kind: ConvType) -> ConvSpec:
    """Return the first slot of a few that the type fits, beginning with the worked one."""
    channels = 3
    outputs = kind.forced_outputs(channels)
    worked = ConvSpec(
        in_channels=channels,
        out_channels=128 if outputs is None else outputs,
        input_size=(7, 7),
        kernel_size=3,
    )
    wide = ConvSpec(
        in_channels=64,
        out_channels=64 if outputs is None else kind.forced_outputs(64),
        input_size=(56, 56),
        kernel_size=3,
        padding="same",
    )
    tried = (
        worked,
        worked.with_(input_size=(5, 5), kernel_size=1),
        wide,
        worked.with_(scale=2),
        worked.with_(scale=2, padding="same"),
    )
    for spec in tried:
        if kind.fits(spec) is None:
            return spec
    last = [spec for spec in tried if (spec.scale is None) != kind.upsamples][-1]
    raise SpecError(
        f"{kind.label} fits none of the slots that explain tries. Of the last, {last.title}: "
        f"{kind.fits(last)}. Or name a slot with --in-channels, --out-channels, --input and "
        "--kernel."
    )


def explain(kind: ConvType, spec: ConvSpec, versus: str) -> list[Section]:
    """Return the explanation of a type in a slot, against another type.

    Raises SpecError where the type does not fit the slot. A `versus` that does not fit is said so.
    """
    kind.checked(spec)
    cost = kind.cost(spec)
    return [
        Section(f"{kind.label} in the slot {spec.title}", _idea(kind)),
        Section("Source", [kind.paper] if kind.paper else ["(none given)"]),
        *_knobs(kind),
        Section("Shapes", _shapes(spec)),
        Section("Steps", _steps(kind.plan(spec))),
        Section("Formula", _formula(kind, spec, versus)),
        Section("Worked multiplications", _worked(kind.plan(spec), cost)),
        Section("Cost of one forward pass", _cost(cost)),
        Section(f"Ratio to {versus}", _ratio(kind, spec, cost, versus)),
        Section("Checks", _checks(kind, spec, cost)),
        *(Section(title, lines) for title, lines in kind.facts(spec)),
    ]


def _idea(kind: ConvType) -> list[str]:
    """Return the paragraphs of the idea, a line each, with an empty one between them."""
    return [" ".join(part.split()) for part in re.split(r"(\n\n)", kind.idea())]


def _shapes(spec: ConvSpec) -> list[str]:
    lines = [f"{_shape(spec.input_shape)} → {_shape(spec.output_shape)}"]
    if spec.dims == 1:
        size = spec.input_size[0]
        lines.append(f"1-D, length {size}; for images write --input {size}x{size}")
    return lines


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _knobs(kind: ConvType) -> list[Section]:
    lines = [
        f"{item.name} = {getattr(kind, item.name)}  {item.metadata.get('help', '')}".rstrip()
        for item in fields(kind)
    ]
    return [Section("Knobs", lines)] if lines else []


def _steps(steps: tuple[Step, ...]) -> list[str]:
    lines = []
    for number, step in enumerate(flatten(steps), start=1):
        cost = step.cost
        counts = {
            "multiplication": cost.multiplications,
            "elementwise operation": cost.elementwise,
            "parameter": cost.parameters,
        }
        parts = [show.plural(number, noun) for noun, number in counts.items() if number]
        lines.append(f"{number}. {step.label}: {', '.join(parts) or 'nothing computed'}")
    return lines


def in_symbols(kind: ConvType, spec: ConvSpec, versus: str | None = None) -> Any:
    """Return the formula in this slot's form, factored; None where one would not give its count.

    Knobs that have a symbol are symbols; all else is as in the slot. It is checked: put back at the
    slot's numbers it gives the multiplications, or it is not shown.
    """
    knobs = {
        item.name: getattr(kind, item.name)
        for item in fields(kind)
        if not item.metadata.get("symbol")
    }
    stride = spec.stride[0] if len(set(spec.stride)) == 1 else None
    if stride is None:
        return None
    options = {"dims": spec.dims, "bias": spec.bias, "stride": stride, **knobs}
    plain = formula(kind.name, **options)
    if value_at(plain, kind, spec) != kind.cost(spec).multiplications:
        return None
    return factored(plain if versus is None else formula(kind.name, ratio_to=versus, **options))


def _formula(kind: ConvType, spec: ConvSpec, versus: str) -> list[str]:
    expression = in_symbols(kind, spec)
    if expression is None:
        return ["(in symbols one K and one stride stand for every axis, which this slot has not)"]
    shown = [expression]
    if make(versus, {"block": kind.block}).fits(spec) is None:
        ratio = in_symbols(kind, spec, versus)
        shown += [ratio, *(value for _, value in limits(ratio, upsampling=kind.upsamples))]
    lines = [f"multiplications = {written(expression)}"]
    lines += [f"{name}: {meaning}" for name, meaning in meanings(kind, *shown).items()]
    free = symbolic_type(kind.name, {"block": kind.block})
    forced = free.forced_outputs(symbol("C"), max(spec.stride))
    if forced is not None:
        lines.append(f"N = {written(forced)}: the type has no choice of output channels")
    return lines


def _worked(steps: tuple[Step, ...], cost: Cost) -> list[str]:
    terms = [step for step in flatten(steps) if step.formula and step.cost.multiplications]
    lines = [f"{step.formula} = {step.cost.multiplications:,}  ({step.label})" for step in terms]
    if len(terms) > 1:
        parts = " + ".join(f"{step.cost.multiplications:,}" for step in terms)
        lines.append(f"{parts} = {cost.multiplications:,}")
    return lines


def numbers(cost: Cost) -> list[tuple[str, str]]:
    """Return what a cost says, as (label, number in digits)."""
    return [
        (described.label or described.title, _digits(getattr(cost, name)))
        for name, described in FIELDS.items()
    ]


def _digits(value: Any) -> str:
    if isinstance(value, tuple):
        return " × ".join(map(str, value)) or "does not apply"
    return f"{value:,}"


def _cost(cost: Cost) -> list[str]:
    found = numbers(cost)
    wide = max(len(label) for label, _ in found)
    return [f"{label:<{wide}}  {number}" for label, number in found]


def _ratio(kind: ConvType, spec: ConvSpec, cost: Cost, versus: str) -> list[str]:
    other = make(versus, {"block": kind.block})
    if why := other.fits(spec):
        return [f"{versus} cannot fill this slot: {why}."]
    base = other.cost(spec)
    lines = [
        f"multiplications {cost.multiplications:,} / {base.multiplications:,} "
        f"= {cost.multiplications / base.multiplications:.4g}",
        f"parameters      {cost.parameters:,} / {base.parameters:,} "
        f"= {cost.parameters / base.parameters:.4g}",
    ]
    ratio = in_symbols(kind, spec, versus)
    if ratio is None:
        return lines
    lines.append(f"in symbols      {written(ratio)}")
    if set(spec.stride) == {1}:
        found = limits(ratio, upsampling=kind.upsamples)
        lines += [f"  {case}: {written(value)}" for case, value in found]
    return lines


def _checks(kind: ConvType, spec: ConvSpec, cost: Cost) -> list[str]:
    """Count the built module with every counter, unless it is too large to build in passing."""
    need = 4 * (2 * cost.parameters + 2 * cost.peak_live)
    if need > CHECK_LIMIT_BYTES:
        return [f"not counted: the module would take {need / 2**30:,.1f} GiB to run"]
    import torch

    module, inputs = kind.build(spec).eval(), torch.zeros(spec.input_shape)
    held = sum(weight.numel() for weight in module.parameters())
    sign = "✓" if held == cost.parameters else "✗"
    lines = [f"{sign} the module has {show.plural(held, 'parameter')}"]
    for name in asked_in_runs():
        tally = count_with(name, module, inputs)
        verdict, text = judge(cost.multiplications, tally)
        if isinstance(tally, Unavailable):
            lines.append(f"– {text}")
        elif verdict == "agrees":
            lines.append(f"✓ {tally.convention.source} counts {show.plural(tally.macs, 'MAC')}")
        else:
            lines.append(f"✗ {text}")
    return lines


def versus_for(kind: ConvType, wanted: str | None) -> str:
    """Return what to compare with: the wanted type, else standard, or transposed upsampling."""
    if wanted is not None:
        return TYPES[wanted].name
    return "transposed" if kind.upsamples else "standard"
