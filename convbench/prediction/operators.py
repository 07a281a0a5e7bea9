"""The operators that a module runs, with their shapes: what a prediction is the sum of.

A module is run once on tensors without data (torch's `FakeTensorMode`), as eager PyTorch runs it on
the CPU: the shapes, layouts and operators are those of the real pass, and nothing is computed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from convbench.core.errors import ConvbenchError, one_line

if TYPE_CHECKING:
    from torch import nn


class TracingError(ConvbenchError):
    """A module whose operators cannot be found without its data."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor's shape, data type, bytes an element, and order in memory.

    channels_last: whether channels are innermost. strided: in no order without gaps, as a slice.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    itemsize: int = 4
    channels_last: bool = False
    strided: bool = False

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.elements * self.itemsize


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One call of an operator of PyTorch.

    Attributes:
        name: without "aten::", such as "convolution" or "relu_".
        inputs: the tensors that it reads, in the order of its arguments.
        outputs: the tensors that it returns.
        alias: whether it only makes another view of its input.
        path: the innermost module that called it, with " (2)" in its second call, and so on; empty
            for the whole.
        window: taps of a pooling; 0 for any other.
        convolution: stride, padding, dilation, whether transposed, output padding, groups.

    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    alias: bool = False
    path: str = ""
    window: int = 0
    convolution: tuple[Any, ...] = ()

    def native(self, threads: int) -> bool:
        """Return whether PyTorch computes a convolution with its own kernel and not with oneDNN."""
        import torch

        from convbench.core.torch_internals import convolution_backend

        x, weight, *bias = (torch.empty(1).expand(tensor.shape) for tensor in self.inputs)
        stride, padding, dilation, transposed, extra, groups = self.convolution
        before = torch.get_num_threads()
        torch.set_num_threads(threads)  # the choice depends on it
        try:
            chosen = convolution_backend(
                (x, weight, bias[0] if bias else None, stride, padding, dilation, transposed,
                 extra, groups, None)
            )  # fmt: skip
        finally:
            torch.set_num_threads(before)
        return "Slow" in str(chosen)


def operators(module: Callable[..., Any], *inputs: Any, **named: Any) -> tuple[Operator, ...]:
    """Return the operators that module(*inputs, **named) runs on the CPU, in order.

    Nothing is computed: only shapes, strides and data types of inputs and weights are used, so that
    they may be on the meta device. An nn.Module is left unchanged. Raises TracingError where a pass
    needs the values of a tensor.
    """
    import torch
    from torch import nn
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._pytree import tree_map

    from convbench.core.torch_internals import reparametrized

    found: list[Operator] = []
    watch = _watching(found)
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.no_grad())
        stack.enter_context(mode)

        def fake(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="cpu")

        try:
            if isinstance(module, nn.Module):
                held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
                fakes = {name: fake(tensor) for name, tensor in held.items()}
                stack.enter_context(reparametrized(module, fakes, tie_weights=True))
                stack.enter_context(_named(module, watch.stack))
            given, keywords = tree_map(fake, (inputs, named))
            stack.enter_context(watch)
            module(*given, **keywords)
        except ConvbenchError:
            raise
        except Exception as error:
            raise TracingError(
                f"{getattr(module, '__name__', type(module).__name__)} cannot be traced without "
                f"its data ({one_line(error)}): give a model whose shapes and branches do not "
                "depend on the values of tensors."
            ) from error
    return tuple(found)


def working(found: Iterable[Operator]) -> list[Operator]:
    """Return the operators that do more than make a view."""
    return [one for one in found if not one.alias]


def _watching(found: list[Operator]) -> Any:
    import torch
    from torch.utils._pytree import tree_leaves

    from convbench.core.torch_internals import (
        DispatchMode,
        layout_of_convolution,
        results_of,
    )

    class Watch(DispatchMode):
        """Note every operator. stack: the modules that are running, innermost last."""

        def __init__(self) -> None:
            super().__init__()
            self.stack: list[str] = []

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            results = func(*args, **(kwargs or {}))
            if func.namespace == "prim":
                return results
            name = func.overloadpacket.__name__
            given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            made = [leaf for leaf in tree_leaves(results) if isinstance(leaf, torch.Tensor)]
            returns = results_of(func)
            alias = name in {"_unsafe_view", "as_strided_"} or all(
                item.alias_info is not None and not item.alias_info.is_write for item in returns
            )
            convolution = tuple(
                tuple(value) if isinstance(value, list) else value for value in args[3:9]
            )
            if not given:  # makes a tensor, as empty: what fills it is an operator too
                return results
            path = self.stack[-1] if self.stack else ""
            if name == "convolution":
                laid = given[0].contiguous(memory_format=layout_of_convolution(*given[:2]))
                if laid is not given[0]:  # a convolution copies such an input before it starts
                    copied = (_tensor(given[0]),), (_tensor(laid),)
                    found.append(
                        Operator(name="clone", inputs=copied[0], outputs=copied[1], path=path)
                    )
                    given[0] = laid
            found.append(
                Operator(
                    name=name,
                    inputs=tuple(map(_tensor, given)),
                    outputs=tuple(map(_tensor, made)),
                    alias=alias,
                    path=path,
                    window=prod(args[1]) if "pool2d" in name and "adaptive" not in name else 0,
                    convolution=convolution if name == "convolution" else (),
                )
            )
            return results

    return Watch()


def _tensor(tensor: Any) -> Tensor:
    import torch

    first = tensor.is_contiguous()
    last = (
        tensor.ndim == 4  # noqa: PLR2004
        and not first
        and tensor.is_contiguous(memory_format=torch.channels_last)
    )
    return Tensor(
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        itemsize=tensor.element_size(),
        channels_last=last,
        strided=not (first or last),
    )


@contextlib.contextmanager
def _named(module: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep in `running` the names of the modules that run, innermost last."""
    hooks = []
    visits: Counter[str] = Counter()
    for name, part in module.named_modules():

        def enter(*_: Any, name: str = name) -> None:
            visits[name] += 1
            running.append(name if visits[name] == 1 else f"{name} ({visits[name]})")

        def leave(*_: Any) -> None:
            running.pop()

        hooks += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
