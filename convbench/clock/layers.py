"""From a reference on a command line to its layers in context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convbench.clock.layers_in_context import Context, layers_in_context
from convbench.convs.base import TYPES, make
from convbench.core.random_state import seeded
from convbench.core.reading import decimal
from convbench.core.spec import ConvSpec
from convbench.counting.engine.by_name import Input, InputError, arguments_of, from_onnx, shape_of
from convbench.networks.exported_modules import layered
from convbench.networks.models import load_model, load_program

_OF_THE_SLOT = ("out_channels", "kernel_size", "stride", "padding", "dilation", "scale")


def layers_of(
    reference: str,
    shapes: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    budget: float,
    threads: int,
    seed: int,
    trust: bool = False,
) -> Context:
    """Time the layers of what `reference` names, on normal inputs of the shapes.

    reference: as `networks.models.load_model` takes it, or the name of a convolution type, which is
    then built as a block in the slot of its input (3×3, same padding, as many channels out as in,
    unless the arguments say otherwise). trust: an exported program may run code as it is loaded.
    Raises as the two do, and InputError.
    """
    import torch

    sizes = [shape_of(text) for text in shapes]
    given = arguments_of(arguments)
    with seeded(seed):
        if reference in TYPES:
            module = _block(reference, sizes, given)
        elif reference.endswith(".onnx"):
            module, _ = from_onnx(reference, [Input(size) for size in sizes], given)
        elif reference.endswith(".pt2"):
            module = layered(load_program(reference, given, trust=trust))
        else:
            module = load_model(reference, given, trust=trust)
        inputs = [torch.randn(size) for size in sizes]
    return layers_in_context(module, *inputs, budget=budget, threads=threads, seed=seed)


def _block(name: str, sizes: list[tuple[int, ...]], given: dict[str, str]) -> Any:
    if len(sizes) != 1 or len(sizes[0]) not in {3, 4, 5}:
        raise InputError(
            f"{name} is a convolution type and takes one input of batch, channels and 1 to 3 "
            "sizes: write it like 1x64x28x28."
        )
    batch, channels, *size = sizes[0]
    values = {
        key: text if (number := decimal(text)) is None else number for key, text in given.items()
    }
    slot: dict[str, Any] = {"out_channels": channels, "kernel_size": 3, "padding": "same"}
    slot.update({key: values.pop(key) for key in list(values) if key in _OF_THE_SLOT})
    spec = ConvSpec(in_channels=channels, input_size=tuple(size), batch=batch, **slot)
    kind = make(name, {**values, "block": True})
    return kind.build(kind.checked(spec)).eval()
