"""The parts of the page of a convolution type, each from the code that the numbers come from."""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

from convbench.convs.base import ConvType, make
from convbench.core import text as show
from convbench.core.costs import Cost
from convbench.core.spec import ConvSpec
from convbench.core.steps import flatten
from convbench.formulas.explanation import (
    default_slot,
    explain,
    in_symbols,
    numbers,
    versus_for,
)
from convbench.formulas.symbols import limits
from convbench_docs import grids, pipeline
from convbench_docs.connectivity import Connectivity, connectivity, small_slot
from convbench_docs.docstrings import prose
from convbench_docs.formulas import mathml
from convbench_docs.measured import arithmetic, on_the_clock
from convbench_docs.sources import Sources
from convbench_docs.svg import figure
from convbench_docs.text import bullets, code, fence, plain, table

_SLOT_FIELDS = tuple(item.name for item in fields(ConvSpec))


def opening(kind: ConvType) -> str:
    """Return what the type is, where it is from, and what may be set."""
    idea, *_ = said(kind)
    blocks = [prose(idea), f"Source: {plain(kind.paper or 'none given')}."]
    rows = [
        (
            code(item.name),
            code(str(getattr(kind, item.name))),
            code(item.metadata["symbol"]) if item.metadata.get("symbol") else "–",
            plain(item.metadata.get("help") or "–"),
        )
        for item in fields(kind)
    ]
    blocks.append(table(("knob", "default", "in formulas", "what it is"), rows))
    return "\n\n".join(blocks)


def said(kind: ConvType) -> list[str]:
    """Return the paragraphs of the type's docstring, each in one line."""
    return [" ".join(part.split()) for part in kind.idea().split("\n\n") if part.strip()] or [
        "(no description)"
    ]


def connections(kind: ConvType) -> str:
    """Return what an output depends on, drawn from the module that the type builds."""
    slot = small_slot(kind)
    found = connectivity(kind, slot, everywhere=kind.upsamples)
    panels = [grids.channels(found, kind.name), grids.positions(found, kind.name)]
    if kind.upsamples:
        panels.append(grids.evenness(found, kind.name))
    caption = (
        f"Computed by differentiating the module in the slot {slot.title}. Filled: the output in "
        "the middle depends on this input."
    )
    points = [_channels_sentence(found), _positions_sentence(found)]
    if kind.upsamples:
        points.append(
            "Away from the border all outputs depend on equally many inputs."
            if grids.is_even(found)
            else "Neighbouring outputs depend on different numbers of inputs, which causes "
            "checkerboard artefacts."
        )
    return f"{figure(panels, caption)}\n\n{bullets([plain(point) for point in points])}"


def _channels_sentence(found: Connectivity) -> str:
    outputs, inputs = found.channels.shape
    each = found.channels.sum(axis=1)
    few, many = int(each.min()), int(each.max())
    if few == inputs:
        return f"Every output channel depends on all {inputs} input channels."
    number = str(few) if few == many else f"{few} to {many}"
    return (
        f"An output channel depends on {number} of the {inputs} input channels; "
        f"{int(found.channels.sum())} of {outputs * inputs} pairs are connected."
    )


def _positions_sentence(found: Connectivity) -> str:
    near = int((found.seen & found.within).sum())
    reach = int(found.within.sum())
    text = f"The output in the middle depends on {show.plural(near, 'input position')}"
    if near < reach:
        text += f" within a receptive field of {reach}"
    if found.beyond:
        text += f", and through a global average on the other {found.beyond} (lighter)"
    return f"{text}."


def steps(kind: ConvType, spec: ConvSpec) -> str:
    """Return the plan as a drawing: shapes, and shares of the multiplications."""
    drawn = pipeline.drawing(spec, kind.plan(spec), kind.name)
    flat = [step for step in flatten(kind.plan(spec)) if step.cost.multiplications]
    dearest = max(flat, key=lambda step: step.cost.multiplications, default=None)
    share = dearest.cost.multiplications / kind.cost(spec).multiplications if dearest else 0.0
    text = f"The plan in the slot {spec.title}. Bars are shares of the multiplications."
    if dearest is not None and len(flat) > 1:
        text += f" {show.share(share)} of them are in “{dearest.label}”."
    return figure([drawn], text)


def formula(kind: ConvType, parts: dict[str, list[str]], spec: ConvSpec) -> str:
    """Return the formula in symbols, as MathML and as text, with what the symbols mean."""
    expression = in_symbols(kind, spec)
    shown = parts["Formula"]
    if expression is None:
        return plain(shown[0])
    legend = "; ".join(shown[1:])
    return "\n\n".join(
        [
            mathml(expression, name="multiplications", block=True),
            f"{plain(legend)}.",
            fence(shown[0], "text"),
        ]
    )


def explained(kind: ConvType, spec: ConvSpec) -> dict[str, list[str]]:
    """Return what `convbench explain` says, by title."""
    return dict(explain(kind, spec, versus_for(kind, None)))


def worked(kind: ConvType, spec: ConvSpec, parts: dict[str, list[str]]) -> str:
    """Return the multiplication with its numbers, the whole cost, and how to ask for it."""
    cost = kind.cost(spec)
    return "\n\n".join(
        [
            f"In the slot {plain(spec.title)}, from {code(_shape(spec.input_shape))} to "
            f"{code(_shape(spec.output_shape))}:",
            fence("\n".join(parts["Worked multiplications"] or ["no multiplications"])),
            _cost_table(cost),
            "The same from Python:",
            fence(session(kind, spec, cost), "python"),
            "Counts of the built module:",
            bullets([plain(line) for line in parts["Checks"]]),
        ]
    )


def _cost_table(cost: Cost) -> str:
    rows = [(plain(label), plain(number)) for label, number in numbers(cost)]
    return table(("one forward pass", "number"), rows, numbers="lr")


def _shape(shape: tuple[Any, ...]) -> str:
    return "×".join(map(str, shape))


def session(kind: ConvType, spec: ConvSpec, cost: Cost) -> str:
    """Return a Python session that gives the worked numbers."""
    plain_slot = ConvSpec(in_channels=1, out_channels=1, input_size=(9,) * spec.dims, kernel_size=1)
    asked = [
        f"{name}={getattr(spec, name)!r}"
        for name in _SLOT_FIELDS
        if name in {"in_channels", "out_channels", "input_size", "kernel_size"}
        or getattr(spec, name) != getattr(plain_slot, name)
    ]
    return "\n".join(
        [
            ">>> from convbench import ConvSpec, cost",
            *_call("spec = ConvSpec", asked),
            f'>>> cost("{kind.name}", spec).multiplications',
            str(cost.multiplications),
            f'>>> cost("{kind.name}", spec).parameters',
            str(cost.parameters),
        ]
    )


def _call(function: str, arguments: list[str]) -> list[str]:
    """Return a call as lines of a session, none of them long."""
    import textwrap

    lines = textwrap.wrap(f"{function}({', '.join(arguments)})", 60, break_on_hyphens=False)
    return [f">>> {lines[0]}", *(f"...     {line}" for line in lines[1:])]


def against(kind: ConvType, spec: ConvSpec, parts: dict[str, list[str]]) -> str:
    """Return the ratio to the type that it stands against, with its limits."""
    versus = versus_for(kind, None)
    if kind.name == versus:
        return plain(f"The other types are compared with {versus}.")
    lines = parts[f"Ratio to {versus}"]
    base = make(versus, {"block": kind.block})
    if base.fits(spec):
        return plain(lines[0])
    own, other = kind.cost(spec), base.cost(spec)
    rows = [
        (
            plain(name),
            plain(f"{mine:,}"),
            plain(f"{yours:,}"),
            plain(show.ratio(mine / yours) if yours else "–"),
        )
        for name, mine, yours in (
            ("multiplications", own.multiplications, other.multiplications),
            ("parameters", own.parameters, other.parameters),
            ("elements read and written", own.reads + own.writes, other.reads + other.writes),
        )
    ]
    blocks = [table(("in this slot", code(kind.name), code(versus), "ratio"), rows, numbers="lrrr")]
    ratio = in_symbols(kind, spec, versus)
    if ratio is None:
        return blocks[0]
    blocks += [
        "The ratio of the multiplications in symbols:",
        mathml(ratio, name=f"{kind.name} ÷ {versus}", block=True),
    ]
    found = limits(ratio, upsampling=kind.upsamples) if set(spec.stride) == {1} else ()
    if found:
        blocks.append("Its limits:")
        blocks.append(bullets([f"{plain(case)}: {mathml(value)}" for case, value in found]))
    return "\n\n".join(blocks)


def when_it_pays(kind: ConvType, sources: Sources) -> str:
    """Return what the docstring says of that, the intensity, and what was measured."""
    _, *rest = said(kind)
    blocks = [prose(paragraph) for paragraph in rest]
    if kind.caveat.text:
        blocks.append(
            '!!! warning "Not equivalent to a standard convolution"\n\n'
            f"    It {plain(kind.caveat.text)}."
        )
    blocks.append(arithmetic(sources, kind, versus_for(kind, None)))
    blocks.append(f"### Measured time\n\n{on_the_clock(sources, kind.name)}")
    return "\n\n".join(block for block in blocks if block)


def facts(kind: ConvType, spec: ConvSpec) -> str:
    """Return what else the type shows of itself; empty where it shows nothing."""
    return "\n\n".join(f"## {plain(title)}\n\n{_lines(lines)}" for title, lines in kind.facts(spec))


def _lines(lines: list[str]) -> str:
    """Return sentences as a paragraph, and what is drawn with signs as it is."""
    blocks = []
    for drawn, group in itertools.groupby(lines, key=_is_drawn):
        text = list(group)
        blocks.append(fence("\n".join(text)) if drawn else plain(" ".join(text)))
    return "\n\n".join(blocks)


def _is_drawn(line: str) -> bool:
    return not line or line.startswith("[ ") or not any(sign.isalpha() for sign in line)


def slot_for(kind: ConvType) -> ConvSpec:
    """Return the slot that the page works with: what `explain` takes where nothing is said."""
    return default_slot(kind)
