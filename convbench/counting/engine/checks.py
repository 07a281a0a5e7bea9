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
    if name == "convolution" and args[6]:
        _transposed(args)


def _transposed(args: Any) -> None:
    stride, dilation, output = args[3], args[5], args[7]
    for place, more in enumerate(output):
        step, spread = stride[min(place, len(stride) - 1)], dilation[min(place, len(dilation) - 1)]
        if more >= step and more >= spread:
            raise RuntimeError(
                f"output_padding={more} of a transposed convolution: torch wants less than its "
                f"stride ({step}) or its dilation ({spread})"
            )


def _plain(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
