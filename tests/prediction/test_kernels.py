"""How libraries cut convolutions: the rules against what oneDNN and MKL were seen to do."""

import pytest
import torch
from torch import nn

from convbench.prediction.kernels import direct, remainders
from convbench.prediction.operators import operators
from convbench.prediction.terms import family, terms


def operator(*size, **options):
    with torch.device("meta"):
        layer, inputs = nn.Conv2d(size[1], **options), torch.empty(size)
    (found,) = operators(layer, inputs)
    return found


# Worked out by hand from oneDNN 3.7's rules for float32 on AVX-512 (init_conf of
# jit_avx512_common_conv_kernel.cpp): registers for 31 vectors, at most 5 blocks that divide all.
@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((1, 64, 28, 28), {"out_channels": 64, "kernel_size": 3, "padding": 1}, (1, 28, True)),
        ((1, 64, 56, 56), {"out_channels": 112, "kernel_size": 3, "padding": 1}, (1, 15, False)),
        ((1, 64, 56, 56), {"out_channels": 128, "kernel_size": 3, "padding": 1}, (4, 6, False)),
        ((4, 64, 56, 56), {"out_channels": 80, "kernel_size": 3, "padding": 1}, (5, 5, False)),
        ((4, 64, 56, 56), {"out_channels": 80, "kernel_size": 5, "padding": 2}, (1, 28, True)),
        ((1, 64, 56, 56), {"out_channels": 48, "kernel_size": 3, "padding": 1}, (1, 28, True)),
        ((4, 112, 71, 71), {"out_channels": 112, "kernel_size": 3, "stride": 2, "padding": 1},
         (1, 15, False)),
        ((32, 64, 28, 28), {"out_channels": 64, "kernel_size": 3, "stride": 2, "padding": 1},
         (4, 6, False)),
        ((8, 64, 28, 28), {"out_channels": 64, "kernel_size": 3, "stride": 2, "padding": 1},
         (1, 14, True)),
    ],
)  # fmt: skip
def test_how_a_direct_kernel_holds_its_outputs(size, options, expected):
    found = operator(*size, **options)
    assert direct(found, size[1], options["out_channels"]) == expected


@pytest.mark.parametrize(
    ("side", "rest", "short"),
    [(16, 0, 0), (32, 0, 0), (25, 2, 0), (31, 4, 0), (9, 2, 1), (8, 1, 1), (36, 1, 0)],
)
def test_what_is_left_of_a_side_of_a_matrix_product(side, rest, short):
    found = remainders(positions=side)
    assert found["rest of positions"] == pytest.approx(rest / side)
    assert found["less than a block of positions"] == pytest.approx(short / side)
    assert not remainders(positions=1), "a product with a vector has no such pieces"


def test_a_kernel_of_one_block_and_of_four_have_terms_of_their_own():
    def of(outputs):
        found = operator(1, 64, 56, 56, out_channels=outputs, kernel_size=3, padding=1)
        return terms(found, family(found, 1))

    assert "vectors, 1 blocks" in of(112)
    assert "vectors, 4 blocks" in of(128)
    assert of(112)["weight loads"] / of(112)["vectors"] > 1 / 28


def test_products_of_a_transposed_convolution_are_over_its_inputs():
    with torch.device("meta"):
        layer, inputs = nn.ConvTranspose2d(24, 5, 3), torch.empty(1, 24, 6, 6)
    (found,) = operators(layer, inputs)
    name = family(found, 1)
    assert name == "native transposed, channels first"
    amounts = terms(found, name)
    macs = 24 * 5 * 9 * 36
    assert amounts["multiplications"] == macs
    assert amounts["shallow"] == pytest.approx(macs / 24)
    assert amounts["columns"] == 4 * 36 * 9 * 5
    assert amounts["rest of outputs"] == pytest.approx(macs / 45 * 3)  # 45 = 2 · 16 + 8 + 4 + 1


def test_weights_are_odd_where_four_do_not_divide_their_channels():
    def of(channels):
        found = operator(2, channels, 14, 14, out_channels=64, kernel_size=3, padding=1)
        return terms(found, family(found, 1))

    assert "odd weights" not in of(56)
    assert "odd weights" in of(54)
