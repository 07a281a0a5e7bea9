"""What the command `formula` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convbench.formulas.tracing.causes import TraceError
from convbench.formulas.tracing.formula import NetworkFormula
from convbench.formulas.tracing.network import network_formula
from convbench.formulas.tracing.plans import plan_formula
from convbench.formulas.tracing.writing import text
from convbench.networks.base import Network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import nn

_MEANINGS = {
    "B": "batch",
    "D": "depth",
    "H": "height",
    "W": "width",
    "L": "length",
}


def formula_command(
    model: nn.Module | Network,
    shape: str | Sequence[int],
    *,
    dynamic: str | Iterable[str] = "auto",
    kind: str | None = None,
) -> list[str]:
    """Return the lines that say a model's formula, and its value at an input of `shape`.

    model: a module, which is traced, or a planned network. shape: "1x3x256x128" or its numbers;
    the input is of data type `kind`, or of the floating-point type of the module's weights.
    Raises TraceError for a shape that is none, and as `network_formula` does; SpecError where the
    formula does not hold at `shape`.
    """
    sizes = _shape(shape)
    if isinstance(model, Network):
        formula = plan_formula(model)
        want = (None, model.in_channels, *(None for _ in model.input_size))
        if len(sizes) != len(want) or sizes[1] != model.in_channels:
            raise TraceError(
                f"An input of {'×'.join(map(str, sizes))} does not fit: this network takes batch × "
                f"{model.in_channels} × {' × '.join(formula.names[1:])}."
            )
        at = dict(zip(formula.names, (sizes[0], *sizes[2:]), strict=True))
    else:
        formula = network_formula(model, _input(model, sizes, kind), dynamic=dynamic)
        at = formula.given
    return describe(formula, at)


def describe(formula: NetworkFormula, at: dict[str, int]) -> list[str]:
    """Return the formula in lines, with its value at the sizes `at`."""
    names = ", ".join(f"{name} {_meaning(name)}" for name in formula.names)
    bound = "" if formula.complete else "≥ "
    place = ", ".join(f"{name}={size}" for name, size in at.items())
    lines = [
        f"multiplications = {formula}" if formula.complete else f"multiplications {formula}",
        "",
        f"sizes: {names or 'all fixed'}",
        f"value: {bound}{formula.evaluate(**at):,} at {place or 'the given input'}",
        f"parameters: {formula.parameters:,}",
        f"from: {formula.source}",
    ]
    if formula.constraints:
        lines.append(f"holds for: {', '.join(map(text, formula.constraints))}")
    lines += [f"note: {note}" for note in formula.notes]
    if formula.unsupported:
        unknown = ", ".join(f"{name} ×{calls}" for name, calls in formula.unsupported.items())
        lines.append(f"unknown operators, which may multiply too: {unknown}")
    if len(formula.by_operator) > 1:
        lines.append("by operator:")
        lines += [f"  {name}: {text(part)}" for name, part in formula.by_operator.items()]
    return lines


def _meaning(name: str) -> str:
    word = _MEANINGS.get(name[0], "size")
    return f"{word} of input {name[1:]}" if name[1:] else word


def _shape(shape: str | Sequence[int]) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in (shape.split("x") if isinstance(shape, str) else shape))
    except (TypeError, ValueError):
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise TraceError(f"shape={shape!r} is no input shape: give one such as 1x3x224x224.")
    return sizes


def _input(module: Any, sizes: tuple[int, ...], name: str | None) -> Any:
    import torch

    weights = [weight for weight in module.parameters() if weight.is_floating_point()]
    kind = weights[0].dtype if weights else torch.get_default_dtype()
    if name is not None:
        kind = getattr(torch, name)
    device = weights[0].device if weights else torch.device("meta")
    return torch.empty(sizes, dtype=kind, device=device)
