"""Convolutions by themselves: batch · outputs · inputs in a group · taps · output positions."""

from __future__ import annotations

from torch import nn

from convbench.audit.case import case
from convbench.audit.cases.parts import image

case("plain/3x3", "1*16*8 * 3*3 * 10*10")(
    lambda: (nn.Conv2d(8, 16, 3, bias=False), image(1, 8, 12, 12))
)
case("plain/3x3 padded", "1*16*8 * 3*3 * 12*12", note="taps that lie on padding are counted")(
    lambda: (nn.Conv2d(8, 16, 3, padding=1, bias=False), image(1, 8, 12, 12))
)
case("plain/with bias", "1*16*8 * 3*3 * 10*10", note="a bias is added and multiplies nothing")(
    lambda: (nn.Conv2d(8, 16, 3), image(1, 8, 12, 12))
)
case("plain/stride 2", "1*16*8 * 3*3 * 6*6")(
    lambda: (nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), image(1, 8, 12, 12))
)
# (12 + 2 - 3)//2 + 1 = 6 rows, (14 + 4 - 5)//4 + 1 = 4 columns
case("plain/rectangular", "1*16*8 * 3*5 * 6*4")(
    lambda: (
        nn.Conv2d(8, 16, (3, 5), stride=(2, 4), padding=(1, 2), bias=False),
        image(1, 8, 12, 14),
    )
)
case("plain/padding same", "1*16*8 * 3*3 * 12*12")(
    lambda: (nn.Conv2d(8, 16, 3, padding="same", bias=False), image(1, 8, 12, 12))
)
case("plain/padding same, even kernel", "1*16*8 * 4*4 * 12*12")(
    lambda: (nn.Conv2d(8, 16, 4, padding="same", bias=False), image(1, 8, 12, 12))
)
case("plain/reflect padding", "1*16*8 * 3*3 * 12*12")(
    lambda: (
        nn.Conv2d(8, 16, 3, padding=1, padding_mode="reflect", bias=False),
        image(1, 8, 12, 12),
    )
)
case("plain/circular padding", "1*16*8 * 3*3 * 12*12")(
    lambda: (
        nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular", bias=False),
        image(1, 8, 12, 12),
    )
)
case("plain/replicate padding, same", "1*16*8 * 3*3 * 12*12")(
    lambda: (
        nn.Conv2d(8, 16, 3, padding="same", padding_mode="replicate", bias=False),
        image(1, 8, 12, 12),
    )
)
case("plain/1x1", "1*16*8 * 12*12")(lambda: (nn.Conv2d(8, 16, 1, bias=False), image(1, 8, 12, 12)))
case("plain/grouped", "1*16*2 * 3*3 * 10*10")(
    lambda: (nn.Conv2d(8, 16, 3, groups=4, bias=False), image(1, 8, 12, 12))
)
case("plain/depthwise", "1*8*1 * 3*3 * 10*10")(
    lambda: (nn.Conv2d(8, 8, 3, groups=8, bias=False), image(1, 8, 12, 12))
)
case("plain/depthwise, multiplier 2", "1*16*1 * 3*3 * 10*10")(
    lambda: (nn.Conv2d(8, 16, 3, groups=8, bias=False), image(1, 8, 12, 12))
)
case("plain/grouped 1x1", "1*16*2 * 12*12")(
    lambda: (nn.Conv2d(8, 16, 1, groups=4, bias=False), image(1, 8, 12, 12))
)
case("plain/dilated 2", "1*16*8 * 3*3 * 8*8")(
    lambda: (nn.Conv2d(8, 16, 3, dilation=2, bias=False), image(1, 8, 12, 12))
)
case("plain/dilated 4", "1*16*8 * 3*3 * 4*4")(
    lambda: (nn.Conv2d(8, 16, 3, dilation=4, bias=False), image(1, 8, 12, 12))
)
case("plain/batch 2", "2*16*8 * 3*3 * 10*10")(
    lambda: (nn.Conv2d(8, 16, 3, bias=False), image(2, 8, 12, 12))
)
case("plain/batch 2 with bias", "2*16*8 * 3*3 * 10*10")(
    lambda: (nn.Conv2d(8, 16, 3), image(2, 8, 12, 12))
)
case("plain/unbatched", "16*8 * 3*3 * 10*10", note="the input is channels · height · width")(
    lambda: (nn.Conv2d(8, 16, 3, bias=False), image(8, 12, 12))
)
