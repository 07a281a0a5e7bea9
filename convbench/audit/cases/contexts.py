"""Modes, data types, layouts and ways of running."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import forward, image, same


@forward("contexts/no_grad inside", "6*8 * 3*3 * 10*10", (1, 8, 10, 10), conv=same)
def _no_grad(self: Any, x: torch.Tensor) -> Any:
    with torch.no_grad():
        return self.conv(x)


@forward("contexts/inference_mode inside", "6*8 * 3*3 * 10*10", (1, 8, 10, 10), conv=same)
def _inference(self: Any, x: torch.Tensor) -> Any:
    with torch.inference_mode():
        return self.conv(x)


@forward(
    "contexts/autocast inside",
    "6*8 * 3*3 * 10*10 + 10*6",
    (1, 8, 10, 10),
    note="products in bfloat16 count as products; the casts do not",
    conv=same,
    head=lambda: nn.Linear(6, 10),
)
def _autocast(self: Any, x: torch.Tensor) -> Any:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return self.head(self.conv(x).mean((2, 3)))


@case("contexts/bfloat16 model", "6*8 * 3*3 * 10*10")
def _bfloat16() -> Program:
    return same().bfloat16(), (torch.randn(1, 8, 10, 10, dtype=torch.bfloat16),)


@case("contexts/float64 model", "6*8 * 3*3 * 10*10")
def _float64() -> Program:
    return same().double(), (torch.randn(1, 8, 10, 10, dtype=torch.float64),)


@case("contexts/channels_last", "6*8 * 3*3 * 10*10")
def _channels_last() -> Program:
    module = same().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module, (torch.randn(1, 8, 10, 10).to(memory_format=torch.channels_last),)


@case(
    "contexts/complex weights",
    "4 * 6*8 * 3*3 * 10*10",
    note="four real multiplications for each complex product",
)
def _complex() -> Program:
    module = same(dtype=torch.complex64)
    return module, (torch.randn(1, 8, 10, 10, dtype=torch.complex64),)


@forward(
    "contexts/complex matrix product",
    "4 * 3*5*7",
    lambda: (torch.randn(3, 5, dtype=torch.complex64),),
    note="four real multiplications for each complex product",
    weight=lambda: torch.randn(5, 7, dtype=torch.complex64),
)
def _complex_matmul(self: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.matmul(x, self.weight)


@case("contexts/TorchScript, scripted", "6*8 * 3*3 * 10*10 + 2*6 * 10*10")
def _scripted() -> Program:
    layers = nn.Sequential(same(), nn.ReLU(), nn.Conv2d(6, 2, 1, bias=False)).eval()
    scripted: nn.Module = torch.jit.script(layers)
    return scripted, image(1, 8, 10, 10)


@case("contexts/TorchScript, traced", "6*8 * 3*3 * 10*10 + 2*6 * 10*10")
def _traced() -> Program:
    layers = nn.Sequential(same(), nn.ReLU(), nn.Conv2d(6, 2, 1, bias=False)).eval()
    inputs = image(1, 8, 10, 10)
    traced: nn.Module = torch.jit.trace(layers, inputs)
    return traced, inputs


@case(
    "contexts/torch.compile",
    "6*8 * 3*3 * 10*10 + 2*6 * 10*10",
    note="with the backend that runs the captured graph as it is",
)
def _compiled() -> Program:
    layers = nn.Sequential(same(), nn.ReLU(), nn.Conv2d(6, 2, 1, bias=False))
    module: nn.Module = torch.compile(layers, backend="eager")  # type: ignore[assignment]
    return module, image(1, 8, 10, 10)


@case("contexts/torch.fx graph", "6*8 * 3*3 * 10*10 + 2*6 * 10*10")
def _graph() -> Program:
    layers = nn.Sequential(same(), nn.ReLU(), nn.Conv2d(6, 2, 1, bias=False))
    return torch.fx.symbolic_trace(layers), image(1, 8, 10, 10)


@case("contexts/exported program", "6*8 * 3*3 * 10*10 + 2*6 * 10*10")
def _exported() -> Program:
    layers = nn.Sequential(same(), nn.ReLU(), nn.Conv2d(6, 2, 1, bias=False)).eval()
    inputs = image(1, 8, 10, 10)
    module = _Exported(torch.export.export(layers, inputs).module())
    return module, inputs


class _Exported(nn.Module):
    """An exported program, which itself refuses to change its mode."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> _Exported:  # noqa: FBT001, FBT002  nn.Module's own
        """Set this module's flag alone."""
        self.training = mode
        return self

    def forward(self, x: torch.Tensor) -> Any:
        """Run the program."""
        return self.program(x)


@case(
    "contexts/quantised convolution",
    "6*8 * 3*3 * 10*10",
    note="products of 8-bit integers count as products; the rounding does not",
)
def _quantised() -> Program:
    class Quantised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            weight = torch.quantize_per_tensor(torch.randn(6, 8, 3, 3), 0.05, 0, torch.qint8)
            self.packed = torch.ops.quantized.conv2d_prepack(
                weight, None, [1, 1], [1, 1], [1, 1], 1
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """Quantise, convolve, and go back."""
            whole = torch.quantize_per_tensor(x, 0.05, 128, torch.quint8)
            result = torch.ops.quantized.conv2d(whole, self.packed, 0.1, 128)
            back: torch.Tensor = result.dequantize()
            return back

    return Quantised(), image(1, 8, 10, 10)


@case("contexts/frozen weights", "6*8 * 3*3 * 10*10")
def _frozen() -> Program:
    return same().requires_grad_(requires_grad=False), image(1, 8, 10, 10)


@forward("contexts/weight as a view", "6*8 * 3*3 * 10*10", (1, 8, 10, 10), flat=(6 * 8 * 9,))
def _view(self: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, self.flat.view(6, 8, 3, 3), padding=1)
