"""From a model's reference and the shapes of its inputs to a Profile."""

from __future__ import annotations

from collections.abc import Sequence

from convbench.errors import ConvbenchError
from convbench.models import ModelError, load_model
from convbench.profiling.profile import Profile
from convbench.profiling.run import ProfileError, profile
from convbench.runs.reading import parse_size


class InputError(ConvbenchError):
    """A shape or an argument that cannot be read."""


def profile_reference(
    reference: str,
    shapes: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    backward: bool = False,
    strict: bool = False,
) -> Profile:
    """Profile the model that `reference` names (see `models.load_model`) on zeros of the shapes.

    The model is made on the meta device, without memory for its weights; where it cannot be made
    or counted there, it is made on the CPU. Raises ModelError, InputError, ProfileError or (when
    strict) UnknownOperatorError.
    """
    import torch

    sizes = [shape_of(text) for text in shapes]
    given = dict(argument_of(text) for text in arguments)
    try:
        module = load_model(reference, given, device="meta")
        with torch.device("meta"):
            inputs = [torch.zeros(size) for size in sizes]
        return profile(module, *inputs, backward=backward, strict=strict)
    except (ModelError, ProfileError):
        pass  # it needs data, perhaps: made on the CPU, it fails there with its real reason
    module = load_model(reference, given)
    return profile(module, *(torch.zeros(size) for size in sizes), backward=backward, strict=strict)


def shape_of(text: str) -> tuple[int, ...]:
    """Read "1x3x224x224" as (1, 3, 224, 224); InputError for anything else."""
    try:
        sizes = parse_size(text)
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise InputError(
            f"--input {text!r} is not a shape: write it like 1x3x224x224, batch and channels first."
        )
    return sizes


def argument_of(text: str) -> tuple[str, str]:
    """Read "key=value"; InputError for anything else."""
    key, sign, value = text.partition("=")
    if not sign or not key.isidentifier():
        raise InputError(f"--arg {text!r} is not key=value: write it so.")
    return key, value
