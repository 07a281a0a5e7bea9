"""Two names of a slot: a short one that identifies it, and one that needs no explanation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbench.core.spec import ConvSpec


def sizes(values: Iterable[Any]) -> str:
    """Return 56×56 for (56, 56)."""
    return "×".join(map(str, values))


def short(spec: ConvSpec) -> str:
    """Return the short name, the same for equal slots: 64→128 k3 s2 @56×56 b1."""
    return " ".join(part for part, _ in _parts(spec) if part)


def readable(spec: ConvSpec) -> str:
    """Return the name for readers: 64→128, 3×3, stride 2, 56×56, batch 1.

    Channels in and out, kernel, input size, images in a batch. Padding is named unless it is
    "same"; in one dimension a kernel of 3 is "kernel 3" and an input of 56 is "length 56".
    """
    return ", ".join(part for _, part in _parts(spec) if part)


def _parts(spec: ConvSpec) -> Iterator[tuple[str, str]]:
    """Yield the parts of both names, in their order; empty where one does without."""
    line = spec.dims == 1
    channels = f"{spec.in_channels}→{spec.out_channels}"
    yield channels, channels
    yield f"k{_one(spec.kernel_size)}", f"{'kernel ' if line else ''}{sizes(spec.kernel_size)}"
    if spec.scale is not None:
        yield f"up{spec.scale}", f"upsampling {spec.scale}×"
    if set(spec.stride) != {1}:
        yield f"s{_one(spec.stride)}", f"stride {_one(spec.stride)}"
    if spec.padding == "same":
        yield "same", ""
    elif set(spec.padding) != {0}:
        yield f"p{_one(spec.padding)}", f"padding {_one(spec.padding)}"
    else:
        yield "", "no padding"
    if set(spec.dilation) != {1}:
        yield f"d{_one(spec.dilation)}", f"dilation {_one(spec.dilation)}"
    if spec.bias:
        yield "bias", "bias"
    yield f"@{sizes(spec.input_size)}", f"{'length ' if line else ''}{sizes(spec.input_size)}"
    yield f"b{spec.batch}", f"batch {spec.batch}"


def _one(values: Iterable[Any]) -> str:
    """Return 3 for (3, 3), and 3×5 for (3, 5)."""
    found = tuple(values)
    return str(found[0]) if len(set(found)) == 1 else sizes(found)
