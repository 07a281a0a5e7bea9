"""What is in force while the clock runs: threads, backend flags, gradient mode. All is restored."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from convbench.clock.cuda_flags import Tf32, matmul_precision, set_tf32, tf32_in_force

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def execution(
    threads: int | None,
    device: str = "cpu",
    *,
    tf32: Tf32 | bool = False,
    deterministic: bool = False,
    cudnn_benchmark: bool = True,
    grad: bool = False,
) -> Iterator[dict[str, Any]]:
    """Set how torch runs, yield what is then in force, and restore everything after.

    On a CUDA device `cudnn.benchmark` and TF32 are set to what was asked, so that `torch.compile`
    and whoever else reads the flags of TF32 finds them in agreement (see `cuda_flags`).

    Args:
        threads: intra-op threads; None leaves them as they are. OpenMP keeps this number for each
            thread that calls it, so enter in the thread that runs the work.
        device: "cpu", "cuda" or "cuda:<index>".
        tf32: where float32 work may use TF32: True in convolutions and matrix products alike,
            which torch's own default tells apart; only on CUDA.
        deterministic: whether operators must give the same bits every time; one that cannot then
            raises (on CUDA a matrix product does unless CUBLAS_WORKSPACE_CONFIG is set). Filling
            new memory, which torch adds to this, is off: it would be timed.
        cudnn_benchmark: whether cuDNN tries its algorithms for every new shape and keeps the
            fastest, which the warm-up pays for; only on CUDA.
        grad: whether gradients are recorded, for a training step; otherwise it is
            `torch.inference_mode()`.

    Yields:
        What torch says is in force. Always: `device`, `threads`, `interop_threads`, `grad_mode`
        ("grad", "no_grad" or "inference"), `deterministic_algorithms`, `default_dtype`,
        `autocast` (its dtype or None), `matmul_precision` ("highest", "high", "medium", or "mixed"
        where torch's old and new flags disagree, which only happens on a CPU),
        `mkldnn_enabled`, `flush_denormal` (whether denormal numbers count as zero).
        On CUDA, and None on a CPU, where they do nothing: `cudnn_benchmark`,
        `cudnn_deterministic`, `cudnn_enabled`, `tf32` (True, False, or where alone it may be).

    Raises:
        ValueError: fewer than 1 thread.

    """
    import torch

    if threads is not None and threads < 1:
        raise ValueError(f"threads={threads}: work needs one; give 1 or more, or None to leave it")
    on_cuda = device.partition(":")[0] == "cuda"
    with ExitStack() as undo:
        # Each old value is kept before its new one is set, so a failure half way restores too.
        if threads is not None:
            undo.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        _set_deterministic(undo, wanted=deterministic)
        if on_cuda:
            _put(undo, torch.backends.cudnn, "benchmark", value=cudnn_benchmark)
            _put(undo, torch.backends.cudnn, "deterministic", value=deterministic)
            set_tf32(undo, Tf32(tf32, tf32) if isinstance(tf32, bool) else tf32)
        if grad:
            undo.enter_context(torch.inference_mode(mode=False))  # where the caller is in it
            undo.enter_context(torch.enable_grad())
        else:
            undo.enter_context(torch.inference_mode())
        yield _in_force(device, on_cuda=on_cuda)


def _put(undo: ExitStack, owner: Any, name: str, *, value: object) -> None:
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _set_deterministic(undo: ExitStack, *, wanted: bool) -> None:
    import torch

    found = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    if wanted:
        _put(undo, torch.utils.deterministic, "fill_uninitialized_memory", value=False)
    if (found, warn_only) != (wanted, False):  # setting imports the compiler: not for nothing
        compiler: Any = sys.modules.get("torch._inductor.config")
        if hasattr(compiler, "deterministic"):  # torch sets this flag along, maybe not as found
            undo.callback(setattr, compiler, "deterministic", compiler.deterministic)
        undo.callback(torch.use_deterministic_algorithms, found, warn_only=warn_only)
        torch.use_deterministic_algorithms(wanted)


def _in_force(device: str, *, on_cuda: bool) -> dict[str, Any]:
    import torch

    cudnn = torch.backends.cudnn
    kind = "cuda" if on_cuda else "cpu"
    autocast = torch.is_autocast_enabled(kind)
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "grad_mode": _grad_mode(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "autocast": str(torch.get_autocast_dtype(kind)).removeprefix("torch.")
        if autocast
        else None,
        "matmul_precision": matmul_precision(),
        "mkldnn_enabled": torch.backends.mkldnn.enabled,
        "flush_denormal": denormals_flushed(),
        "cudnn_benchmark": cudnn.benchmark if on_cuda else None,
        "cudnn_deterministic": cudnn.deterministic if on_cuda else None,
        "cudnn_enabled": cudnn.enabled if on_cuda else None,
        "tf32": tf32_in_force().told if on_cuda else None,
    }


def _grad_mode() -> str:
    import torch

    if torch.is_inference_mode_enabled():
        return "inference"
    return "grad" if torch.is_grad_enabled() else "no_grad"


def denormals_flushed() -> bool:
    """Return whether this thread computes with denormals as zeros; torch has no getter."""
    import torch

    smallest_normal = torch.finfo(torch.float32).tiny
    return not torch.tensor(smallest_normal, dtype=torch.float32, device="cpu").div(2).item()
