"""Two names of a slot: a short one that identifies it, and one that needs no explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.core.spec import ConvSpec


def sizes(values: Iterable[Any]) -> str:
    """Return 56×56 for (56, 56)."""
    return "×".join(map(str, values))


def short(spec: ConvSpec) -> str:
    """Return the short name, the same for equal slots: 64→128 k3 s2 @56×56 b1."""
    parts = [f"{spec.in_channels}→{spec.out_channels}", f"k{_one(spec.kernel_size)}"]
    if spec.scale is not None:
        parts.append(f"up{spec.scale}")
    if set(spec.stride) != {1}:
        parts.append(f"s{_one(spec.stride)}")
    if spec.padding == "same":
        parts.append("same")
    elif set(spec.padding) != {0}:
        parts.append(f"p{_one(spec.padding)}")
    if set(spec.dilation) != {1}:
        parts.append(f"d{_one(spec.dilation)}")
    if spec.bias:
        parts.append("bias")
    return " ".join([*parts, f"@{sizes(spec.input_size)}", f"b{spec.batch}"])


def readable(spec: ConvSpec) -> str:
    """Return the name for readers: 64→128, 3×3, stride 2, 56×56, batch 1.

    Channels in and out, kernel, input size, images in a batch. Padding is named unless it is
    "same"; in one dimension a kernel of 3 is "kernel 3" and an input of 56 is "length 56".
    """
    line = spec.dims == 1
    parts = [
        f"{spec.in_channels}→{spec.out_channels}",
        f"{'kernel ' if line else ''}{sizes(spec.kernel_size)}",
    ]
    if spec.scale is not None:
        parts.append(f"upsampling {spec.scale}×")
    if set(spec.stride) != {1}:
        parts.append(f"stride {_one(spec.stride)}")
    if spec.padding != "same":
        padded = set(spec.padding) != {0}
        parts.append(f"padding {_one(spec.padding)}" if padded else "no padding")
    if set(spec.dilation) != {1}:
        parts.append(f"dilation {_one(spec.dilation)}")
    if spec.bias:
        parts.append("bias")
    parts.append(f"{'length ' if line else ''}{sizes(spec.input_size)}")
    return ", ".join([*parts, f"batch {spec.batch}"])


def _one(values: Iterable[Any]) -> str:
    """Return 3 for (3, 3), and 3×5 for (3, 5)."""
    found = tuple(values)
    return str(found[0]) if len(set(found)) == 1 else sizes(found)
