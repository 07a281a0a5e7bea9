"""A sweep's rows are what `cost` says of each combination, for every registered type."""

import itertools
import random

import numpy as np
import pytest

from convbench import ConvSpec, cost
from convbench.convs.base import TYPES, make
from convbench.core.errors import SpecError
from convbench.formulas.sweeps import sweep
from convbench.formulas.sweeps.table import COUNTS

KNOBS = {
    "grouped": {"groups": [1, 2, 3]},
    "pointwise_grouped": {"groups": [1, 2, 4]},
    "depthwise": {"multiplier": [1, 2]},
    "spatially_separable": {"middle": [None, 1, 5]},
    "dilated": {"rate": [1, 2, 3]},
    "transposed": {"groups": [1, 2]},
    "resize_conv": {"mode": ["nearest", "linear"]},
    "shuffled_grouped": {"groups": [1, 2]},
    "shufflenet_unit": {"groups": [1, 2], "first_groups": [None, 1], "reduction": [2, 4]},
    "bottleneck": {"reduction": [1, 2, 4]},
    "inverted_residual": {"expansion": [1, 3]},
    "ghost": {"ratio": [2, 3], "cheap_kernel": [1, 3]},
    "partial": {"fraction": ["1/4", 0.5, 1]},
    "dynamic": {"experts": [1, 3], "reduction": [1, 4], "temperature": [1, 30.0]},
}
"""Knobs of every kind: numbers that go in arrays, and values that are taken in turn."""

SIZES = {
    1: [[9], [12, 7]],
    2: [["9x12", "7x7"], [(8, 5), (1, 6), (3, 3)]],
    3: [["4x5x6"], [(3, 3, 3), (2, 4, 5)]],
}


def sizes_of(value, dims):
    """Return what an entry of a grid means to ConvSpec."""
    if isinstance(value, str) and value != "same":
        return tuple(map(int, value.split("x")))
    return (value,) if dims else value


def one_by_one(name, grid):
    """Return the rows that `cost` gives, and how many combinations it refuses."""
    knobs = set(make(name).knobs())
    rows, refused = [], 0
    for values in itertools.product(*grid.values()):
        fields = dict(zip(grid, values, strict=True))
        own = {key: fields.pop(key) for key in list(fields) if key in knobs}
        size = fields["input_size"]
        fields["input_size"] = sizes_of(size, 1) if not isinstance(size, tuple) else size
        for key in ("kernel_size", "stride", "padding", "dilation"):
            if key in fields:
                fields[key] = sizes_of(fields[key], 0)
        if "out_channels" not in fields:
            fields["out_channels"] = make(name, own).forced_outputs(fields["in_channels"])
        try:
            found = cost(name, ConvSpec(**fields), **own)
        except SpecError:
            refused += 1
        else:
            rows.append([getattr(found, count) for count in COUNTS])
    return rows, refused


def grid_for(name, seed):
    """Return a random grid of at most some hundred combinations."""
    draw = random.Random(f"{name}{seed}")
    dims = draw.choice([1, 2, 3])
    kernels = [1, 2, 3, 5] if dims != 2 else [1, 3, "3x1", (2, 5)]
    grid = {
        "in_channels": draw.choice([[4, 8], [1, 12], 6]),
        "input_size": draw.choice(SIZES[dims]),
        "kernel_size": draw.sample(kernels, 2),
        "padding": draw.choice([["same"], [0, 1], ["same", 0, 2], 1]),
        "dilation": draw.choice([1, [1, 2]]),
        "batch": draw.choice([1, [2, 3]]),
        "block": draw.choice([False, [False, True]]),
    }
    kind = make(name)
    if kind.forced_outputs(1) is None or draw.random() < 0.5:
        grid["out_channels"] = draw.choice([[4, 8, 16], [6, 12], [24]])
    if kind.upsamples:
        grid["scale"] = draw.choice([2, [1, 3]])
    else:
        grid["stride"] = draw.choice([1, 2, [1, 2]])
    if draw.random() < 0.5:
        grid["bias"] = [False, True]
    for knob, values in KNOBS.get(name, {}).items():
        grid[knob] = draw.sample(values, draw.randint(1, len(values)))
    order = list(grid)
    draw.shuffle(order)
    return {key: grid[key] for key in order}


@pytest.mark.parametrize("name", list(TYPES))
def test_every_row_is_what_cost_says(name):
    compared = 0
    for seed in range(12):
        grid = grid_for(name, seed)
        frame = sweep(name, **grid)
        listed = {k: v if isinstance(v, list) else [v] for k, v in grid.items()}
        rows, refused = one_by_one(name, listed)
        assert frame[list(COUNTS)].to_numpy().tolist() == rows, grid
        assert frame.attrs["left_out"]["number"] == refused, grid
        assert sum(frame.attrs["left_out"]["reasons"].values()) == refused
        compared += len(rows)
    assert compared > 50, "the grids hold enough combinations that fit"


def test_columns_say_the_grid_in_readable_form():
    frame = sweep(
        "depthwise",
        in_channels=[8, 16],
        input_size=["9x12", (7, 7)],
        kernel_size=[3, (3, 5)],
        padding=["same", 1],
        bias=[True, False],
        multiplier=[1, 2],
    )
    assert list(frame.columns) == [
        *("in_channels", "input_size", "kernel_size", "padding", "bias", "multiplier"),
        "out_channels",
        *COUNTS,
    ]
    assert len(frame) == 64
    first, last = frame.iloc[0], frame.iloc[-1]
    assert first[:7].tolist() == [8, "9x12", "3", "same", True, 1, 8]
    assert last[:7].tolist() == [16, "7x7", "3x5", "1", False, 2, 32]
    spec = ConvSpec(
        in_channels=16, out_channels=32, input_size=(7, 7), kernel_size=(3, 5), padding=1
    )
    assert last["reads"] == cost("depthwise", spec, multiplier=2).reads


def test_arrays_and_ranges_are_lists():
    frame = sweep(
        "standard",
        in_channels=np.arange(1, 4),
        out_channels=range(1, 3),
        input_size=np.array([[5, 6], [7, 8]]),
        kernel_size=np.int64(3),
    )
    assert frame["input_size"].tolist()[:4] == ["5x6", "7x8"] * 2
    assert frame["multiplications"].iloc[-1] == 3 * 2 * 9 * 5 * 6
    assert len(frame) == 12


def test_a_million_specs():
    """Sums over the table equal the closed form, so that no row can be wrong unnoticed."""
    frame = sweep(
        "depthwise_separable",
        in_channels=range(1, 101),
        out_channels=range(1, 101),
        input_size=[(side, side) for side in range(20, 120)],
        kernel_size=3,
        padding="same",
    )
    assert len(frame) == 1_000_000
    channels, positions = sum(range(1, 101)), sum(side * side for side in range(20, 120))
    assert frame["multiplications"].sum() == positions * (9 * channels * 100 + channels**2)
    assert frame.attrs["left_out"] == {"number": 0, "reasons": {}}


def test_ratio_to_another_type():
    frame = sweep(
        "depthwise_separable",
        ratio_to="standard",
        in_channels=[8, 32],
        out_channels=[16, 64],
        input_size="20x20",
        kernel_size=[3, 5],
    )
    expected = 1 / frame["out_channels"] + 1 / frame["kernel_size"] ** 2
    assert frame["ratio"].to_numpy() == pytest.approx(expected.to_numpy())


def test_a_ratio_where_the_other_type_does_not_fit_is_no_number():
    frame = sweep(
        "standard",
        ratio_to="depthwise",
        in_channels=[4, 8],
        out_channels=[4, 8],
        input_size=[20],
        kernel_size=3,
    )
    assert frame["ratio"].isna().tolist() == [False, True, True, False]
    assert frame["ratio"].iloc[3] == 8


def test_reasons_are_counted_in_turn():
    """Of 2·3·2 combinations 6 have no output, and of the others 4 have other channels."""
    frame = sweep(
        "depthwise",
        in_channels=[4, 8],
        out_channels=[4, 8, 16],
        input_size=[3, 9],
        kernel_size=5,
    )
    reasons = frame.attrs["left_out"]["reasons"]
    assert list(reasons.values()) == [6, 4]
    assert len(frame) == 2
    first, second = reasons
    assert "reaches over 5 elements" in first
    assert "gives 1 × 4 channels and the slot wants 8" in second


def test_nothing_fits():
    frame = sweep("standard", in_channels=1, out_channels=1, input_size=3, kernel_size=[4, 5])
    assert len(frame) == 0
    assert "multiplications" in frame
    assert frame.attrs["left_out"]["number"] == 2
