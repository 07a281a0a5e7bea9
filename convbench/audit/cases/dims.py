"""The same in one and in three dimensions."""

from __future__ import annotations

from torch import nn

from convbench.audit.case import case
from convbench.audit.cases.parts import image

case("dims/1d", "2*6*4 * 5 * 16")(lambda: (nn.Conv1d(4, 6, 5, bias=False), image(2, 4, 20)))
case("dims/1d grouped, dilated, same", "1*6*2 * 3 * 20")(
    lambda: (nn.Conv1d(4, 6, 3, groups=2, dilation=2, padding="same", bias=False), image(1, 4, 20))
)
case("dims/3d", "1*6*4 * 3*3*3 * 4*5*6")(
    lambda: (nn.Conv3d(4, 6, 3, bias=False), image(1, 4, 6, 7, 8))
)
case("dims/3d depthwise", "1*4*1 * 3*3*3 * 4*5*6")(
    lambda: (nn.Conv3d(4, 4, 3, groups=4, bias=False), image(1, 4, 6, 7, 8))
)
case("dims/3d factorised", "1*6*4 * 1*3*3 * 6*5*6 + 1*6*6 * 3*1*1 * 4*5*6")(
    lambda: (
        nn.Sequential(
            nn.Conv3d(4, 6, (1, 3, 3), bias=False), nn.Conv3d(6, 6, (3, 1, 1), bias=False)
        ),
        image(1, 4, 6, 7, 8),
    )
)
case("dims/linear on 2 axes", "3*7*5")(lambda: (nn.Linear(7, 5, bias=False), image(3, 7)))
case("dims/linear with bias on 3 axes", "2*6*7*5")(lambda: (nn.Linear(7, 5), image(2, 6, 7)))
case("dims/linear without bias on 3 axes", "2*6*7*5")(
    lambda: (nn.Linear(7, 5, bias=False), image(2, 6, 7))
)
