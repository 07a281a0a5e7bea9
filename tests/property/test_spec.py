"""Slots: what they derive, and what they refuse."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from convbench import ConvSpec
from convbench.core.errors import SpecError

GOOD = {"in_channels": 3, "out_channels": 8, "input_size": (7, 7), "kernel_size": 3}

WRONG = [
    # what is changed, what the message must say
    ({"stride": 0}, "stride=0 is too small"),
    ({"stride": (1, 2, 3)}, "3 values for 2 spatial axes"),
    ({"kernel_size": 9}, "reaches over 9 elements"),
    ({"dilation": 4}, "reaches over 9 elements"),
    ({"kernel_size": 2.0}, "is not a whole number"),
    ({"padding": "valid"}, "0 is what others call 'valid'"),
    ({"padding": -1}, "padding=-1 is too small"),
    ({"batch": True}, "is not a whole number"),
    ({"input_size": "8x8"}, "is text: give a number, or a tuple"),
    ({"in_channels": 0}, "in_channels=0 is too small"),
    ({"input_size": ()}, "has 0 axes"),
    ({"input_size": (2, 2, 2, 2)}, "has 4 axes"),
    ({"bias": "no"}, "neither True nor False"),
    ({"scale": 2, "stride": 2}, "give scale alone"),
    ({"scale": 2, "padding": 40}, "pad less"),
]


@pytest.mark.parametrize(("changes", "says"), WRONG)
def test_a_slot_that_cannot_be(changes, says):
    with pytest.raises(SpecError, match=says.replace("(", r"\(")):
        ConvSpec(**{**GOOD, **changes})


def test_scalars_broadcast():
    spec = ConvSpec(**GOOD, stride=2, padding=1)
    assert (spec.kernel_size, spec.stride, spec.padding) == ((3, 3), (2, 2), (1, 1))
    assert spec.output_shape == (1, 8, 4, 4)


def test_json_round_trip():
    spec = ConvSpec(**GOOD, padding="same", bias=True)
    assert ConvSpec.from_json(spec.to_json()) == spec
    with pytest.raises(SpecError, match="no field colour"):
        ConvSpec.from_json({**spec.to_json(), "colour": 1})
    with pytest.raises(SpecError, match="needs kernel_size"):
        ConvSpec.from_json({k: v for k, v in GOOD.items() if k != "kernel_size"})


def test_labels_differ_where_slots_do():
    changes = [
        {}, {"stride": 2}, {"padding": 1}, {"padding": "same"}, {"dilation": 2}, {"batch": 2},
        {"bias": True}, {"scale": 2}, {"kernel_size": (3, 1)}, {"input_size": (7, 8)},
    ]  # fmt: skip
    labels = {ConvSpec(**{**GOOD, **change}).label for change in changes}
    assert len(labels) == len(changes)
    assert len({ConvSpec(**{**GOOD, **change}).title for change in changes}) == len(changes)


sizes = st.integers(1, 12)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    size=sizes,
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
)
def test_output_size_is_torchs(size, kernel, stride, padding, dilation):
    inputs, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    fields = {
        "in_channels": 1,
        "out_channels": 1,
        "input_size": size,
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
    }
    try:
        out = functional.conv1d(inputs, weight, None, stride, padding, dilation)
    except RuntimeError:
        with pytest.raises(SpecError):
            ConvSpec(**fields)
    else:
        assert ConvSpec(**fields).output_size == (out.shape[-1],)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    size=sizes,
    kernel=st.integers(1, 5),
    scale=st.integers(1, 4),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
)
def test_upsampled_size_is_that_of_torchs_transposed_convolution(
    size, kernel, scale, padding, dilation
):
    inputs, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    fields = {
        "in_channels": 1,
        "out_channels": 1,
        "input_size": size,
        "kernel_size": kernel,
        "scale": scale,
        "padding": padding,
        "dilation": dilation,
    }
    try:
        out = functional.conv_transpose1d(inputs, weight, None, scale, padding, 0, 1, dilation)
    except RuntimeError:
        with pytest.raises(SpecError):
            ConvSpec(**fields)
    else:
        assert ConvSpec(**fields).output_size == (out.shape[-1],)
