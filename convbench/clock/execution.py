"""What ran in one pass: each kind of call that a library made, how often, and for how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

from convbench.clock import cuda_kernels
from convbench.core.serialization import ADDED, SPARSE, Duration, Stored, Whole


@dataclass(frozen=True, kw_only=True)
class Kernel(Stored):
    """One kind of call that ran in a pass.

    Attributes:
        operator: what it computes, as its backend names it, without "aten::": "convolution",
            "batch_norm", "reorder".
        backend: the library that ran it: "oneDNN", "ATen", "cuDNN".
        implementation: the library's own name of it: "jit_dw:avx512_core" of oneDNN, the name of a
            CUDA kernel without its parameters; empty where it is not known.
        layouts: of its tensors in memory: "src nChw16c, weights Goihw16g, dst nChw16c"; empty where
            it is not known.
        reorder: whether it only moves data from one layout to another.
        calls: how often in one pass.
        seconds: of all its calls in one pass, its share of the median of the passes.
        tensor_cores: whether a CUDA kernel multiplies on tensor cores; null where its name does not
            say, for all other calls, and in files from before it was kept.

    """

    operator: str
    backend: str
    implementation: str
    layouts: str
    reorder: bool
    calls: Whole
    seconds: Duration
    tensor_cores: bool | None = field(default=None, metadata=SPARSE)

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
    def chosen(self) -> bool:
        """Whether a library of a GPU chose it among several that compute the same."""
        return self.backend in _CHOOSING

    @property
    def multiplies_in(self) -> str:
        """Type of the numbers that a CUDA kernel multiplies; empty where its name does not say."""
        multiplies = self.tensor_cores is not None or self._algorithm not in {"", "im2col"}
        known = multiplies and self._on_cuda and not self.reorder
        return cuda_kernels.multiplies_in(self.implementation) if known else ""

    @property
    def _name(self) -> str:
        name = (self.implementation or self.operator).strip("_").removeprefix("native_")
        return cuda_kernels.short(name) if self._on_cuda else name

    @property
    def _on_cuda(self) -> bool:
        return self.chosen or "::" in self.implementation

    @property
    def _algorithm(self) -> str:
        if self._on_cuda:
            return cuda_kernels.algorithm(self.implementation)
        return next((text for mark, text in _ALGORITHMS.items() if mark in self._name), "")


_CHOOSING: Final = frozenset({"cuDNN", "cuBLAS", "CUTLASS"})


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
class Seen(Stored):
    """The numbers of an `Execution`, of whose calls the kinds are known.

    Attributes:
        seconds: of each kind, in its order.
        passes: as of the execution.
        processes: likewise.

    """

    seconds: tuple[Duration, ...]
    passes: Whole
    processes: Whole


@dataclass(frozen=True, kw_only=True)
class Execution(Stored):
    """What ran in one pass of a module.

    Attributes:
        kernels: each kind of call, in order of first appearance.
        passes: how many were observed; they are not those that were timed.
        reason: why it could not be told; empty where it could.
        processes: in how many processes.

    """

    kernels: tuple[Kernel, ...] = ()
    passes: Whole = 0
    reason: str = ""
    processes: Whole = field(default=1, metadata=ADDED)

    @property
    def seen(self) -> Seen:
        """Its numbers alone."""
        seconds = tuple(kernel.seconds for kernel in self.kernels)
        return Seen(seconds=seconds, passes=self.passes, processes=self.processes)

    def seen_again(self, seen: Seen) -> Execution:
        """Return the same calls with other numbers."""
        kernels = tuple(
            replace(kernel, seconds=seconds)
            for kernel, seconds in zip(self.kernels, seen.seconds, strict=True)
        )
        return Execution(kernels=kernels, passes=seen.passes, processes=seen.processes)

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
    def choice(self) -> tuple[str, ...]:
        """Names of the kernels that a GPU's libraries chose, in order of first appearance.

        Another process may have other ones: cuDNN times several in each, and takes the fastest.
        """
        return tuple(dict.fromkeys(one.implementation for one in self.kernels if one.chosen))

    @property
    def tensor_cores(self) -> str:
        """Which of the kernels whose names say it multiply on tensor cores; empty for none."""
        told = [kernel for kernel in self.kernels if kernel.tensor_cores is not None]
        on = [kernel for kernel in told if kernel.tensor_cores]
        if not told:
            return ""
        if len(on) in {0, len(told)}:
            return "yes" if on else "no"
        return f"{len(on)} of {len(told)} kernels"

    @property
    def multiplies_in(self) -> str:
        """Types that the kernels of a GPU multiply, of those whose names say it; else empty."""
        return ", ".join(dict.fromkeys(filter(None, (k.multiplies_in for k in self.kernels))))

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


def joined(several: Sequence[Execution]) -> Execution | None:
    """Return what processes saw of the same calls as the first that could tell: median seconds.

    A process in which others ran is left out; see `Execution.choice`.
    """
    told = [one for one in several if not one.reason]
    if not told:
        return several[0] if several else None
    alike = [one for one in told if _kinds(one) == _kinds(told[0])]
    kernels = tuple(
        replace(same[0], seconds=median(kernel.seconds for kernel in same))
        for same in zip(*(one.kernels for one in alike), strict=True)
    )
    return Execution(
        kernels=kernels,
        passes=sum(one.passes for one in alike),
        processes=sum(one.processes for one in alike),
    )


def _kinds(execution: Execution) -> list[Kernel]:
    return [replace(kernel, seconds=0.0) for kernel in execution.kernels]
