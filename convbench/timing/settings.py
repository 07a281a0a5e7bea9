"""What is in force while the clock runs: threads, backend flags, gradient mode. All is restored."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def execution(
    threads: int | None,
    device: str = "cpu",
    *,
    tf32: bool = False,
) -> Iterator[dict[str, Any]]:
    """Set how torch runs, yield what is then in force, and restore everything after.

    `torch.inference_mode()` is entered: forward passes only. On a CUDA device cuDNN chooses its
    fastest algorithm for every shape (`cudnn.benchmark`), which the warm-up pays for, and TF32 is
    set to what was asked in matrix products and convolutions alike, since torch's own default
    differs between the two.

    Args:
        threads: intra-op threads; None leaves them as they are. OpenMP keeps this number for each
            thread that calls it, so enter in the thread that runs the work.
        device: "cpu", "cuda" or "cuda:<index>".
        tf32: whether float32 work may use TF32; only on CUDA.

    Yields:
        What torch says is in force: `device`, `threads`, `grad_mode`, `cudnn_benchmark` and
        `tf32` (None on a CPU, where the last two do nothing). Read `tf32` here rather than from
        torch's `allow_tf32`, which newer torch refuses to tell while its successor is set.

    Raises:
        ValueError: fewer than 1 thread.

    """
    import torch

    if threads is not None and threads < 1:
        raise ValueError(f"threads={threads}: work needs one; give 1 or more, or None to leave it")
    on_cuda = device.partition(":")[0] == "cuda"
    switches = _tf32_switches()
    with ExitStack() as undo:
        # Each old value is kept before its new one is set, so a failure half way restores too.
        if threads is not None:
            undo.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        if on_cuda:
            _put(undo, torch.backends.cudnn, "benchmark", value=True)
            for owner, name, values in switches:
                _put(undo, owner, name, value=values[tf32])
        undo.enter_context(torch.inference_mode())
        yield {
            "device": device,
            "threads": torch.get_num_threads(),
            "grad_mode": _grad_mode(),
            "cudnn_benchmark": torch.backends.cudnn.benchmark if on_cuda else None,
            "tf32": _tf32_in_force(switches) if on_cuda else None,
        }


def _put(undo: ExitStack, owner: Any, name: str, *, value: object) -> None:
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _tf32_switches() -> list[tuple[Any, str, tuple[object, object]]]:
    """Return (owner, attribute, (value for off, value for on)) of every TF32 switch.

    Since torch 2.9 they are `fp32_precision`. The older `allow_tf32` still exists there, but a
    round trip through it does not give back the state it found, so it is only for older torch.
    """
    import torch

    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    if hasattr(cudnn, "conv") and hasattr(cudnn.conv, "fp32_precision"):
        return [(owner, "fp32_precision", ("ieee", "tf32")) for owner in (matmul, cudnn.conv)]
    return [(owner, "allow_tf32", (False, True)) for owner in (matmul, cudnn)]


def _tf32_in_force(switches: list[tuple[Any, str, tuple[object, object]]]) -> bool:
    return all(getattr(owner, name) == values[True] for owner, name, values in switches)


def _grad_mode() -> str:
    import torch

    if torch.is_inference_mode_enabled():
        return "inference"
    return "grad" if torch.is_grad_enabled() else "no_grad"
