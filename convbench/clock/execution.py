"""What ran in one pass: each kind of call that a library made, how often, and for how long."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from convbench.core.serialization import Duration, Stored, Whole


@dataclass(frozen=True, kw_only=True)
class Kernel(Stored):
    """One kind of call that ran in a pass.

    Attributes:
        operator: what it computes, as its backend names it, without "aten::": "convolution",
            "batch_norm", "reorder".
        backend: the library that ran it: "oneDNN", "ATen", "cuDNN".
        implementation: the library's own name of it: "jit_dw:avx512_core" of oneDNN, the name of a
            CUDA kernel; empty where it is not known.
        layouts: of its tensors in memory: "src nChw16c, weights Goihw16g, dst nChw16c"; empty where
            it is not known.
        reorder: whether it only moves data from one layout to another.
        calls: how often in one pass.
        seconds: of all its calls in one pass, the lower quartile of the passes.

    """

    operator: str
    backend: str
    implementation: str
    layouts: str
    reorder: bool
    calls: Whole
    seconds: Duration

    @property
    def words(self) -> str:
        """Who ran it and how: "oneDNN jit_dw:avx512_core (direct, depthwise)"."""
        named = f"{self.backend} {self._name}"
        return f"{named} ({self._algorithm})" if self._algorithm else named

    @property
    def algorithm(self) -> str:
        """The same without the library's own name where that is known: "oneDNN, direct"."""
        return f"{self.backend}, {self._algorithm.removesuffix(', depthwise') or self._name}"

    @property
    def _name(self) -> str:
        return (self.implementation or self.operator).strip("_").removeprefix("native_")

    @property
    def _algorithm(self) -> str:
        return next((text for mark, text in _ALGORITHMS.items() if mark in self._name), "")


_ALGORITHMS: Final = {
    "brdgmm": "diagonal GEMMs, depthwise",
    "jit_dw": "direct, depthwise",
    "_1x1": "direct, 1×1",
    "gemm": "im2col and GEMM",
    "Slow": "im2col and GEMM",
    "wino": "Winograd",
    "brg_": "batched small GEMMs",
    "jit_bf16": "direct",
    "jit:avx": "direct",
    "jit:sse": "direct",
    "jit:sve": "direct",
    "jit_int8": "direct",
    "ref": "reference loop",
}
"""How an implementation computes, by a part of its name; the first that is found counts.

Of oneDNN: the names of its implementations in src/cpu of its sources; of ATen: `ConvBackend` in
ATen/native/ConvUtils.h.
"""
_FAST: Final = {"wino": "Winograd", "fft": "FFT"}
"""Algorithms that need fewer multiplications, by a part of the name of a kernel of oneDNN or cuDNN
(the algorithms of `cudnnConvolutionFwdAlgo_t` in NVIDIA's cuDNN API reference)."""
MOST_NAMED: Final = 3
LEAST_SHARE: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Execution(Stored):
    """What ran in one pass of a module.

    Attributes:
        kernels: each kind of call, in order of first appearance.
        passes: how many were observed; they are not those that were timed.
        reason: why it could not be told; empty where it could.

    """

    kernels: tuple[Kernel, ...] = ()
    passes: Whole = 0
    reason: str = ""

    @property
    def kernel_seconds(self) -> float:
        """Seconds of one pass in all calls but reorders."""
        return sum(kernel.seconds for kernel in self.kernels if not kernel.reorder)

    @property
    def reorder_seconds(self) -> float:
        """Seconds of one pass in reorders."""
        return sum(kernel.seconds for kernel in self.kernels if kernel.reorder)

    @property
    def reorders(self) -> int:
        """Calls of one pass that only move data between layouts."""
        return sum(kernel.calls for kernel in self.kernels if kernel.reorder)

    @property
    def fast_algorithms(self) -> tuple[str, ...]:
        """Names of algorithms that ran and make fewer multiplications than a convolution has."""
        names = " ".join(kernel.implementation for kernel in self.kernels).lower()
        return tuple(name for mark, name in _FAST.items() if mark in names)

    @property
    def words(self) -> str:
        """What took most of a pass beside reorders, most first; or why it is not known.

        At most `MOST_NAMED`, each with at least `LEAST_SHARE` of that time or the largest.
        """
        if self.reason:
            return f"not known: {self.reason}"
        seconds: dict[str, float] = defaultdict(float)
        for kernel in self.kernels:
            if not kernel.reorder:
                seconds[kernel.words] += kernel.seconds
        ordered = sorted(seconds, key=lambda name: -seconds[name])
        least = LEAST_SHARE * self.kernel_seconds
        return "; ".join(
            name for name in ordered[:MOST_NAMED] if name == ordered[0] or seconds[name] >= least
        )

    @property
    def calls(self) -> int:
        """Calls of one pass, reorders included."""
        return sum(kernel.calls for kernel in self.kernels)
