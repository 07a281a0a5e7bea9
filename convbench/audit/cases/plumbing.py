"""How modules are wired: shared, repeated, chosen, wrapped, reparametrised."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward, image, same


@forward("plumbing/called twice", "2 * 8*8 * 3*3 * 10*10", (1, 8, 10, 10), conv=lambda: same(8, 8))
def _twice(self: Any, x: torch.Tensor) -> Any:
    return self.conv(self.conv(x))


@forward(
    "plumbing/called four times", "4 * 8*8 * 3*3 * 10*10", (1, 8, 10, 10), conv=lambda: same(8, 8)
)
def _four_times(self: Any, x: torch.Tensor) -> torch.Tensor:
    for _ in range(4):
        x = torch.relu(self.conv(x))
    return x


@case("plumbing/two names for one module", "2 * 8*8 * 3*3 * 10*10")
def _two_names() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.second(self.first(x))

    conv = same(8, 8)
    return Forward(forward, first=conv, second=conv), image(1, 8, 10, 10)


@case("plumbing/tied weights", "2 * 8*8 * 3*3 * 10*10", note="two modules hold one parameter")
def _tied() -> Program:
    first, second = same(8, 8), same(8, 8)
    second.weight = first.weight
    return nn.Sequential(first, second), image(1, 8, 10, 10)


@forward(
    "plumbing/data-dependent branch, taken",
    "8*8 * 3*3 * 10*10",
    lambda: (torch.rand(1, 8, 10, 10) + 1,),
    note="the mean of the input is positive, which leads to a 3x3",
    wide=lambda: same(8, 8),
    narrow=lambda: nn.Conv2d(8, 8, 1, bias=False),
)
def _branch_taken(self: Any, x: torch.Tensor) -> Any:
    return self.wide(x) if x.mean() > 0 else self.narrow(x)


@forward(
    "plumbing/data-dependent branch, not taken",
    "8*8 * 1*1 * 10*10",
    lambda: (-torch.rand(1, 8, 10, 10) - 1,),
    note="the mean of the input is negative, which leads to a 1x1",
    wide=lambda: same(8, 8),
    narrow=lambda: nn.Conv2d(8, 8, 1, bias=False),
)
def _branch_not_taken(self: Any, x: torch.Tensor) -> Any:
    return self.wide(x) if x.mean() > 0 else self.narrow(x)


@case("plumbing/LazyConv2d", "6*8 * 3*3 * 10*10", note="its weight has no shape before the call")
def _lazy() -> Program:
    return nn.LazyConv2d(6, 3, bias=False), image(1, 8, 12, 12)


@case("plumbing/forward called directly", "8*8 * 3*3 * 10*10", note="hooks of the module stay out")
def _direct() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.conv.forward(x)

    return Forward(forward, conv=same(8, 8)), image(1, 8, 10, 10)


class _Subclass(nn.Conv2d):
    """A subclass that changes nothing."""


@case("plumbing/subclass of Conv2d", "6*8 * 3*3 * 10*10")
def _subclass() -> Program:
    return _Subclass(8, 6, 3, padding=1, bias=False), image(1, 8, 10, 10)


@case("plumbing/subclass inside", "6*8 * 3*3 * 10*10 + 2*6 * 3*3 * 10*10")
def _subclass_inside() -> Program:
    layers = nn.Sequential(_Subclass(8, 6, 3, padding=1, bias=False), same(6, 2))
    return layers, image(1, 8, 10, 10)


class _Standardised(nn.Conv2d):
    """A convolution whose weight is standardised for each output channel."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  nn.Conv2d's own name
        """Convolve with the standardised weight."""
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = weight / (weight.std((1, 2, 3), keepdim=True) + 1e-5)
        return functional.conv2d(input, weight, self.bias, self.stride, self.padding)


@case(
    "plumbing/weight-standardised",
    "6*8 * 3*3 * 10*10",
    note="standardising the weight is work on weights alone",
)
def _standardised() -> Program:
    return _Standardised(8, 6, 3, padding=1, bias=False), image(1, 8, 10, 10)


@case("plumbing/timm Conv2dSame", "6*8 * 3*3 * 5*5", needs=("timm", "torchvision"))
def _timm_same() -> Program:
    from convbench.core.torchvision_import import import_timm

    layer: nn.Module = import_timm().layers.Conv2dSame(8, 6, 3, stride=2, bias=False)
    return layer, image(1, 8, 10, 10)


@case(
    "plumbing/timm StdConv2d",
    "6*8 * 3*3 * 10*10",
    needs=("timm", "torchvision"),
    note="standardising the weight is work on weights alone",
)
def _timm_standardised() -> Program:
    from convbench.core.torchvision_import import import_timm

    layer: nn.Module = import_timm().layers.StdConv2d(8, 6, 3, padding=1, bias=False)
    return layer, image(1, 8, 10, 10)


@case("plumbing/weight_norm, parametrisation", "6*8 * 3*3 * 10*10", note="the norm is apart")
def _weight_norm() -> Program:
    return parametrizations.weight_norm(same(8, 6)), image(1, 8, 10, 10)


@case("plumbing/weight_norm, hook", "6*8 * 3*3 * 10*10", note="the older API; the norm is apart")
def _weight_norm_hook() -> Program:
    layer: nn.Module = nn.utils.weight_norm(same(8, 6))
    return layer, image(1, 8, 10, 10)


@case(
    "plumbing/spectral_norm",
    "6*8 * 3*3 * 10*10",
    note="the norm of the weight is a product of weights alone, and apart",
)
def _spectral_norm() -> Program:
    return parametrizations.spectral_norm(same(8, 6)), image(1, 8, 10, 10)


@case(
    "plumbing/spectral_norm, training",
    "6*8 * 3*3 * 10*10",
    training=True,
    note="the power iteration multiplies weights alone, and is apart",
)
def _spectral_norm_training() -> Program:
    return parametrizations.spectral_norm(same(8, 6)), image(1, 8, 10, 10)


@case("plumbing/unused submodule", "8*8 * 3*3 * 10*10")
def _unused() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.used(x)

    return Forward(forward, used=same(8, 8), unused=same(8, 64)), image(1, 8, 10, 10)


@case("plumbing/activation checkpointing", "2 * 8*8 * 3*3 * 10*10")
def _checkpoint() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.second(checkpoint(self.first, x, use_reentrant=False))

    return Forward(forward, first=same(8, 8), second=same(8, 8)), image(1, 8, 10, 10)


@case("plumbing/dict output", "8*8 * 3*3 * 10*10 + 4*8 * 3*3 * 10*10")
def _dict() -> Program:
    def forward(self: Any, x: torch.Tensor) -> dict[str, Any]:
        trunk = self.trunk(x)
        return {"trunk": trunk, "heads": {"first": self.head(trunk)}}

    return Forward(forward, trunk=same(8, 8), head=same(8, 4)), image(1, 8, 10, 10)


@case("plumbing/two inputs", "6*8 * 3*3 * 10*10 + 6*4 * 3*3 * 10*10")
def _two_inputs() -> Program:
    def forward(self: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.first(x) + self.second(y)

    module = Forward(forward, first=same(8, 6), second=same(4, 6))
    return module, (torch.randn(1, 8, 10, 10), torch.randn(1, 4, 10, 10))


@forward(
    "plumbing/ModuleDict and ModuleList",
    "6*8 * 3*3 * 10*10 + 2 * 6*6 * 3*3 * 10*10",
    (1, 8, 10, 10),
    named=lambda: nn.ModuleDict({"stem": same(8, 6), "spare": same(8, 6)}),
    listed=lambda: nn.ModuleList([same(6, 6), same(6, 6)]),
)
def _containers(self: Any, x: torch.Tensor) -> Any:
    x = self.named["stem"](x)
    for layer in self.listed:
        x = layer(x)
    return x
