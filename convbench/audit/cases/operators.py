"""Operators that lists of operators forget: with products, and with none beside a layer."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from convbench.audit.case import CaseError, Program, case
from convbench.audit.cases.parts import Forward, forward, image


def _vision(name: str) -> Any:
    """Return an operator of torchvision's compiled part."""
    from convbench.core.torchvision_import import declare_operators

    declare_operators()
    operators = importlib.import_module("torchvision.ops")
    if not importlib.import_module("torchvision.extension")._has_ops():  # noqa: SLF001  its only name
        raise CaseError(
            f"torchvision's {name} is compiled, and its compiled part does not load here: install "
            "the torchvision that belongs to this torch."
        )
    return getattr(operators, name)


@case(
    "operators/deform_conv2d",
    "18*4 * 3*3 * 8*8 + 6*4 * 3*3 * 8*8",
    needs=("torchvision",),
    note="the convolution that makes 2 offsets for each of 9 taps, and the deformable one; the "
    "bilinear interpolation is apart",
)
def _deformable() -> Program:
    function = _vision("deform_conv2d")

    def forward(self: Any, x: torch.Tensor) -> Any:
        return function(x, self.offset(x), self.weight, padding=1)

    offset = nn.Conv2d(4, 18, 3, padding=1, bias=False)
    return Forward(forward, offset=offset, weight=torch.randn(6, 4, 3, 3)), image(1, 4, 8, 8)


@case(
    "operators/nms beside a convolution",
    "4*3 * 10*10",
    needs=("torchvision",),
    note="choosing boxes multiplies nothing that is summed",
)
def _nms() -> Program:
    function = _vision("nms")

    def forward(self: Any, x: torch.Tensor, boxes: torch.Tensor, scores: torch.Tensor) -> Any:
        return self.conv(x), boxes[function(boxes, scores, 0.5)]

    corners = torch.rand(6, 2) * 5
    boxes = torch.cat([corners, corners + 3], 1)
    module = Forward(forward, conv=nn.Conv2d(3, 4, 1, bias=False))
    return module, (*image(1, 3, 10, 10), boxes, torch.rand(6))


@forward(
    "operators/_grouped_mm",
    "16 * 32*48",
    lambda: (torch.randn(16, 32, dtype=torch.bfloat16),),
    note="16 tokens in two groups, each group with a matrix of its own",
    weight=lambda: torch.randn(2, 32, 48, dtype=torch.bfloat16),
)
def _experts(self: Any, x: torch.Tensor) -> Any:
    ends = torch.tensor([6, 16], dtype=torch.int32, device=x.device)
    return torch._grouped_mm(x, self.weight, offs=ends)  # noqa: SLF001  the operator's only name


class _Packed(nn.Module):
    """A layer whose weight is 8-bit integers with a scale for each output."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-9, 9, (16, 32), dtype=torch.int8))
        self.register_buffer("scales", torch.ones(16, dtype=torch.bfloat16))

    def forward(self, x: torch.Tensor) -> Any:
        """Multiply."""
        return torch.ops.aten._weight_int8pack_mm(x, self.weight, self.scales)  # noqa: SLF001  its only name


@case("operators/_weight_int8pack_mm", "4 * 32*16", note="products with 8-bit weights are products")
def _packed() -> Program:
    return _Packed(), (torch.randn(4, 32, dtype=torch.bfloat16),)


class _QuantisedUp(nn.Module):
    """Quantise, a transposed convolution of torch's quantised layers, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.up = torch.ao.nn.quantized.ConvTranspose2d(4, 6, 3, stride=2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run it."""
        whole = torch.quantize_per_tensor(x, 0.1, 128, torch.quint8)
        back: torch.Tensor = self.up(whole).dequantize()
        return back


@case(
    "operators/quantised transposed convolution",
    "4*6 * 3*3 * 5*5",
    note="on its 25 input positions; the rounding does not count",
)
def _quantised_transposed() -> Program:
    return _QuantisedUp(), image(1, 4, 5, 5)


@forward(
    "operators/Fourier mixing, then linear",
    "2*6 * 8*5",
    (2, 6, 8),
    note="FNet: two transforms over tokens and features in place of attention are apart",
    layer=lambda: nn.Linear(8, 5),
)
def _mixing(self: Any, x: torch.Tensor) -> Any:
    return self.layer(torch.fft.fft2(x).real)
