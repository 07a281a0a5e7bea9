"""Modules that a careless counter changes: the count is plain, what is left behind is judged."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import image


def _layers() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(8, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())


@case(
    "untouched/batch norm in training",
    "2 * 6*8 * 3*3 * 10*10",
    training=True,
    note="a forward pass would move the running statistics",
)
def _statistics() -> Program:
    return _layers(), image(2, 8, 10, 10)


@case(
    "untouched/dropout in training",
    "2 * 6*8 * 3*3 * 10*10",
    training=True,
    note="a forward pass would draw random numbers",
)
def _dropout() -> Program:
    layers = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1, bias=False), nn.Dropout(0.5))
    return layers, image(2, 8, 10, 10)


class _Frozen(nn.Sequential):
    """Layers in training whose batch norm stays in evaluation."""

    def train(self, mode: bool = True) -> _Frozen:  # noqa: FBT001, FBT002  nn.Module's own
        """Set the mode, batch norm left out."""
        super().train(mode)
        self[1].training = False
        return self


@case(
    "untouched/one module in evaluation",
    "2 * 6*8 * 3*3 * 10*10",
    training=True,
    note="flags differ between modules, and have to differ afterwards",
)
def _mixed() -> Program:
    return _Frozen(*_layers()), image(2, 8, 10, 10)


@case(
    "untouched/hooks of its own",
    "2 * 6*8 * 3*3 * 10*10",
    note="a forward hook of the user is there before, and after",
)
def _hooks() -> Program:
    layers = _layers()
    layers[0].register_forward_hook(_pass_on)
    return layers, image(2, 8, 10, 10)


def _pass_on(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
    return output


@case("untouched/gradients kept", "2 * 6*8 * 3*3 * 10*10", note="weights hold a gradient already")
def _gradients() -> Program:
    layers = _layers()
    for parameter in layers.parameters():
        parameter.grad = torch.ones_like(parameter)
    return layers, image(2, 8, 10, 10)
