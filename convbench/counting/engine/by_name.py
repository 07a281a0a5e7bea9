"""From a model's reference and the shapes of its inputs to a Profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from convbench.core.errors import ConvbenchError
from convbench.core.reading import parse_size
from convbench.counting.engine.profile import Profile
from convbench.networks.models import ModelError, load_model, load_program

if TYPE_CHECKING:
    import torch
    from torch import nn

    from convbench.counting.discrepancies import Translation

_MOST = 1 << 60
"""Elements in an input: torch counts bytes in 64 bits."""


class InputError(ConvbenchError):
    """A shape or an argument that cannot be read."""


@dataclass(frozen=True)
class Input:
    """What --input says: a shape and, where it is given, a data type by torch's name."""

    shape: tuple[int, ...]
    kind: str | None = None

    def dtype(self, otherwise: torch.dtype) -> torch.dtype:
        """Return the data type."""
        import torch

        return otherwise if self.kind is None else getattr(torch, self.kind)


def profile_reference(
    reference: str,
    shapes: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    backward: bool = False,
    strict: bool = False,
) -> Profile:
    """Profile the model that `reference` names (see `networks.models`) on zeros of the shapes.

    An input is of the data type that its shape names ("2x7:int64"), else of the one that an
    exported program was exported with, else of the model's weights. The model is made on the meta
    device, without memory for its weights; where it cannot be made or counted there, it is made on
    the CPU. Raises ModelError, InputError, ProfileError or (when strict) UnknownOperatorError.
    """
    import torch

    from convbench.counting.engine.run import ProfileError, count

    given = [input_of(text) for text in shapes]
    knobs = arguments_of(arguments)
    cpu = torch.device("cpu")
    if reference.endswith(".pt2"):
        from convbench.counting.engine.exported import input_types, layered

        program = load_program(reference, knobs)
        inputs = _zeros(given, input_types(program), torch.get_default_dtype(), "meta")
        return count(layered(program), inputs, backward=backward, strict=strict, device=cpu)
    try:
        module = load_model(reference, knobs, device="meta")
        inputs = _zeros(given, [], _dtype_of(module), "meta")
        return count(module, inputs, backward=backward, strict=strict, device=cpu)
    except (ModelError, ProfileError):
        pass  # it needs data, perhaps: made on the CPU, it fails there with its real reason
    module, inputs = _made(reference, given, knobs)
    return count(module, inputs, backward=backward, strict=strict)


def translate_reference(
    reference: str, shapes: Sequence[str], arguments: Sequence[str], counters: Sequence[str]
) -> tuple[list[Translation], list[str]]:
    """Say what each counter's number is made of, for the model that `reference` names.

    It is made on the CPU, and asked on zeros as in `profile_reference`. Also returns why others of
    the counters could not say a number. Raises as `profile_reference` does, and UnknownNameError.
    """
    from convbench.counting.base import COUNTERS, CountError
    from convbench.counting.discrepancies import translate

    given, knobs = [input_of(text) for text in shapes], arguments_of(arguments)
    for name in counters:
        COUNTERS[name]
    module, inputs = _made(reference, given, knobs)
    said, failed = [], []
    for name in counters:
        try:
            said.append(translate(module, inputs, name))
        except CountError as error:
            failed.append(str(error))
    return said, failed


def _made(
    reference: str, given: list[Input], knobs: dict[str, str]
) -> tuple[nn.Module, tuple[Any, ...]]:
    """Return a model on the CPU, and zeros for it."""
    import torch

    if reference.endswith(".pt2"):
        from convbench.counting.engine.exported import input_types

        program = load_program(reference, knobs)
        return program.module(), _zeros(
            given, input_types(program), torch.get_default_dtype(), "cpu"
        )
    module = load_model(reference, knobs)
    return module, _zeros(given, [], _dtype_of(module), "cpu")


def _zeros(
    given: list[Input], kinds: Sequence[torch.dtype | None], otherwise: torch.dtype, device: str
) -> tuple[Any, ...]:
    import torch

    kinds = [*kinds, *[None] * len(given)]
    try:
        return tuple(
            torch.zeros(item.shape, dtype=item.dtype(kind or otherwise), device=device)
            for item, kind in zip(given, kinds, strict=False)
        )
    except (RuntimeError, MemoryError) as error:
        shapes = ", ".join("x".join(map(str, item.shape)) for item in given)
        raise InputError(
            f"--input {shapes} is too large to hold, and this model must be run for real to be "
            "counted: give a smaller one."
        ) from error


def _dtype_of(module: nn.Module) -> torch.dtype:
    """Return the floating-point type of a model's weights."""
    import torch

    found = (weight.dtype for weight in module.parameters() if weight.is_floating_point())
    return next(found, torch.get_default_dtype())


def input_of(text: str) -> Input:
    """Read "2x7:int64" or "1x3x224x224"; InputError for anything else."""
    import torch

    shape, sign, kind = text.partition(":")
    if not sign:
        return Input(shape_of(shape))
    if not isinstance(getattr(torch, kind, None), torch.dtype):
        raise InputError(
            f"--input {text!r}: {kind!r} is no data type of torch: write int64, float64, float16, "
            "bfloat16, bool, …"
        )
    return Input(shape_of(shape), kind)


def shape_of(text: str) -> tuple[int, ...]:
    """Read "1x3x224x224" as (1, 3, 224, 224); InputError for anything else."""
    try:
        sizes = parse_size(text)
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise InputError(
            f"--input {text!r} is not a shape: write it like 1x3x224x224, batch and channels "
            "first, and a data type after a colon, like 2x7:int64, where it is not the weights'."
        )
    if prod(sizes) > _MOST:
        raise InputError(
            f"--input {text!r} has {prod(sizes):.3g} elements, more than torch can count: give a "
            "smaller one."
        )
    return sizes


def arguments_of(texts: Sequence[str]) -> dict[str, str]:
    """Read "key=value" several times; InputError for a key that is given twice."""
    found: dict[str, str] = {}
    for text in texts:
        key, value = argument_of(text)
        if key in found:
            raise InputError(
                f"--arg {key} is given twice, as {found[key]} and as {value}: leave one out."
            )
        found[key] = value
    return found


def argument_of(text: str) -> tuple[str, str]:
    """Read "key=value"; InputError for anything else."""
    key, sign, value = text.partition("=")
    if not sign or not key.isidentifier():
        raise InputError(f"--arg {text!r} is not key=value: write it so.")
    return key, value
