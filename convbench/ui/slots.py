"""From words on a command line to a type and a slot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from convbench.convs.base import TYPES, ConvType, make
from convbench.core.errors import SpecError
from convbench.core.reading import parse_size
from convbench.core.spec import PER_AXIS, ConvSpec
from convbench.formulas.explanation import default_slot


def type_and_slot(
    name: str, asked: Mapping[str, Any], knobs: Sequence[str], *, block: bool
) -> tuple[ConvType, ConvSpec]:
    """Return the type with its knobs, and the slot asked for.

    asked: fields of ConvSpec; None is "not said". With nothing said, the slot is one that the type
    fits; otherwise what is not said is 3 channels to 128 (or to what the type forces), 7×7, K=3.
    Raises UnknownNameError or SpecError for what cannot be.
    """
    kind = make(name, {**knobs_of(name, knobs), "block": block})
    said = {key: _value(key, value) for key, value in asked.items() if value is not None}
    if kind.upsamples and "scale" not in said and "stride" in said:
        said["scale"] = said.pop("stride")  # what PyTorch calls a transposed convolution's stride
        if not isinstance(said["scale"], int):
            raise SpecError(f"stride={asked['stride']!r} of an upsampling type: give one number.")
    if not said:
        return kind, default_slot(kind)
    if kind.upsamples:
        said.setdefault("scale", 2)
    channels = said.setdefault("in_channels", 3)
    stride = said.get("stride", 1)
    forced = kind.forced_outputs(channels, stride if isinstance(stride, int) else max(stride))
    said.setdefault("out_channels", 128 if forced is None else forced)
    said.setdefault("input_size", (7, 7))
    said.setdefault("kernel_size", 3)
    return kind, ConvSpec(**said)


def _value(key: str, value: Any) -> Any:
    if key not in PER_AXIS or value == "same":
        return value
    try:
        sizes = parse_size(value)
    except ValueError:
        raise SpecError(
            f"{key}={value!r} is not a size: give a number, or numbers with x between, like 7x7."
        ) from None
    return sizes if key == "input_size" or len(sizes) > 1 else sizes[0]


def knobs_of(name: str, given: Sequence[str]) -> dict[str, Any]:
    """Return knobs of a type from texts such as "groups=4"; SpecError for one without a value."""
    known = {item.name: item.default for item in fields(TYPES[name])}
    found: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign:
            raise SpecError(f"--knob {text!r} has no value: write it as key=value.")
        found[key] = _number(value) if not isinstance(known.get(key), str) else value
    return found


def _number(text: str) -> Any:
    """Return an int or a float where the text is one, else the text itself (as 1/4)."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return text if text.isdecimal() and value == math.inf else value
    return text
