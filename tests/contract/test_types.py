"""The contract over every registered convolution type, on random slots."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convbench.convs.base import TYPES, Caveat, make
from convbench.core.errors import SpecError
from convbench.testing import check_conv_in, draw_slot

KNOBS = {
    # knobs worth varying; a type that is not here is tested with its defaults
    "grouped": {"groups": (1, 2, 3)},
    "pointwise_grouped": {"groups": (1, 2, 4)},
    "depthwise": {"multiplier": (1, 2, 3)},
    "spatially_separable": {"middle": (None, 1, 5)},
    "dilated": {"rate": (1, 2, 3)},
    "transposed": {"groups": (1, 2)},
    "resize_conv": {"mode": ("nearest", "linear")},
    "shuffled_grouped": {"groups": (1, 2)},
    "shufflenet_unit": {"groups": (1, 2), "first_groups": (None, 1)},
    "bottleneck": {"reduction": (1, 2, 4)},
    "inverted_residual": {"expansion": (1, 2)},
    "ghost": {"ratio": (2, 3), "cheap_kernel": (1, 3)},
    "partial": {"fraction": ("1/4", "1/2", "1")},
    "dynamic": {"experts": (1, 3), "reduction": (1, 4)},
}


@pytest.mark.parametrize("name", list(TYPES))
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_type_keeps_its_contract(name, data):
    knobs = {key: data.draw(st.sampled_from(values)) for key, values in KNOBS.get(name, {}).items()}
    kind = make(name, {**knobs, "block": data.draw(st.booleans())})
    spec = draw_slot(kind, lambda low, high: data.draw(st.integers(low, high)))
    assume(spec is not None)
    check_conv_in(kind, spec)


@pytest.mark.parametrize("name", list(TYPES))
def test_a_type_says_what_it_is(name):
    cls = TYPES[name]
    assert cls.name == name
    assert "pays" in cls.idea(), "the docstring says when the type pays"
    assert cls.paper, "the type names its source"
    assert "\n\n" in cls.idea(), "the first paragraph says what it is, the others why"


GROUPS = "mixes channels only within groups"
CAVEATS = [
    # (type, knobs, what it gives up, whether it sees or mixes less of its input)
    ("standard", {}, "", False),
    ("depthwise", {}, "mixes no channels", True),
    ("pointwise", {}, "sees no neighbours", True),
    ("pointwise_grouped", {}, f"sees no neighbours, {GROUPS}", True),
    ("pointwise_grouped", {"groups": 1}, "sees no neighbours", True),
    ("grouped", {}, GROUPS, True),
    ("grouped", {"groups": 1}, "", False),
    ("transposed", {}, "", False),
    ("transposed", {"groups": 2}, GROUPS, True),
    ("partial", {}, "passes part of the channels through untouched", True),
    ("partial", {"fraction": "1"}, "", False),
    ("bottleneck", {}, "fewer channels inside", False),
    ("bottleneck", {"reduction": 1}, "", False),
    ("shufflenet_unit", {}, "fewer channels inside", False),
    ("shufflenet_unit", {"reduction": 1}, "", False),
]


@pytest.mark.parametrize(("name", "knobs", "text", "less"), CAVEATS)
def test_a_type_says_what_it_gives_up_with_its_knobs(name, knobs, text, less):
    assert make(name, knobs).caveat == Caveat(text, less)


@pytest.mark.parametrize("name", list(TYPES))
def test_a_type_refuses_a_slot_with_a_reason(name):
    from convbench import ConvSpec

    kind = make(name)
    upsampling = ConvSpec(
        in_channels=2, out_channels=2, input_size=(6,), kernel_size=3, scale=2, padding="same"
    )
    ordinary = ConvSpec(
        in_channels=2, out_channels=2, input_size=(6,), kernel_size=3, padding="same"
    )
    wrong = ordinary if kind.upsamples else upsampling
    assert kind.fits(wrong)
    with pytest.raises(SpecError, match="cannot fill the slot"):
        kind.cost(wrong)


def test_what_is_no_slot_is_refused_by_name():
    with pytest.raises(SpecError, match="ghost is given a tuple for its slot: give a ConvSpec"):
        make("ghost").cost((3, 8))


def test_types_that_fit_no_slot_in_common_have_no_ratio():
    from convbench import formula

    with pytest.raises(SpecError, match="ghost and transposed fit no slot in common"):
        formula("ghost", ratio_to="transposed")


@pytest.mark.parametrize("name", list(TYPES))
def test_an_unknown_knob_is_an_error_that_names_the_known(name):
    with pytest.raises(SpecError, match=r"no knob 'speed'.*block"):
        make(name, {"speed": 3})
