"""From a model's reference and the shapes of its inputs to a Profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path

import torch
from torch import nn

from convbench.core.errors import ConvbenchError
from convbench.core.modules import KIND
from convbench.core.reading import parse_size
from convbench.counting.base import COUNTERS, CountError
from convbench.counting.discrepancies import Translation, translate
from convbench.counting.engine.profile import Profile
from convbench.counting.engine.pytree import Given
from convbench.networks.exported_modules import input_types, layered
from convbench.networks.models import ModelError, load_model, load_program
from convbench.networks.onnx_files import load_onnx

_MOST = 1 << 60
"""Elements in an input: torch counts bytes in 64 bits."""


class InputError(ConvbenchError):
    """A shape or an argument that cannot be read."""


@dataclass(frozen=True)
class Input:
    """What --input says: a shape; where given, a data type by torch's name, and a keyword."""

    shape: tuple[int, ...]
    kind: str | None = None
    name: str = ""

    def dtype(self, otherwise: torch.dtype) -> torch.dtype:
        """Return the data type."""
        return otherwise if self.kind is None else getattr(torch, self.kind)


def profile_reference(
    reference: str,
    shapes: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    backward: bool = False,
    strict: bool = False,
    noted: bool = False,
    trust: bool = False,
) -> Profile:
    """Profile the model that `reference` names (see `networks.models`) on zeros of the shapes.

    An input is of the data type that its shape names ("2x7:int64"), else of the one that an
    exported program or an ONNX file declares, else of the model's weights; "mask=2x7" is one by
    keyword.
    noted: the shapes of all calls are noted. trust: an exported program may run code as it is
    loaded. The model is made on the meta device, without memory for its weights; where it cannot be
    made or counted there, it is made on the CPU. Raises ModelError, InputError, ProfileError or
    (when strict) UnknownOperatorError.
    """
    from convbench.counting.engine.run import ProfileError, count

    given, knobs = inputs_of(shapes), arguments_of(arguments)
    counted = partial(count, backward=backward, strict=strict, shapes=noted)
    cpu = torch.device("cpu")
    if reference.endswith(".pt2"):
        program = load_program(reference, knobs, trust=trust)
        inputs = _zeros(given, input_types(program), torch.get_default_dtype(), "meta")
        return counted(layered(program), inputs, device=cpu)
    if reference.endswith(".onnx"):  # its weights are in the file
        return counted(*made(reference, given, knobs))
    try:
        return counted(*made(reference, given, knobs, device="meta"), device=cpu)
    except (ModelError, ProfileError):
        pass  # it needs data, perhaps: made on the CPU, it fails there with its real reason
    return counted(*made(reference, given, knobs))


def translate_reference(
    reference: str,
    shapes: Sequence[str],
    arguments: Sequence[str],
    counters: Sequence[str],
    *,
    trust: bool = False,
) -> tuple[list[Translation], list[str]]:
    """Say what each counter's number is made of, for the model that `reference` names.

    It is made on the CPU, and asked on zeros as in `profile_reference`. Also returns why others of
    the counters could not say a number. Raises as `profile_reference` does, and UnknownNameError.
    """
    given, knobs = inputs_of(shapes), arguments_of(arguments)
    if named := [item.name for item in given if item.name]:
        raise InputError(
            f"Other counters take inputs by position: give --input {named[0]} without its name, or "
            "leave --explain-counter out."
        )
    for name in counters:
        COUNTERS[name]
    module, inputs = made(reference, given, knobs, trust=trust)
    said, failed = [], []
    for name in counters:
        try:
            said.append(translate(module, inputs.inputs, name))
        except CountError as error:
            failed.append(str(error))
    return said, failed


def made(
    reference: str,
    given: list[Input],
    knobs: dict[str, str],
    device: str = "cpu",
    *,
    trust: bool = False,
) -> tuple[nn.Module, Given]:
    """Return a model and zeros for it; on the CPU where its weights come from a file."""
    if reference.endswith(".pt2"):
        program = load_program(reference, knobs, trust=trust)
        inputs = _zeros(given, input_types(program), torch.get_default_dtype(), "cpu")
        return program.module(), inputs
    if reference.endswith(".onnx"):
        module, kinds = from_onnx(reference, given, knobs)
        return module, _zeros(given, kinds, torch.get_default_dtype(), "cpu")
    module = load_model(reference, knobs, device=device)
    return module, _zeros(given, {}, _dtype_of(module), device)


def from_onnx(
    reference: str, given: Sequence[Input], knobs: Mapping[str, str]
) -> tuple[nn.Module, dict[str, torch.dtype | None]]:
    """Return the model in an ONNX file, and the data types that it declares, by input, in order.

    Raises ModelError, MissingExtraError, and InputError where `given` differs from what it takes.
    """
    found = load_onnx(reference, knobs)
    places = iter(found.inputs)
    by_name = {item.name or next(places, ""): item for item in given}
    if by_name.keys() != found.inputs.keys() or not all(
        own.takes(by_name[name].shape) for name, own in found.inputs.items()
    ):
        declared = ", ".join(f"{name} {own}" for name, own in found.inputs.items())
        shapes = ", ".join(
            f"{item.name} {'×'.join(map(str, item.shape))}".strip() for item in given
        )
        raise InputError(
            f"{reference} takes {declared}, and --input is {shapes}: give each input in this "
            "order, or as NAME=SHAPE, with the sizes that are numbers in the file."
        )
    for name, part in found.module.named_modules():
        kind = found.kinds.get(name) or (type(part) is nn.Module and name.rpartition(".")[2])
        vars(part)[KIND] = kind or type(part).__name__
    vars(found.module)[KIND] = Path(reference).stem
    return found.module, {name: own.dtype for name, own in found.inputs.items()}


def _zeros(
    given: list[Input], kinds: Mapping[str, torch.dtype | None], otherwise: torch.dtype, device: str
) -> Given:
    """Return zeros; `kinds` are by the name of an input, in the order of the inputs."""
    places = [*kinds.values(), *[None] * len(given)]
    try:
        made = [
            torch.zeros(
                item.shape,
                dtype=item.dtype((kinds.get(item.name) if item.name else place) or otherwise),
                device=device,
            )
            for item, place in zip(given, places, strict=False)
        ]
        return Given(
            tuple(tensor for item, tensor in zip(given, made, strict=True) if not item.name),
            {item.name: tensor for item, tensor in zip(given, made, strict=True) if item.name},
        )
    except (RuntimeError, MemoryError) as error:
        shapes = ", ".join("x".join(map(str, item.shape)) for item in given)
        raise InputError(
            f"--input {shapes} is too large to hold, and this model must be run for real to be "
            "counted: give a smaller one."
        ) from error


def _dtype_of(module: nn.Module) -> torch.dtype:
    """Return the floating-point type of a model's weights."""
    found = (weight.dtype for weight in module.parameters() if weight.is_floating_point())
    return next(found, torch.get_default_dtype())


def inputs_of(texts: Sequence[str]) -> list[Input]:
    """Read inputs, of which "mask=2x7" is given by keyword; InputError for anything else."""
    found: list[Input] = []
    for text in texts:
        name, sign, shape = text.rpartition("=")
        if sign and not name.isidentifier():
            raise InputError(
                f"--input {text!r}: {name!r} is no name of an argument: write NAME=SHAPE."
            )
        if name and name in [item.name for item in found]:
            raise InputError(f"--input {name} is given twice: leave one out.")
        found.append(replace(input_of(shape), name=name))
    return found


def input_of(text: str) -> Input:
    """Read "2x7:int64" or "1x3x224x224"; InputError for anything else."""
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
