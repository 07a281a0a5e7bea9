"""What torch refuses when it computes and its meta kernels let pass."""

from __future__ import annotations

from typing import Any, Final

from torch import Tensor

_SAME_TYPE: Final = {
    # operator: the tensors that must have one data type
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot"), slice(0, 2)),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv", "linear", "convolution"), slice(0, 3)),
}


def refuse(name: str, args: Any) -> None:
    """Raise RuntimeError for a call of an operator that cannot be computed."""
    place = _SAME_TYPE.get(name)
    if place is None:
        return
    types = [item.dtype for item in args[place] if isinstance(item, Tensor)]
    if len(set(types)) > 1:
        raise RuntimeError(
            f"{name} of {' and '.join(_plain(item) for item in dict.fromkeys(types))}: torch wants "
            "one data type"
        )
    if name == "convolution":
        (_transposed if args[6] else _window)(args)


def _transposed(args: Any) -> None:
    stride, dilation, output = args[3], args[5], args[7]
    for place, more in enumerate(output):
        step, spread = stride[min(place, len(stride) - 1)], dilation[min(place, len(dilation) - 1)]
        if more >= step and more >= spread:
            raise RuntimeError(
                f"output_padding={more} of a transposed convolution: torch wants less than its "
                f"stride ({step}) or its dilation ({spread})"
            )


def _window(args: Any) -> None:
    """Refuse an input smaller than the kernel: on meta, torch 2.6 gives no outputs for it."""
    sizes, taps, padding, dilation = args[0].shape[2:], args[1].shape[2:], args[4], args[5]
    for place, (size, kernel) in enumerate(zip(sizes, taps, strict=True)):
        padded = size + 2 * padding[min(place, len(padding) - 1)]
        window = dilation[min(place, len(dilation) - 1)] * (kernel - 1) + 1
        if padded < window:
            raise RuntimeError(
                f"a kernel over {window} positions of an input that has {padded} with its padding: "
                "torch wants an input of at least the kernel's size"
            )


def _plain(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
