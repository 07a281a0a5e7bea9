"""Plans over arrays and symbols say what plans over integers say."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from convbench import ConvSpec, cost
from convbench.convs.base import TYPES, make
from convbench.core.errors import SpecError
from convbench.core.spec import Axis
from convbench.testing import COUNTS, draw_slot


@pytest.mark.parametrize("name", list(TYPES))
def test_many_shapes_at_once_equal_one_by_one(name):
    """Slots of one form, stacked into arrays: every count of every slot is the integer plan's."""
    import random

    kind = make(name)
    generator = random.Random(3)
    forms = {}
    for _ in range(400):
        spec = draw_slot(kind, generator.randint)
        if spec is not None:
            key = (spec.dims, spec.padding == "same", spec.bias)
            forms.setdefault(key, []).append(spec)
    assert len(forms) > 3
    for (dims, same, bias), specs in forms.items():

        def stack(field, specs=specs):
            return np.array([getattr(spec, field) for spec in specs])

        def per_axis(field, specs=specs, dims=dims):
            return tuple(
                np.array([getattr(spec, field)[axis] for spec in specs]) for axis in range(dims)
            )

        swept = kind.cost(
            ConvSpec(
                in_channels=stack("in_channels"),
                out_channels=stack("out_channels"),
                input_size=per_axis("input_size"),
                kernel_size=per_axis("kernel_size"),
                stride=per_axis("stride"),
                padding="same" if same else per_axis("padding"),
                dilation=per_axis("dilation"),
                batch=stack("batch"),
                bias=bias,
                scale=stack("scale") if kind.upsamples else None,
            )
        )
        for count in COUNTS:
            got = np.broadcast_to(getattr(swept, count), (len(specs),))
            want = [getattr(kind.cost(spec), count) for spec in specs]
            assert got.tolist() == want, (name, count)


def test_a_sweep_broadcasts():
    spec = ConvSpec(
        in_channels=np.array([[8], [16]]),
        out_channels=np.array([[3, 5, 7]]),
        input_size=(10, 10),
        kernel_size=3,
    )
    found = cost("depthwise_separable", spec).multiplications
    assert found.shape == (2, 3)
    assert found[1, 2] == 64 * 16 * (9 + 7)


def test_integers_have_no_limit_and_arrays_do_not_wrap_around():
    huge = ConvSpec(in_channels=10**9, out_channels=10**9, input_size=(10**4,), kernel_size=3)
    assert cost("standard", huge).multiplications == 10**18 * 3 * (10**4 - 2)
    with pytest.raises(SpecError, match=r"2\*\*63"):
        cost("standard", huge.with_(in_channels=np.array([10**9])))


def test_counts_and_knobs_of_arrays_are_checked():
    wide = ConvSpec(
        in_channels=np.array([2**31]),
        out_channels=np.array([2**31]),
        input_size=(1,),
        kernel_size=1,
    )
    with pytest.raises(SpecError, match=r"2\*\*63"):
        cost("shuffled_grouped", wide, groups=1)
    spec = ConvSpec(in_channels=4, out_channels=4, input_size=(7, 7), kernel_size=3)
    with pytest.raises(SpecError, match="groups holds 0"):
        cost("grouped", spec, groups=np.array([0, 2]))
    with pytest.raises(SpecError, match="one array"):
        ConvSpec(in_channels=3, out_channels=1, input_size=np.array([7, 7]), kernel_size=3)


@pytest.mark.parametrize(
    ("name", "fields", "sees"),
    [
        # receptive fields found by perturbing every input element of the module
        ("shufflenet_unit", {"kernel_size": 3, "stride": 3, "input_size": (6,)}, 4),
        ("shufflenet_unit", {"kernel_size": 4, "stride": 5, "input_size": (13,)}, 5),
        ("transposed", {"kernel_size": 2, "dilation": 3, "scale": 2, "input_size": (9,)}, 1),
        ("transposed", {"kernel_size": 3, "scale": 2, "input_size": (9,)}, 2),
        ("resize_conv", {"kernel_size": 3, "scale": 2, "input_size": (9,)}, 2),
        ("dilated", {"kernel_size": 3, "input_size": (9,)}, 5),
    ],
)
def test_receptive_fields_are_what_perturbation_finds(name, fields, sees):
    import torch

    spec = ConvSpec(in_channels=4, out_channels=16, **{"padding": "same", **fields})
    kind = make(name)
    assert kind.cost(spec).receptive_field == (sees,)
    module = kind.build(spec).double()
    for weight in module.parameters():
        torch.nn.init.uniform_(weight, 0.1, 1.0)
    inputs = torch.rand(spec.input_shape, dtype=torch.double, requires_grad=True)
    outputs = module(inputs)
    found = 0
    for place in range(outputs.shape[-1]):
        (gradient,) = torch.autograd.grad(outputs[..., place].sum(), inputs, retain_graph=True)
        seen = gradient.abs().sum((0, 1)).nonzero().flatten()
        found = max(found, int(seen.max() - seen.min()) + 1) if len(seen) else found
    assert found == sees


@given(
    **dict.fromkeys(("input", "output", "kernel", "stride", "dilation"), st.integers(1, 12)),
    pad_low=st.integers(-12, 12),  # below 0 it is cropped
    pad_high=st.integers(-12, 12),
)
def test_valid_taps_are_those_that_counting_finds(**sizes):
    axis = Axis(**sizes)
    if not axis.pad_low and not axis.pad_high:
        axis = replace(axis, pad_low=1)
    assert axis.valid_taps == sum(
        0 <= output * axis.stride + tap * axis.dilation - axis.pad_low < axis.input
        for output in range(axis.output)
        for tap in range(axis.kernel)
    )


def test_a_kernel_of_any_size_has_its_valid_taps_at_once():
    """Every output of a kernel that covers the input twice reads all of it."""
    size = 2**50
    assert Axis.same(size, kernel=2 * size + 1).valid_taps == size**2


def test_valid_taps_in_symbols_are_an_exact_sum():
    kernel, size, pad = sympy.symbols("K I p", integer=True, positive=True)
    spec = ConvSpec(
        in_channels=2, out_channels=3, input_size=(size,), kernel_size=kernel, padding=pad
    )
    formula = cost("standard", spec).multiplications_valid
    numbers = ConvSpec(in_channels=2, out_channels=3, input_size=(9,), kernel_size=5, padding=2)
    value = formula.subs({kernel: 5, size: 9, pad: 2}).doit()
    assert value == cost("standard", numbers).multiplications_valid


def test_a_cost_adds_up():
    spec = ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3)
    parts = [cost("depthwise", spec.with_(out_channels=3)), cost("standard", spec)]
    both = sum(parts)
    assert both.multiplications == 675 + 86_400
    assert both.macs == both.multiplications
    assert both.flops == 2 * both.macs
    assert both.peak_live == max(part.peak_live for part in parts)
    assert both.receptive_field == (), "a sum does not know the order"
    assert type(both).from_json(both.to_json()) == both
