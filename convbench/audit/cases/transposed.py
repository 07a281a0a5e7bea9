"""Transposed convolutions: batch · inputs · outputs in a group · taps · input positions."""

from __future__ import annotations

from torch import nn

from convbench.audit.case import case
from convbench.audit.cases.parts import image

case("transposed/stride 1", "1*8*6 * 3*3 * 5*5")(
    lambda: (nn.ConvTranspose2d(8, 6, 3, bias=False), image(1, 8, 5, 5))
)
case("transposed/stride 2, output padding", "1*8*6 * 3*3 * 5*5")(
    lambda: (
        nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, bias=False),
        image(1, 8, 5, 5),
    )
)
case("transposed/grouped", "1*8*3 * 3*3 * 5*5")(
    lambda: (nn.ConvTranspose2d(8, 12, 3, stride=2, groups=4, bias=False), image(1, 8, 5, 5))
)
case("transposed/kernel 2, stride 2, with bias", "1*8*6 * 2*2 * 5*5")(
    lambda: (nn.ConvTranspose2d(8, 6, 2, stride=2), image(1, 8, 5, 5))
)
case("transposed/depthwise", "1*8*1 * 3*3 * 5*5")(
    lambda: (nn.ConvTranspose2d(8, 8, 3, stride=2, groups=8, bias=False), image(1, 8, 5, 5))
)
case("transposed/dilated, batch 2", "2*8*6 * 3*3 * 5*4")(
    lambda: (nn.ConvTranspose2d(8, 6, 3, stride=3, dilation=2, bias=False), image(2, 8, 5, 4))
)
case("transposed/1d", "2*4*6 * 4 * 9")(
    lambda: (nn.ConvTranspose1d(4, 6, 4, stride=2, bias=False), image(2, 4, 9))
)
case("transposed/3d", "1*4*6 * 3*3*3 * 3*4*5")(
    lambda: (nn.ConvTranspose3d(4, 6, 3, stride=2, bias=False), image(1, 4, 3, 4, 5))
)
