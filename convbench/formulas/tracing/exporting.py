"""Export a module with some of its inputs' dimensions as symbols, and leave the module alone."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from convbench.formulas.tracing.causes import TraceError
from convbench.formulas.tracing.shape_env import no_special_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import torch
    from torch import nn
    from torch.export import ExportedProgram

AXES: Final[dict[int, dict[int, str]]] = {
    1: {0: "B"},
    2: {0: "B"},
    3: {0: "B", 2: "L"},
    4: {0: "B", 2: "H", 3: "W"},
    5: {0: "B", 2: "D", 3: "H", 4: "W"},
}
"""Names of the dimensions that vary, by the number of dimensions: channels do not."""
TOKENS: Final = {0: "B", 1: "L"}
"""Names for (batch, length) of whole numbers: tokens."""
CHANNELS: Final = "C"
"""Dimension 1 of a three-dimensional input, which is the length where the last one is fixed."""


@dataclass(frozen=True)
class Traced:
    """An exported program, and for each input tensor the names of its dimensions."""

    program: ExportedProgram
    axes: tuple[dict[int, str], ...]
    examples: tuple[Any, ...]
    """The inputs it was traced with, in the same order."""


def tensors(inputs: Sequence[Any]) -> list[torch.Tensor]:
    """Return the tensors among nested inputs, in order."""
    import torch
    from torch.utils import _pytree

    return [leaf for leaf in _pytree.tree_leaves(tuple(inputs)) if isinstance(leaf, torch.Tensor)]


def axes_of(tensor: torch.Tensor) -> dict[int, str]:
    """Return the names of a tensor's dimensions that may vary, by position."""
    if tensor.ndim == 2 and not tensor.is_floating_point():  # noqa: PLR2004  (batch, length)
        return TOKENS
    if tensor.ndim == 3:  # noqa: PLR2004  (batch, channels, length) or (batch, length, features)
        return {**AXES[3], 1: CHANNELS}
    return AXES.get(tensor.ndim, {})


def example(
    tensor: torch.Tensor, axes: Mapping[int, str], device: torch.device | None, *, single: bool
) -> Any:
    """Return an empty tensor to trace with: a batch of 1 becomes 2, as torch takes 1 for fixed.

    With `single` every batch becomes 1 instead.
    """
    import torch

    shape = [
        (1 if single else max(size, 2)) if axes.get(index) == "B" else size
        for index, size in enumerate(tensor.shape)
    ]
    return torch.empty(shape, dtype=tensor.dtype, device=device or tensor.device)


def export(
    module: nn.Module,
    inputs: Sequence[Any],
    axes: Sequence[dict[int, str]],
    *,
    single: bool = False,
) -> Traced:
    """Export module(*inputs) with the dimensions of `axes` (one dict a tensor) as symbols.

    With `single` the batch is 1 and no symbol.
    Nothing is computed: torch traces with tensors that have no elements. What the module keeps as
    attributes is copied for the time being, its weights are not. Raises what torch raises.
    """
    import torch
    from torch.export import Dim
    from torch.utils import _pytree

    held = list(module.parameters())
    on_meta = bool(held) and all(weight.is_meta for weight in held)
    device = torch.device("meta") if on_meta else None
    leaves, tree = _pytree.tree_flatten(tuple(inputs))
    remaining = iter(axes)
    made: dict[int, Any] = {}
    shapes: list[Any] = []
    examples: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor):
            named = next(remaining)
            made[id(leaf)] = made.get(id(leaf), example(leaf, named, device, single=single))
            examples.append(made[id(leaf)])  # one tensor given twice stays one
            free = [index for index, name in named.items() if not (single and name == "B")]
            shapes.append(dict.fromkeys(free, Dim.AUTO) or None)
        else:
            examples.append(leaf)
            shapes.append(None)
    arguments = _pytree.tree_unflatten(examples, tree)
    given: Any = tuple(_pytree.tree_unflatten(shapes, tree))
    given = _like_signature(module, given)
    with _quiet(), torch.no_grad(), no_special_sizes():
        program = torch.export.export(
            stand_in(module), arguments, dynamic_shapes=given, strict=False
        )
    kept = tuple(item for item in examples if isinstance(item, torch.Tensor))
    return Traced(program, tuple(axes), kept)


def taken_apart(program: ExportedProgram, operators: Iterable[Any]) -> ExportedProgram:
    """Return the program with those of the operators that are composite (einsum, …) taken apart."""
    from torch.export import default_decompositions

    known = default_decompositions()
    chosen = {operator: known[operator] for operator in operators if operator in known}
    if not chosen:
        return program
    with _quiet(), no_special_sizes():
        apart: ExportedProgram = program.run_decompositions(chosen)
    return apart


def stand_in(module: nn.Module) -> nn.Module:
    """Return a copy of the module that shares its weights, so that a trace changes nothing of it.

    A module that cannot be copied stands in for itself.
    """
    import torch

    from convbench.core.torch_internals import buffers_of, weights_of

    if isinstance(module, torch.jit.ScriptModule):
        raise TraceError(
            f"{type(module).__name__} is a scripted module, which torch.export does not take: "
            "give the module that was scripted."
        )
    shared: dict[int, Any] = {}
    for part in module.modules():
        for item in (*weights_of(part).values(), *buffers_of(part).values(), *vars(part).values()):
            if isinstance(item, torch.Tensor):
                shared[id(item)] = item
    try:
        return copy.deepcopy(module, shared)
    except Exception:  # noqa: BLE001  locks, open files, generators: anything may refuse
        return module


def _like_signature(module: nn.Module, shapes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put the shapes of `*args` in a tuple of their own, as torch wants them."""
    kinds = [item.kind for item in inspect.signature(module.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return shapes
    place = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*shapes[:place], shapes[place:])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what torch prints and warns about: a failure is told in an error of our own."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
