"""Layers that a program reaches by another way than as its own submodules, one after the other."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward, image, same


@forward(
    "reached/layers in a thread pool",
    "2 * 6*8 * 3*3 * 10*10",
    (1, 8, 10, 10),
    note="two branches in a ThreadPoolExecutor",
    one=same,
    other=same,
)
def _threads(self: Any, x: torch.Tensor) -> Any:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda layer: layer(x), (self.one, self.other))
    return one + other


@case(
    "reached/TorchScript, optimised for inference",
    "6*8 * 3*3 * 10*10 + 2*6 * 10*10",
    note="batch norm is folded, and the rest may run in another library",
)
def _optimised() -> Program:
    layers = nn.Sequential(same(), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 1)).eval()
    module: nn.Module = torch.jit.optimize_for_inference(torch.jit.script(layers))
    return module, image(1, 8, 10, 10)


class _Encoder(nn.Module):
    """A module whose work is not in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = same()

    def encode(self, x: torch.Tensor) -> Any:
        """Convolve."""
        return self.conv(x)


def _calls(function: Any) -> Program:
    """Return a module that calls what it holds, and has no layers of its own."""
    return Forward(lambda _, x: function(x)), image(1, 8, 10, 10)


_BOTH = "2 * 6*8 * 3*3 * 10*10"
_WHY = "; the forward, and the gradient of the weight"


@case("reached/bound method", _BOTH, backward=True, note="of a module that is no submodule" + _WHY)
def _method() -> Program:
    return _calls(_Encoder().encode)


@case("reached/partial", _BOTH, backward=True, note="functools.partial holds the module" + _WHY)
def _partial() -> Program:
    return _calls(functools.partial(lambda layer, x: layer(x), same()))


@case("reached/lambda", _BOTH, backward=True, note="the module is in its closure" + _WHY)
def _lambda() -> Program:
    layer = same()
    return _calls(lambda x: layer(x) + 0)


@forward(
    "reached/attention on parameters alone",
    "2 * 2*3 * 5*5*8 + 2*4 * 8*6",
    (2, 4, 8),
    note="scaled_dot_product_attention of a parameter of 2 x 3 heads, 5 tokens, 8 numbers (scores, "
    "then values), which runs at every call; and a layer on the input",
    prompt=(2, 3, 5, 8),
    layer=lambda: nn.Linear(8, 6),
)
def _alone(self: Any, x: torch.Tensor) -> Any:
    prompt = functional.scaled_dot_product_attention(self.prompt, self.prompt, self.prompt)
    return self.layer(x) + prompt.mean()


@forward(
    "reached/trunk under no_grad, backward",
    "6*8 * 3*3 * 10*10 + 2 * 6*5",
    (1, 8, 10, 10),
    backward=True,
    note="the trunk has its forward alone; the head its forward and the gradient of its weight",
    trunk=same,
    head=lambda: nn.Linear(6, 5),
)
def _trunk(self: Any, x: torch.Tensor) -> Any:
    with torch.no_grad():
        features = self.trunk(x).mean((2, 3))
    return self.head(features)
