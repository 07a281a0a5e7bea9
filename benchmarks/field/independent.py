"""A count that shares no code with convbench: what the dispatcher runs, by closed forms.

`counted(net, inputs)` runs the network once under a dispatch mode of its own. Only operators that
contract are counted; elementwise products are not, whatever sums them. MACs whose operands depend
on no input but on weights and buffers alone are kept apart. A third voice are closed forms in
forward hooks of nn.Conv*, nn.ConvTranspose* and nn.Linear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

Rule = Callable[..., int]


@dataclass
class Count:
    """MACs of one pass: of inputs, of weights alone, and of the layers' own closed forms."""

    macs: int = 0
    of_weights: int = 0
    layers: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)


def _convolution(args: Any, out: Any) -> int:
    images, weight, transposed = args[0], args[1], args[6]
    # each weight of a filter meets each position: of the output, or of the input if transposed
    positions = prod((images if transposed else out).shape[2:])
    return int(images.shape[0] * positions * weight.numel())


def _product(args: Any, out: Any) -> int:
    return int(out.numel() * args[0].shape[-1])


def _added_product(args: Any, out: Any) -> int:
    return int(out.numel() * args[1].shape[-1])


def _reduced_product(args: Any, out: Any) -> int:
    return int(out.numel() * args[1].shape[-1] * args[1].shape[0])


def _grouped_product(args: Any, out: Any) -> int:
    one, other = args[:2]
    if one.ndim == other.ndim == 2:  # groups are parts of the axis that is summed
        return int(one.numel() * other.shape[-1])
    return int(out.numel() * one.shape[-1])


def _attention(args: Any, _: Any) -> int:
    query, key, value = args[:3]
    pairs = prod(query.shape[:-1]) * key.shape[-2]
    return int(pairs * (query.shape[-1] + value.shape[-1]))


def _trilinear(args: Any, _: Any) -> int:
    one, weight, other = args[:3]
    rows, inner = one.shape[0], weight.shape[1]
    return int(rows * weight.numel() + rows * weight.shape[0] * other.shape[-1] * (inner > 0))


def _recurrent(args: Any, _: Any) -> int:
    steps, batch = args[0].shape[:2]
    return int(steps * batch * (args[1].numel() + args[2].numel()))


RULES: dict[str, Rule] = {
    "convolution": _convolution,
    "_convolution": _convolution,
    "mm": _product,
    "bmm": _product,
    "_grouped_mm": _grouped_product,
    "matmul": _product,
    "dot": lambda args, _: int(args[0].numel()),
    "vdot": lambda args, _: int(args[0].numel()),
    "mv": _product,
    "linear": _product,
    "addmm": _added_product,
    "_addmm_activation": _added_product,
    "addmv": _added_product,
    "baddbmm": _added_product,
    "addbmm": _reduced_product,
    "_trilinear": _trilinear,
    "mkldnn_rnn_layer": _recurrent,
}
ATTENTION = "_scaled_dot_product"


class Watching(TorchDispatchMode):
    """Count each operator that contracts; follow what is made of weights alone."""

    def __init__(self, net: nn.Module) -> None:
        """`net`: whose weights and buffers are its own."""
        super().__init__()
        self.count = Count()
        self._own: dict[int, Tensor] = {}
        for tensor in (*net.parameters(), *net.buffers()):
            self._own[id(tensor)] = tensor

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operator and add what it costs."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        own = bool(given) and all(id(tensor) in self._own for tensor in given)
        made = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        if own:
            self._own.update((id(tensor), tensor) for tensor in made)
        else:  # written to with something of an input
            for tensor in made:
                self._own.pop(id(tensor), None)
        name = func._schema.name.partition("::")[2].removesuffix("_")  # noqa: SLF001
        rule = _attention if name.startswith(ATTENTION) else RULES.get(name)
        if rule is None:
            self.count.other[name] += 1
            return out
        macs = rule(args, made[0]) * (1, 2, 4)[sum(x.is_complex() for x in given[-2:])]
        self.count.operators[name] += macs
        if own:
            self.count.of_weights += macs
        else:
            self.count.macs += macs
        return out


def counted(net: nn.Module, inputs: tuple[Any, ...]) -> Count:
    """Run the network once and count; raises what the network raises."""
    watching = Watching(net)
    handles = [
        layer.register_forward_hook(_hook(watching.count))
        for layer in net.modules()
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd)  # noqa: SLF001
        and not isinstance(layer, torch.jit.ScriptModule)
    ]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole layer, else
    try:
        with torch.no_grad(), watching:
            net(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for handle in handles:
            handle.remove()
    return watching.count


def _hook(count: Count) -> Callable[..., None]:
    def add(layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        if not inputs or not isinstance(output, Tensor):
            return
        if isinstance(layer, nn.Linear):
            count.layers += output.numel() * layer.in_features
            return
        dims = len(layer.kernel_size)
        of = inputs[0] if layer.transposed else output
        batch = of.shape[0] if of.ndim == dims + 2 else 1
        size = layer.in_channels * layer.out_channels // layer.groups * prod(layer.kernel_size)
        count.layers += batch * prod(of.shape[-dims:]) * size

    return add


def tensors(inputs: tuple[Any, ...]) -> list[Tensor]:
    """Return the tensors among the inputs."""
    return [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)]


def on(device: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Move the tensors among the inputs."""
    moved: tuple[Any, ...] = tree_map(
        lambda item: item.to(device) if isinstance(item, Tensor) else item, inputs
    )
    return moved
