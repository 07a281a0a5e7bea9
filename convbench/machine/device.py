"""Which device, how many threads, and how much memory there is."""

from __future__ import annotations

import os
import sys
import time
import warnings
from typing import TYPE_CHECKING, Final, NamedTuple

from convbench.clock.cuda_flags import TF32_OVERRIDE
from convbench.clock.nvml import free_bytes
from convbench.core.errors import DeviceError
from convbench.core.units import itemsize
from convbench.machine.probes.gpu import no_cuda, no_kernels, unusable
from convbench.machine.probes.system import memory_available

if TYPE_CHECKING:
    from convbench.core.costs import Cost
    from convbench.runs.cases import Case

_ROOM: Final = 0.8
"""Share of the free memory that a case may plan to use: allocators and others need the rest."""


_took: list[float] = []


def import_seconds() -> float | None:
    """Return how long this process took to import torch; None where others had before."""
    return _took[0] if _took else None


def _import_torch() -> None:
    """Import torch, and remember how long that took: a fresh process takes as long."""
    if "torch" in sys.modules:
        return
    begin = time.perf_counter()
    import torch  # noqa: F401

    _took.append(time.perf_counter() - begin)


def resolve_device(wanted: str) -> str:
    """Return the device to use: 'auto' is the first GPU if torch can use it, else the CPU.

    Raises DeviceError for one that this machine does not have, or that torch cannot use.
    """
    _import_torch()
    import torch

    if wanted == "auto":
        return "cuda:0" if _cuda_available() and not unusable() else "cpu"
    if wanted == "cpu":
        return "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise DeviceError(
            f"There is no device {wanted!r}: give auto, cpu, or cuda:0, cuda:1, …."
        ) from None
    if device.type == "cpu":
        raise DeviceError(f"There is one CPU, called 'cpu', and no {wanted!r}: give cpu.")
    if device.type != "cuda":
        raise DeviceError(f"convbench does not time {device.type!r}: give auto, cpu or cuda:0.")
    if not _cuda_available():
        raise DeviceError(f"--device {wanted} was asked for: {no_cuda()}, or use --device cpu.")
    index = 0 if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise DeviceError(
            f"There is no {wanted}: this machine has {torch.cuda.device_count()} CUDA device(s), "
            "counted from cuda:0."
        )
    if why := no_kernels(index):
        raise DeviceError(f"--device {wanted} was asked for: {why}, or use --device cpu.")
    return f"cuda:{index}"


def has_tf32(device: str) -> bool:
    """Return whether a GPU computes TF32: from compute capability 8.0 on, unless it is turned off.

    Source: CUDA C++ Programming Guide, "Compute Capabilities", tensor cores; and `TF32_OVERRIDE`.
    """
    import torch

    off = os.environ.get(TF32_OVERRIDE) == "0"
    return not off and torch.cuda.get_device_capability(device) >= (8, 0)


def _cuda_available() -> bool:
    """Ask torch, without its warning where it cannot: `no_cuda` and `unusable` say why."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.cuda.is_available()


class ThreadsChosen(NamedTuple):
    """The numbers of threads to use, and in words why these."""

    numbers: tuple[int, ...]
    because: str


def resolve_threads(wanted: tuple[int, ...] | None, device: str = "cpu") -> ThreadsChosen:
    """Return the numbers of threads to use: those wanted, or one that can be measured here.

    That one is found by trying (`machine.threads`), once in a process. Of several that are wanted
    for a GPU only the first is used: they would be the same case. DeviceError when there are not as
    many cores as are wanted.
    """
    if wanted is None:
        from convbench.machine.threads import default_threads

        found = default_threads(device)
        return ThreadsChosen((found.number,), found.because)
    cores = os.cpu_count() or 1
    for threads in wanted:
        if not 1 <= threads <= cores:
            raise DeviceError(
                f"--threads {threads}: give 1 to {cores}, the number of this machine's cores."
            )
    if device != "cpu" and len(wanted) > 1:
        return ThreadsChosen(wanted[:1], "the first that was asked for, since a GPU ignores them")
    return ThreadsChosen(tuple(dict.fromkeys(wanted)), "as asked")


def memory_needed(cost: Cost, itemsize: int) -> int:
    """Return about how many bytes a case holds at once.

    Weights twice (the float32 copy that was built, and the one that runs), and the largest moment
    of its activations twice, for the workspace of the kernels.
    """
    need: int = cost.parameters * (4 + itemsize) + 2 * cost.peak_live * max(itemsize, 4)
    return need


def memory_free(device: str) -> int | None:
    """Return the free bytes of the device, or None where they cannot be told.

    Of a GPU without NVML: all of its memory, since what others hold is not known then.
    """
    if device.startswith("cuda"):
        import torch

        # torch.cuda.mem_get_info would leave a context of this process on the device
        free = free_bytes(device)
        return int(torch.cuda.get_device_properties(device).total_memory) if free is None else free
    return memory_available()


def too_large(case: Case, cost: Cost) -> str | None:
    """Return why the case does not fit into memory, or None.

    Asked before anything is built: a system that overcommits would kill the whole run instead.
    """
    need = memory_needed(cost, itemsize(case.skeleton.dtype) or 8)
    if case.skeleton.direction == "training":
        need += 3 * cost.activations * 4 + cost.parameters * 8  # kept for the backward, gradients
    for device in dict.fromkeys(("cpu", case.skeleton.device)):
        free = memory_free(device)
        if free is not None and need > _ROOM * free:
            return (
                f"out of memory: it needs about {need / 2**30:,.1f} GiB and {device} has "
                f"{free / 2**30:,.1f} GiB free; use a smaller batch or slot"
            )
    return None
