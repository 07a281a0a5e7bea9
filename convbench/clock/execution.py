"""What ran in one pass: each kind of call that a library made, how often, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

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
        seconds: of all its calls in one pass, the median over the passes.

    """

    operator: str
    backend: str
    implementation: str
    layouts: str
    reorder: bool
    calls: Whole
    seconds: Duration


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
    def calls(self) -> int:
        """Calls of one pass, reorders included."""
        return sum(kernel.calls for kernel in self.kernels)
