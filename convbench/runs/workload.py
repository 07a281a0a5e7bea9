"""What a case runs: its module and input on the device, checked before it is timed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from convbench.counting.base import COUNTERS, count_with
from convbench.counting.tally import Tally, Unavailable
from convbench.errors import DeviceError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from convbench.costs import Cost
    from convbench.runs.cases import Case

ITEMSIZES: Final = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
_ROOM: Final = 0.8
"""Share of the free memory that a case may plan to use: allocators and others need the rest."""


def resolve_device(wanted: str) -> str:
    """Return the device to use: 'auto' is the first GPU if there is one, else the CPU.

    Raises DeviceError for one that this machine does not have.
    """
    import torch

    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
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
    if not torch.cuda.is_available():
        why = (
            "this torch was built without CUDA: install a CUDA build"
            if torch.version.cuda is None
            else "torch finds no CUDA device: check the driver with nvidia-smi"
        )
        raise DeviceError(f"--device {wanted} was asked for, and {why}, or use --device cpu.")
    index = 0 if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise DeviceError(
            f"There is no {wanted}: this machine has {torch.cuda.device_count()} CUDA device(s), "
            "counted from cuda:0."
        )
    return f"cuda:{index}"


def resolve_threads(wanted: int | None) -> int:
    """Return the number of threads to use; DeviceError when there are not so many cores."""
    import torch

    cores = os.cpu_count() or 1
    if wanted is None:
        threads: int = torch.get_num_threads()
        return threads
    if not 1 <= wanted <= cores:
        raise DeviceError(f"--threads {wanted}: this machine has {cores} cores; give 1 to {cores}.")
    return wanted


def memory_needed(cost: Cost, itemsize: int) -> int:
    """Return about how many bytes a case holds at once.

    Weights twice (the float32 copy that was built, and the one that runs), and the largest moment
    of its activations twice, for the workspace of the kernels.
    """
    need: int = cost.parameters * (4 + itemsize) + 2 * cost.peak_live * max(itemsize, 4)
    return need


def memory_free(device: str) -> int | None:
    """Return the free bytes of the device, or None where they cannot be told."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    if not sys.platform.startswith("linux"):
        return None
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123  a kernel file
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def too_large(case: Case, cost: Cost) -> str | None:
    """Return why the case does not fit into memory, or None.

    Asked before anything is built: a system that overcommits would kill the whole run instead.
    """
    need = memory_needed(cost, ITEMSIZES[case.skeleton.dtype])
    for device in dict.fromkeys(("cpu", case.skeleton.device)):
        free = memory_free(device)
        if free is not None and need > _ROOM * free:
            return (
                f"out of memory: it needs about {need / 2**30:,.1f} GiB and {device} has "
                f"{free / 2**30:,.1f} GiB free; use a smaller batch or slot"
            )
    return None


class Workload:
    """A case's module and its input, on the device, in the data type and layout of the case.

    Nothing runs before `call` is called: so the first call that is timed is the first there is.
    """

    def __init__(self, case: Case, seed: int) -> None:
        """Build the module with weights and normal input drawn from `seed`.

        Raises whatever torch raises: no memory, no such layout for the data type.
        """
        import torch

        at = case.skeleton
        self.case = case
        dtype: torch.dtype = getattr(torch, at.dtype)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = case.build().eval()
            inputs = torch.randn(at.input_shape)
        self.module: nn.Module = module.to(at.device, dtype)
        self.inputs = inputs.to(at.device, dtype)
        if at.layout == "channels_last":
            spatial = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d  # noqa: PLR2004
            self.inputs = self.inputs.to(memory_format=spatial)
            self.module = self.module.to(memory_format=spatial)

    def call(self) -> Any:
        """Run the module once."""
        return self.module(self.inputs)

    def check(self) -> dict[str, str]:
        """Run once more and return what ran; RuntimeError for a wrong or infinite output."""
        import torch

        with torch.inference_mode():
            output = self.call()
        spec = self.case.spec
        if spec is not None and tuple(output.shape) != spec.output_shape:
            raise RuntimeError(
                f"the output has shape {tuple(output.shape)} and the slot wants {spec.output_shape}"
            )
        if not bool(torch.isfinite(output).all()):
            raise RuntimeError("the output holds values that are not finite")
        held, planned = (
            sum(p.numel() for p in self.module.parameters()),
            self.case.cost().parameters,
        )
        if held != planned:
            raise RuntimeError(f"the module has {held:,} parameters and its plan has {planned:,}")
        return {
            "convolution_backend": chosen_backends(self.module, self.inputs),
            "output_dtype": str(output.dtype).removeprefix("torch."),
        }

    def count(self) -> dict[str, Tally | Unavailable]:
        """Count one forward pass with every counter, on the CPU in float32; the last thing done."""
        import torch

        module = self.module.to("cpu", torch.float32)
        inputs = torch.zeros(self.case.skeleton.input_shape)
        return {name: count_with(name, module, inputs) for name in COUNTERS}


def chosen_backends(module: nn.Module, inputs: torch.Tensor) -> str:
    """Return which of torch's backends the module's convolutions choose; "unknown" if untold."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    found: dict[str, None] = {}

    class Watch(TorchDispatchMode):
        """Ask, at every convolution, what torch would choose for it."""

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is torch.ops.aten.convolution.default:
                backend: Any = torch._C._select_conv_backend(*args)  # noqa: SLF001  nothing public tells
                name = str(backend).split(".")[-1]
                found[f"unnamed ({int(backend)})" if "?" in name else name] = None
            return func(*args, **(kwargs or {}))

    try:
        # inside inference mode torch hands out conv2d whole, and its choice of backend is not seen
        with torch.inference_mode(mode=False), torch.no_grad(), Watch():
            module(inputs)
    except (AttributeError, TypeError):  # a private function of torch, gone or changed
        return "unknown"
    return ", ".join(found) or "none"
