"""Whether what was timed was right: its output before the timing, and again after it.

A fast wrong result is no result. The output of the first call is compared with the same module in
float64 on the CPU. After the timing the input is changed **in place** and compared again: something
that remembers its output by the input's address is quick, and is found out.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

TOLERANCES: Final = {
    "float64": 1e-9,
    "float32": 1e-3,
    "ieee float32": 5e-5,
    "tf32": 5e-2,
    "float16": 2e-2,
    "bfloat16": 1e-1,
}
"""How far an output may be from float64's: the norm of the difference by the norm of the output.
Wide enough for the rounding of a deep network, far below any wrong result.

"ieee float32" is float32 on a GPU. By emulation on a CPU, types and OSNets in float32 are within
3e-7; with operands rounded to TF32 they are 9e-5 to 7e-4 away, with operands cut to TF32 up to 2e-2
(tests/timing/test_tolerances.py). So what ran with TF32 is no float32 here.
"""
_SMALL: Final = 0.1
"""Of the largest gradient's norm: what a smaller one's error is a share of, in place of its own."""
MANY_DENORMALS: Final = 1e-3
"""A share of denormal values that can be felt. Of normal float16 values 0.005 % are denormal."""


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
        self._given: list[torch.Tensor] = []

    def compare(self, inputs: torch.Tensor, output: Any, when: str) -> None:
        """Raise WrongResultError where the output is not what the module gives for the inputs."""
        import torch

        if not isinstance(output, torch.Tensor):
            raise WrongResultError(f"{when} the output was {type(output).__name__}, no tensor")
        if not bool(torch.isfinite(output).all()):
            raise WrongResultError(f"{when} the output held values that are not finite")
        part = slice(None) if self._whole else slice(1)
        module, x = self._unused(inputs[part])
        with torch.inference_mode():
            wanted = module(x)
        given = (output[part] if output.ndim else output).detach().to("cpu", torch.float64)
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
            found: gradients by the parameter's name, the input's by "input". One that is None
                was not made; only the input's may be, where the reference has one.
            when: begins the message.

        """
        import torch

        with torch.inference_mode(mode=False), torch.enable_grad():
            module, x = self._unused(inputs)
            x.requires_grad_()
            module.zero_grad(set_to_none=True)
            module(x).backward(gradient.detach().to("cpu", torch.float64).clone())
        wanted = {"input": x.grad, **{n: p.grad for n, p in module.named_parameters()}}
        # One that cancels to nothing, as a bias's before batch norm, is rounding and nothing else.
        least = _SMALL * max((float(g.norm()) for g in wanted.values() if g is not None), default=0)
        for name, given in found.items():
            right = wanted.get(name)
            if right is None or (given is None and name == "input"):
                continue
            if given is None or given.shape != right.shape:
                seen = "missing" if given is None else f"of shape {tuple(given.shape)}"
                raise WrongResultError(
                    f"{when} grad of {name} was {seen}, and the same module in float64 gives one "
                    f"of shape {tuple(right.shape)}"
                )
            exact = given.detach().to("cpu", torch.float64)
            self._near(exact, right, f"{when} grad of {name}", least)

    def _unused(self, inputs: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
        """Return a copy of the module and of the inputs, at an address that none before had.

        What remembers outputs by address must not remember here, too: then both would be stale.
        """
        import torch

        # kept, so that its memory is not given to the next one
        self._given.append(inputs.detach().to("cpu", torch.float64, copy=True))
        return copy.deepcopy(self._module), self._given[-1]

    def _near(
        self, given: torch.Tensor, wanted: torch.Tensor, what: str, least: float = 0.0
    ) -> None:
        norm = max(float(wanted.norm()), least)
        error = float((given - wanted).norm()) / norm if norm else float(given.norm())
        if not error <= TOLERANCES[self._dtype]:
            hint = "; TF32 differs by as much" if self._dtype == "ieee float32" else ""
            raise WrongResultError(
                f"{what} was wrong: it differs from the same module in float64 by "
                f"{error:.2g} of its norm, and {TOLERANCES[self._dtype]:g} is allowed{hint}"
            )


Digest = tuple[float, ...]
"""Some values of an output, to know it again by."""
_DIGEST: Final = 256


def digest(output: torch.Tensor) -> Digest:
    """Return at most 256 values of an output, spread over all of it."""
    flat = output.detach().flatten()
    step = max(1, math.ceil(flat.numel() / _DIGEST))
    return tuple(map(float, flat[::step].to("cpu")))


def check_digest(output: Any, known: Digest, dtype: str, when: str) -> Digest:
    """Return the digest of an output; WrongResultError where it is not the known one.

    For a process after the first, and for a graph that was captured: what the same weights and
    inputs give was compared with float64 before. dtype: a key of TOLERANCES.
    """
    import torch

    if not isinstance(output, torch.Tensor):
        raise WrongResultError(f"{when} the output was {type(output).__name__}, no tensor")
    found = digest(output)
    norm = sum(value**2 for value in known) ** 0.5
    apart = sum((a - b) ** 2 for a, b in zip(found, known, strict=False)) ** 0.5
    allowed = 2 * TOLERANCES[dtype] * norm
    if len(found) != len(known) or not apart <= allowed:
        raise WrongResultError(
            f"{when} the output was wrong: with the same weights and input it was another one "
            f"before, {apart / norm if norm else apart:.2g} of its norm away"
        )
    return found


def change(inputs: torch.Tensor, seed: int) -> None:
    """Put other normal values into the very same memory."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        fresh = torch.randn(inputs.shape, generator=draw)
        inputs.copy_(fresh.to(inputs.device, inputs.dtype))


def checkable(inputs: tuple[Any, ...]) -> list[torch.Tensor]:
    """Return the tensors among the inputs, in whatever containers, that can be changed in place."""
    import torch
    from torch.utils._pytree import tree_leaves

    return [
        leaf
        for leaf in tree_leaves(inputs)
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and _settable(leaf)
    ]


def same_at_any_address(
    call: Callable[..., Any], inputs: tuple[Any, ...], seed: int, *, rounding: float = 1e-4
) -> None:
    """Change the tensors among the inputs in place, and compare with copies of them elsewhere.

    For what has no reference. Raises WrongResultError where the two outputs differ: then the call
    depends on where its input lies, and not on what it holds. The inputs get their values back.
    Tensors in lists, tuples and dicts count; those of whole numbers are left alone, since other
    ones may be out of range. rounding: by which values may differ, as a share of the largest one.
    """
    import torch
    from torch.utils._pytree import tree_map_only

    tensors = checkable(inputs)
    if not tensors:
        return
    kept = [tensor.detach().clone() for tensor in tensors]
    try:
        for number, tensor in enumerate(tensors):
            change(tensor.detach(), seed + number)
        elsewhere = [tree_map_only(torch.Tensor, torch.Tensor.clone, inputs) for _ in range(2)]
        # copied, since a call may write its output where it wrote the one before
        here, there, again = (
            None if (output := _first_tensor(call(*given))) is None else output.detach().clone()
            for given in (inputs, *elsewhere)
        )
    finally:
        with torch.no_grad():
            for tensor, values in zip(tensors, kept, strict=True):
                tensor.detach().copy_(values)
    if here is None or there is None or again is None or not _close(again, there, rounding):
        return  # no tensor, or an output that is drawn anew at every call
    if not _close(here, there, rounding):
        raise WrongResultError(
            "the output did not follow the input: the same values at another address gave another "
            "output, as from something that remembers its output by the input's address"
        )


def _close(one: torch.Tensor, other: torch.Tensor, rounding: float) -> bool:
    import torch

    if one.shape != other.shape or one.is_complex() != other.is_complex():
        return False
    exact = torch.complex128 if one.is_complex() else torch.float64
    one, other = one.to(exact), other.to(exact)
    finite = other[other.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(one, other, rtol=1e-2, atol=rounding * (scale or 1.0), equal_nan=True)


def denormal_share(tensor: torch.Tensor) -> float:
    """Return the share of values that are not 0 and too small for the type's full precision."""
    import torch

    name = str(tensor.dtype).removeprefix("torch.")
    if name not in TOLERANCES or not tensor.numel():
        return 0.0
    sizes = tensor.detach().abs()
    tiny = torch.finfo(tensor.dtype).tiny
    found: float = ((sizes > 0) & (sizes < tiny)).double().mean().item()
    return found


def _settable(tensor: torch.Tensor) -> bool:
    """Return whether every value has memory of its own; what `expand` gives shares some."""
    import torch

    if tensor.layout != torch.strided:
        return False
    strides = zip(tensor.shape, tensor.stride(), strict=True)
    return not any(size > 1 and stride == 0 for size, stride in strides)


def _first_tensor(output: Any) -> torch.Tensor | None:
    import torch

    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, list | tuple):
        return next((found for item in output if (found := _first_tensor(item)) is not None), None)
    return None
