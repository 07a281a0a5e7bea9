"""Worked numbers: (what, type, knobs, slot, quantity, exact value, source)."""

import math

import pytest

from convbench import ConvSpec, cost, formula

SURVEY = "K. Bai, A comprehensive introduction to different types of convolutions, 2019"
WORKED = ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3)
ONE = ConvSpec(in_channels=1, out_channels=1, input_size=(5, 5), kernel_size=3)
OSNET = ConvSpec(in_channels=64, out_channels=256, input_size=(8, 8), kernel_size=3, padding="same")
TWELVE = ConvSpec(in_channels=12, out_channels=6, input_size=(8, 8), kernel_size=3)
FLAT = ConvSpec(
    in_channels=8, out_channels=16, input_size=(9, 9), kernel_size=(5, 3), padding="same"
)

EXAMPLES = [
    ("128 filters 3×3×3 on 7×7×3", "standard", {}, WORKED, "multiplications", 86_400, SURVEY),
    (
        "3 filters 3×3×1 on 7×7×3",
        "depthwise",
        {},
        WORKED.with_(out_channels=3),
        "multiplications",
        675,
        SURVEY,
    ),
    (
        "128 filters 1×1×3 on 5×5×3",
        "pointwise",
        {},
        WORKED.with_(input_size=(5, 5), kernel_size=1),
        "multiplications",
        9_600,
        SURVEY,
    ),
    ("depthwise + pointwise", "depthwise_separable", {}, WORKED, "multiplications", 10_275, SURVEY),
    ("3×3 on 5×5, one channel", "standard", {}, ONE, "multiplications", 81, SURVEY),
    ("45 + 27", "spatially_separable", {}, ONE, "multiplications", 72, SURVEY),
    ("Lite 3×3, 64→256: (64+9)·256", "lite", {}, OSNET, "parameters", 18_688, "arXiv:1905.00953"),
    (
        "12→6, G=3: a third",
        "grouped",
        {"groups": 3},
        TWELVE,
        "parameters",
        12 * 9 * 6 // 3,
        SURVEY,
    ),
    (
        "N·(C + K_h + K_w)",
        "flattened",
        {},
        FLAT,
        "parameters",
        16 * (8 + 5 + 3),
        "arXiv:1412.5474",
    ),
    (
        "2×2 in, 3×3, stride 1",
        "transposed",
        {},
        ConvSpec(in_channels=1, out_channels=1, input_size=(2, 2), kernel_size=3, scale=1),
        "multiplications",
        36,
        SURVEY,
    ),
]


@pytest.mark.parametrize(
    ("name", "knobs", "spec", "quantity", "value"),
    [example[1:6] for example in EXAMPLES],
    ids=[example[0] for example in EXAMPLES],
)
def test_worked_example(name, knobs, spec, quantity, value):
    assert getattr(cost(name, spec, **knobs), quantity) == value


def test_the_separable_share_is_12_percent():
    share = (
        cost("depthwise_separable", WORKED).multiplications
        / cost("standard", WORKED).multiplications
    )
    assert f"{share:.1%}" == "11.9%"


def test_transposed_two_by_two_gives_four_by_four():
    spec = ConvSpec(in_channels=1, out_channels=1, input_size=(2, 2), kernel_size=3, scale=1)
    assert spec.output_size == (4, 4)


@pytest.mark.parametrize(("rate", "sees"), [(1, 3), (2, 5), (3, 7)])
def test_a_dilated_3x3_sees(rate, sees):
    found = cost("dilated", OSNET, rate=rate)
    assert found.receptive_field == (sees, sees)
    assert found.parameters == cost("standard", OSNET).parameters
    assert found.multiplications == cost("standard", OSNET).multiplications


def test_stacked_at_rates_1_2_4_sees_3_7_15():
    from convbench.convs.base import make
    from convbench.core.costs import total

    spec = ConvSpec(
        in_channels=1, out_channels=1, input_size=(32, 32), kernel_size=3, padding="same"
    )
    steps, seen = [], []
    for rate in (1, 2, 4):
        steps += make("dilated", {"rate": rate}).plan(spec)
        seen.append(total(steps).receptive_field[0])
    assert seen == [3, 7, 15]


def test_the_ratio_of_separable_to_standard_in_symbols():
    import sympy

    kernel, outputs = (sympy.Symbol(name, integer=True, positive=True) for name in "KN")
    assert formula("depthwise_separable", ratio_to="standard") == 1 / outputs + 1 / kernel**2
    assert str(formula("depthwise_separable", ratio_to="standard", dims=3)) == "1/N + K**(-3)"


def test_the_limit_of_spatially_separable_is_two_over_k():
    from convbench.formulas.symbols import limits

    ratio = formula("spatially_separable", ratio_to="standard")
    assert str(dict(limits(ratio))["then N = C"]) == "2/K"


def test_the_limit_of_resize_conv_is_the_scale_squared():
    from convbench.formulas.symbols import limits

    ratio = formula("resize_conv", ratio_to="transposed")
    found = dict(limits(ratio, upsampling=True))
    assert str(found["large image, no padding"]) == "s**2"


def test_grouped_formula_keeps_its_symbol():
    assert str(formula("grouped", ratio_to="standard")) == "1/G"
    assert str(formula("grouped", ratio_to="standard", groups=4)) == "1/4"


def test_subpixel_equals_resize_conv_and_a_transposed_of_scaled_kernel():
    spec = ConvSpec(
        in_channels=4, out_channels=6, input_size=(5, 7), kernel_size=3, scale=2, padding="same"
    )
    low = cost("subpixel", spec).multiplications
    assert low == cost("resize_conv", spec).multiplications
    assert low == cost("transposed", spec.with_(kernel_size=6)).multiplications


def test_a_checkerboard_is_where_the_kernel_is_no_multiple_of_the_scale():
    from convbench.core.facts import overlap_counts

    assert overlap_counts(4, 3, 2) == [1, 1, 2, 1, 2, 1, 2, 1, 1]
    assert set(overlap_counts(6, 4, 2)[4:-4]) == {2}


def test_flipping_the_kernel_turns_correlation_into_convolution():
    from convbench.core.facts import flipped_kernel_difference

    assert flipped_kernel_difference() < 1e-12


def test_the_transposed_matrix_is_the_matrix_transposed():
    """PyTorch's conv_transpose1d is the product with the transpose of the written matrix."""
    import torch
    from torch.nn import functional

    from convbench.core.facts import convolution_matrix

    taps = torch.tensor([2.0, 3.0, 5.0])
    written = convolution_matrix(size=7, kernel=3, stride=2)
    matrix = torch.tensor(
        [[0.0 if cell == "0" else float(taps[int(cell[1:])]) for cell in row] for row in written]
    )
    small = torch.tensor([7.0, 11.0, 13.0])
    large = functional.conv_transpose1d(small[None, None], taps[None, None], stride=2)[0, 0]
    assert torch.equal(matrix.T @ small, large)
    assert math.prod(matrix.shape) == 3 * 7
