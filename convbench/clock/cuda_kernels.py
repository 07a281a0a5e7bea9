"""Kernels of a CUDA device, as PyTorch's profiler tells them: whose they are, and what they do.

NVIDIA documents the names of few kernels. What is read from a name here is read from parts of it
that are documented or common; of other names nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple


class Launched(NamedTuple):
    """A kernel that an operator launched.

    Attributes:
        operator: name in ATen, without "aten::".
        library: "cuDNN", "cuBLAS", "CUTLASS" or "ATen".
        name: of the kernel, without its parameters.
        layouts: of its tensors as its name says them: "src acdb, weights acdb, dst acdb"; or empty.
        moves: whether it only moves data from one layout to another.
        tensor_cores: whether it multiplies on tensor cores; None where its name does not say.
        seconds: on the device.

    """

    operator: str
    library: str
    name: str
    layouts: str
    moves: bool
    tensor_cores: bool | None
    seconds: float


def launched(events: Iterable[Any]) -> Iterator[Launched]:
    """Yield the kernels of a profile's events in the order of their launches."""
    for event in events:
        operator = event.name.removeprefix("aten::")
        for kernel in event.kernels:
            name = _plain(kernel.name)
            yield Launched(
                operator,
                _library(operator, name),
                name,
                _layouts(name),
                operator in _COPIES or any(mark in name for mark in _MOVES),
                tensor_cores(name),
                kernel.duration / 1e6,
            )


_COPIES: Final = frozenset({"copy_", "clone", "contiguous", "_to_copy"})
_MOVES: Final = (
    "nchwToNhwc", "nhwcToNchw", "nchwToFoldedNhwc", "FoldedNhwcToNchw", "cubeTranspose",
    "convertTensor", "tensorTransform", "transpose_readWrite", "Memcpy DtoD",
)  # fmt: skip
"""Parts of the names of cuDNN's kernels that copy a tensor into another layout, and of a copy."""
_PRODUCTS: Final = frozenset({"mm", "addmm", "bmm", "baddbmm", "addmv", "mv", "linear", "matmul"})
_LIBRARIES: Final = {"cudnn": "cuDNN", "cublas": "cuBLAS", "cutlass": "CUTLASS"}
_OF_ATEN: Final = "at::native::"


def _library(operator: str, kernel: str) -> str:
    """Return whose kernel it is: told by its operator's name, or by its own; ATen's otherwise."""
    text = f"{operator} {kernel}".lower()
    for mark, name in _LIBRARIES.items():
        if mark in text:
            return name
    return "cuBLAS" if operator in _PRODUCTS and _OF_ATEN not in kernel else "ATen"


# Sources: PyTorch's list of such names, pytorch/kineto, tb_plugin/torch_tb_profiler/profiler/
# tensor_core.py, itself from NVIDIA's PyProf, pyprof/prof/tc.py; and the names of CUTLASS's
# operations, "tensorop" and "simt", in NVIDIA's documentation of the CUTLASS profiler. "ffma" is
# the instruction of CUDA cores (CUDA Binary Utilities, instruction set reference), "hmma", "imma",
# "dmma", "hgmma" those of tensor cores.
_ON_CUDA_CORES: Final = re.compile(r"simt|ffma|scudnn_|[^a-z]([sdc]|gc)gemm|winograd|fft\dd")
_ON_TENSOR_CORES: Final = re.compile(
    r"tensorop|[hsidc](884|1688|8816|16816)|16816|[hid]mma|gmma|xmma|sparse_conv"
)


def tensor_cores(name: str) -> bool | None:
    """Return whether a kernel multiplies on tensor cores; None where its name does not say."""
    text = f" {name.lower()}"
    if _OF_ATEN in name:
        return None
    if _ON_CUDA_CORES.search(text) and "tensorop" not in text:
        return False
    return True if _ON_TENSOR_CORES.search(text) else None


def _plain(name: str) -> str:
    """Return a kernel's name without "void" and without its parameters."""
    name = name.removeprefix("void ")
    if not name.endswith(")"):
        return name
    depth = 0
    for place in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[place], 0)
        if not depth:
            return name[:place] or name
    return name


_AXES: Final = {"nchw": "abcd", "nhwc": "acdb", "kcrs": "abcd", "krsc": "acdb"}
_TENSORS: Final = re.compile(r"_(nchw|nhwc)(kcrs|krsc)_(nchw|nhwc)(?![a-z])")


def _layouts(name: str) -> str:
    """Return what the name of an xmma kernel says of its tensors, such as nhwckrsc_nhwc."""
    found = _TENSORS.search(name)
    which = zip(("src", "weights", "dst"), found.groups(), strict=True) if found else ()
    return ", ".join(f"{tensor} {_AXES[text]}" for tensor, text in which)


_WRAPPERS: Final = frozenset({"Kernel", "Kernel2", "device_kernel"})
"""Templates of CUTLASS whose argument is the name that says something."""


def short(name: str) -> str:
    """Return a kernel's name without namespaces and template arguments."""
    head, _, inside = name.partition("<")
    last = head.rpartition("::")[2]
    if last in _WRAPPERS and inside:
        return re.split(r"[<>,( ]", inside, maxsplit=1)[0].rpartition("::")[2] or last
    return last


ALGORITHMS: Final = {
    "winograd": "Winograd",
    "fft": "FFT",
    "implicit_gemm": "implicit GEMM",
    "implicit_convolve": "implicit GEMM",
    "fprop": "implicit GEMM",
    "dgrad": "implicit GEMM",
    "depthwise": "direct, depthwise",
    "dwconv": "direct, depthwise",
    "gemm": "GEMM",
    "gemv": "GEMM",
}
"""How a kernel computes, by a part of its name in small letters; the first that is found counts.

Sources: the algorithms of `cudnnConvolutionFwdAlgo_t` in NVIDIA's cuDNN API reference; in CUTLASS,
fprop and dgrad are implicit GEMMs (NVIDIA's documentation of CUTLASS, implicit GEMM convolution).
"""
