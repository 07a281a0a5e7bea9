"""Convolutions by themselves: batch · outputs · inputs in a group · taps · output positions."""

from __future__ import annotations

from torch import nn

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import image


@case("plain/3x3", "1*16*8 * 3*3 * 10*10")
def _standard() -> Program:
    return nn.Conv2d(8, 16, 3, bias=False), image(1, 8, 12, 12)


@case("plain/3x3 padded", "1*16*8 * 3*3 * 12*12", note="taps that lie on padding are counted")
def _padded() -> Program:
    return nn.Conv2d(8, 16, 3, padding=1, bias=False), image(1, 8, 12, 12)


@case("plain/with bias", "1*16*8 * 3*3 * 10*10", note="a bias is added and multiplies nothing")
def _bias() -> Program:
    return nn.Conv2d(8, 16, 3), image(1, 8, 12, 12)


@case("plain/stride 2", "1*16*8 * 3*3 * 6*6")
def _stride() -> Program:
    return nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), image(1, 8, 12, 12)


@case("plain/rectangular", "1*16*8 * 3*5 * 6*4")
def _rectangular() -> Program:
    # (12 + 2 - 3)//2 + 1 = 6 rows, (14 + 4 - 5)//4 + 1 = 4 columns
    layer = nn.Conv2d(8, 16, (3, 5), stride=(2, 4), padding=(1, 2), bias=False)
    return layer, image(1, 8, 12, 14)


@case("plain/padding same", "1*16*8 * 3*3 * 12*12")
def _same() -> Program:
    return nn.Conv2d(8, 16, 3, padding="same", bias=False), image(1, 8, 12, 12)


@case("plain/padding same, even kernel", "1*16*8 * 4*4 * 12*12")
def _same_even() -> Program:
    return nn.Conv2d(8, 16, 4, padding="same", bias=False), image(1, 8, 12, 12)


@case("plain/reflect padding", "1*16*8 * 3*3 * 12*12")
def _reflect() -> Program:
    layer = nn.Conv2d(8, 16, 3, padding=1, padding_mode="reflect", bias=False)
    return layer, image(1, 8, 12, 12)


@case("plain/circular padding", "1*16*8 * 3*3 * 12*12")
def _circular() -> Program:
    layer = nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular", bias=False)
    return layer, image(1, 8, 12, 12)


@case("plain/replicate padding, same", "1*16*8 * 3*3 * 12*12")
def _replicate() -> Program:
    layer = nn.Conv2d(8, 16, 3, padding="same", padding_mode="replicate", bias=False)
    return layer, image(1, 8, 12, 12)


@case("plain/1x1", "1*16*8 * 12*12")
def _pointwise() -> Program:
    return nn.Conv2d(8, 16, 1, bias=False), image(1, 8, 12, 12)


@case("plain/grouped", "1*16*2 * 3*3 * 10*10")
def _grouped() -> Program:
    return nn.Conv2d(8, 16, 3, groups=4, bias=False), image(1, 8, 12, 12)


@case("plain/depthwise", "1*8*1 * 3*3 * 10*10")
def _depthwise() -> Program:
    return nn.Conv2d(8, 8, 3, groups=8, bias=False), image(1, 8, 12, 12)


@case("plain/depthwise, multiplier 2", "1*16*1 * 3*3 * 10*10")
def _multiplier() -> Program:
    return nn.Conv2d(8, 16, 3, groups=8, bias=False), image(1, 8, 12, 12)


@case("plain/grouped 1x1", "1*16*2 * 12*12")
def _grouped_pointwise() -> Program:
    return nn.Conv2d(8, 16, 1, groups=4, bias=False), image(1, 8, 12, 12)


@case("plain/dilated 2", "1*16*8 * 3*3 * 8*8")
def _dilated() -> Program:
    return nn.Conv2d(8, 16, 3, dilation=2, bias=False), image(1, 8, 12, 12)


@case("plain/dilated 4", "1*16*8 * 3*3 * 4*4")
def _dilated_far() -> Program:
    return nn.Conv2d(8, 16, 3, dilation=4, bias=False), image(1, 8, 12, 12)


@case("plain/batch 2", "2*16*8 * 3*3 * 10*10")
def _batch() -> Program:
    return nn.Conv2d(8, 16, 3, bias=False), image(2, 8, 12, 12)


@case("plain/batch 2 with bias", "2*16*8 * 3*3 * 10*10")
def _batch_bias() -> Program:
    return nn.Conv2d(8, 16, 3), image(2, 8, 12, 12)


@case("plain/unbatched", "16*8 * 3*3 * 10*10", note="the input is channels · height · width")
def _unbatched() -> Program:
    return nn.Conv2d(8, 16, 3, bias=False), image(8, 12, 12)
