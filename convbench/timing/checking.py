"""Whether what was timed was right: its output before the timing, and again after it.

A fast wrong result is no result. The output of the first call is compared with the same module in
float64 on the CPU. After the timing the input is changed **in place** and compared again: something
that remembers its output by the input's address is quick, and is found out.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

TOLERANCES: Final = {
    "float64": 1e-9,
    "float32": 1e-3,
    "tf32": 2e-2,
    "float16": 2e-2,
    "bfloat16": 1e-1,
}
"""How far an output may be from float64's: the norm of the difference by the norm of the output.
Wide enough for the rounding of a deep network, far below any wrong result."""
_TINY: Final = {"float64": 2.3e-308, "float32": 1.2e-38, "float16": 6.2e-5, "bfloat16": 1.2e-38}


class WrongResultError(RuntimeError):
    """What was timed did not compute what it should; its times mean nothing."""


class Reference:
    """The same module in float64 on the CPU, for the first image of a batch.

    Args:
        module: what is timed; it is copied, and not changed.
        dtype: a key of TOLERANCES.
        whole: compare the whole batch, for what depends on all of it.

    """

    def __init__(self, module: nn.Module, dtype: str, *, whole: bool = False) -> None:
        """Copy the module."""
        import torch

        self._module = copy.deepcopy(module).to("cpu", torch.float64)
        self._dtype = dtype
        self._whole = whole

    def compare(self, inputs: torch.Tensor, output: Any, when: str) -> None:
        """Raise WrongResultError where the output is not what the module gives for the inputs."""
        import torch

        if not isinstance(output, torch.Tensor):
            raise WrongResultError(f"{when} the output was {type(output).__name__}, no tensor")
        if not bool(torch.isfinite(output).all()):
            raise WrongResultError(f"{when} the output held values that are not finite")
        part = slice(None) if self._whole else slice(1)
        with torch.inference_mode():
            wanted = self._module(inputs[part].to("cpu", torch.float64))
        given = output[part].detach().to("cpu", torch.float64)
        if wanted.shape != given.shape:
            raise WrongResultError(
                f"{when} the output had shape {tuple(output.shape)}, and the same module in "
                f"float64 gives {tuple(wanted.shape)} for the first {len(wanted)} of the batch"
            )
        self._near(given, wanted, f"{when} the output")

    def compare_gradients(
        self,
        inputs: torch.Tensor,
        gradient: torch.Tensor,
        found: dict[str, torch.Tensor | None],
        when: str,
    ) -> None:
        """Raise WrongResultError where a gradient is not the reference's, over the whole batch.

        Args:
            inputs: what the module was given.
            gradient: of the output; the same shape.
            found: gradients by the parameter's name, the input's by "input"; None is left out.
            when: begins the message.

        """
        import torch

        with torch.inference_mode(mode=False), torch.enable_grad():
            x = inputs.detach().to("cpu", torch.float64).clone().requires_grad_()
            self._module.zero_grad(set_to_none=True)
            self._module(x).backward(gradient.detach().to("cpu", torch.float64).clone())
        wanted = {"input": x.grad, **{n: p.grad for n, p in self._module.named_parameters()}}
        for name, given in found.items():
            right = wanted.get(name)
            if given is not None and right is not None:
                self._near(given.detach().to("cpu", torch.float64), right, f"{when} grad of {name}")

    def _near(self, given: torch.Tensor, wanted: torch.Tensor, what: str) -> None:
        norm = float(wanted.norm())
        error = float((given - wanted).norm()) / norm if norm else float(given.norm())
        if not error <= TOLERANCES[self._dtype]:
            raise WrongResultError(
                f"{what} was wrong: it differs from the same module in float64 by "
                f"{error:.2g} of its norm, and {TOLERANCES[self._dtype]:g} is allowed"
            )


def change(inputs: torch.Tensor, seed: int) -> None:
    """Put other normal values into the very same memory."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        fresh = torch.randn(inputs.shape, generator=draw)
        inputs.copy_(fresh.to(inputs.device, inputs.dtype))


def same_at_any_address(call: Callable[..., Any], inputs: tuple[Any, ...], seed: int) -> None:
    """Change the tensors among the inputs in place, and compare with copies of them elsewhere.

    For what has no reference. Raises WrongResultError where the two outputs differ: then the call
    depends on where its input lies, and not on what it holds. The inputs get their values back.
    """
    import torch

    tensors = [t for t in inputs if isinstance(t, torch.Tensor) and t.is_floating_point()]
    if not tensors:
        return
    kept = [tensor.detach().clone() for tensor in tensors]
    try:
        for number, tensor in enumerate(tensors):
            change(tensor.detach(), seed + number)
        elsewhere = tuple(i.clone() if isinstance(i, torch.Tensor) else i for i in inputs)
        here, there = _first_tensor(call(*inputs)), _first_tensor(call(*elsewhere))
        again = _first_tensor(call(*elsewhere))
    finally:
        with torch.no_grad():
            for tensor, values in zip(tensors, kept, strict=True):
                tensor.detach().copy_(values)
    if here is None or there is None or again is None or not _close(again, there):
        return  # no tensor, or an output that is drawn anew at every call
    if not _close(here, there):
        raise WrongResultError(
            "the output did not follow the input: the same values at another address gave another "
            "output, as from something that remembers its output by the input's address"
        )


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    import torch

    one, other = one.detach().double(), other.detach().double()
    if one.shape != other.shape:
        return False
    scale = float(other.abs().max()) if other.numel() else 0.0
    return torch.allclose(one, other, rtol=1e-2, atol=1e-4 * (scale or 1.0), equal_nan=True)


def denormal_share(tensor: torch.Tensor) -> float:
    """Return the share of values that are not 0 and too small for the type's full precision."""
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in _TINY or not tensor.numel():
        return 0.0
    sizes = tensor.detach().abs()
    found: float = ((sizes > 0) & (sizes < _TINY[name])).double().mean().item()
    return found


def _first_tensor(output: Any) -> torch.Tensor | None:
    import torch

    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, list | tuple):
        return next((found for item in output if (found := _first_tensor(item)) is not None), None)
    return None
