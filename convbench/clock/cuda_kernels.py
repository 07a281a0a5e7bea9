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
    "nchwToNhwc", "nhwcToNchw", "ToFoldedNhwc", "oldedNhwcTo", "nhwcAddPadding", "cubeTranspose",
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
# "dmma", "hgmma" those of tensor cores, "wmma" the functions that reach these (CUDA C++ Programming
# Guide). "xmma" alone is the name of a library, which has kernels for both kinds of cores, and for
# pooling: its products of float32 are made on CUDA cores, since tensor cores have TF32 instead.
# "nvjet" is what cuBLAS calls kernels that reach three quarters of a H100's dense peak in float16,
# several times what its CUDA cores can (GindaChen/nsys-ai, pull request 582).
_ON_CUDA_CORES: Final = re.compile(
    r"simt|ffma|[sh]cudnn_|[^a-z]([sdc]|gc)gemm|winograd_nonfused::|fft\dd|f32f32_f32f32_f32"
)
_ON_TENSOR_CORES: Final = re.compile(
    r"tensorop|[hsidc](884|1688|8816|16816)|16816|[hidw]mma|gmma|sparse_conv|_tensor\d+x\d+x\d+"
    r"|xmma_([a-z]+_)*gemm|nvjet"
)


def tensor_cores(name: str) -> bool | None:
    """Return whether a kernel multiplies on tensor cores; None where its name does not say."""
    text = f" {name.lower()}"
    if _OF_ATEN in name:
        return None
    if _ON_CUDA_CORES.search(text) and "tensorop" not in text:
        return False
    return True if _ON_TENSOR_CORES.search(text) else None


_RETURNS: Final = re.compile(r"^(void|std::enable_if<.*?>::type) ")


def _plain(name: str) -> str:
    """Return a kernel's name without the type it returns and without its parameters."""
    name = _RETURNS.sub("", name)
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


_TYPES: Final = frozenset({"int", "unsigned", "bool", "float", "double", "__half", "long"})
_WRAPPERS: Final = frozenset({"Kernel", "Kernel2", "kernel", "device_kernel"})
"""Templates of CUTLASS and cuDNN whose argument is the name that says something."""


def short(name: str) -> str:
    """Return a kernel's name without namespaces and template arguments."""
    head, _, inside = name.partition("<")
    last = head.rpartition("::")[2]
    if last in _WRAPPERS and inside:
        named = _FIRST.split(inside, maxsplit=1)[0]
        if named in _TYPES:  # the namespace says what it is: internal::gemvx::kernel<int, ...>
            return head.rpartition("::")[0].rpartition("::")[2] or last
        return named if last == "kernel" else named.rpartition("::")[2] or last
    return last


_ALGORITHMS: Final = (
    (r"offsetskernel|gemm_pointers", ""),
    (r"winograd", "Winograd"),
    (r"fft\dd|vector_fft", "FFT"),
    (r"im2col|vol2col", "im2col"),
    (r"explicit_convolve", "im2col and GEMM"),
    (r"conv_depthwise\dd", "direct, depthwise"),
    (r"depthwise|dwconv|\dd_c1_k1", "depthwise"),
    (r"(?<![a-z])direct(?!ion)", "direct"),
    (r"implicit_?gemm|implicit_convolve|precomputed|grad(\dd)?_alg[013]", "implicit GEMM"),
    (r"(cutlass|xmma).*(fprop|dgrad|wgrad)", "implicit GEMM"),
    (r"gemv", "GEMV"),
    (r"gemm|nvjet", "GEMM"),
)
"""How a kernel computes, by a part of its name in small letters; the first that is found counts.
The first are helpers, which only prepare addresses.

Sources: the algorithms of `cudnnConvolutionFwdAlgo_t`, `cudnnConvolutionBwdDataAlgo_t` and
`cudnnConvolutionBwdFilterAlgo_t` in NVIDIA's cuDNN API reference (algorithms 0, 1 and 3 of the
latter two multiply matrices that are not formed); in CUTLASS, whose kernels cuDNN has too, fprop,
dgrad and wgrad are implicit GEMMs unless they are called direct (NVIDIA's documentation of CUTLASS,
implicit GEMM convolution); "c1_k1" is 1 channel and 1 filter in each group.
"""


def algorithm(name: str) -> str:
    """Return how a kernel computes; empty where its name does not say.

    Arguments of a template are types and sizes; only those of `_WRAPPERS` are read.
    """
    head, _, inside = name.partition("<")
    wrapped = inside if head.rpartition("::")[2] in _WRAPPERS else ""
    text = f"{head} {_FIRST.split(wrapped, maxsplit=1)[0]}".lower()
    return next((words for mark, words in _ALGORITHMS if re.search(mark, text)), "")


_FIRST: Final = re.compile(r"[<>,( ]")
_PRECISIONS: Final = (
    (r"tf32", "tf32"),
    (r"e4m3|e5m2", "float8"),
    (r"bf16|bfloat16", "bfloat16"),
    (r"(?<![a-z])(fp16|f16|h(884|1688|16816)|hgemm|hcudnn)|half", "float16"),
    (r"(?<![a-z])([is]8(?!\d)|i8816|i16832)|int8", "int8"),
    (r"(?<![a-z])(f64|d884|dgemm)|<(\d+, )?double", "float64"),
    (r"(?<![a-z])(f32f32|sgemm|scudnn|g?cgemm)|<(\d+, )?float", "float32"),
)
"""Type of the numbers that a kernel multiplies, by a part of its name, as those of algorithms."""


def multiplies_in(name: str) -> str:
    """Return the type of the numbers that a kernel takes to multiply; empty where it is not said.

    As types are called here: "float32" is without TF32. Sums may be of a wider type.
    """
    text = name.lower()
    return next((words for mark, words in _PRECISIONS if re.search(mark, text)), "")
