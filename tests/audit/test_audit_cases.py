"""The cases: their counts by a second way, and that every one of them runs."""

import re
import warnings

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from convbench.audit.case import CASES, Case, CaseError, case, evaluate
from convbench.core.errors import DuplicateNameError

aten = torch.ops.aten
IDS = tuple(CASES)
PLAIN = ("plain/", "dims/", "composed/", "transposed/", "functional/", "dynamic/", "untouched/")
KINDS = {
    "plain": 18,
    "composed": 9,
    "transposed": 7,
    "dims": 3,
    "dynamic": 3,
    "functional": 5,
    "rewritten": 9,
    "attention": 8,
    "plumbing": 19,
    "contexts": 9,
    "backward": 10,
    "untouched": 3,
    "products": 12,
    "operators": 6,
    "reached": 7,
}


class Loops(TorchDispatchMode):
    """Counts products of convolutions and matrix products one at a time, by the shapes that run."""

    def __init__(self):
        super().__init__()
        self.products = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is aten.convolution.default:
            x, weight, transposed = args[0], args[1], args[6]
            ends = x if transposed else result
            self.loop(*ends.shape, *weight.shape[1:])
        elif func in {aten.mm.default, aten.bmm.default, aten.addmm.default, aten.baddbmm.default}:
            left, right = args[-2:]
            self.loop(*left.shape, right.shape[-1])
        return result

    def loop(self, first, *rest):
        """Go through every position of a grid, one loop an axis."""
        for _ in range(first):
            if rest:
                self.loop(*rest)
            else:
                self.products += 1


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch's own
@pytest.mark.parametrize("name", [name for name in IDS if name.startswith(PLAIN)])
def test_known_count_equals_counting_one_product_at_a_time(name):
    module, inputs = CASES[name].build()
    loops = Loops()
    with torch.no_grad(), loops:
        module(*inputs)
    assert loops.products == CASES[name].known


BY_HAND = [
    # (case, the count worked out on paper)
    ("plain/3x3", 115_200),
    ("plain/depthwise", 7_200),
    ("plain/padding same, even kernel", 294_912),
    ("transposed/stride 2, output padding", 10_800),
    ("dynamic/dynamic convolution", 32 + 16 + 3_456 + 86_400),
    ("dynamic/CondConv", 48 + 2_592 + 86_400),
    ("rewritten/1x1 as einsum", 4_800),
    ("rewritten/unfold and matmul", 43_200),
    ("rewritten/FFT", 16_128),
    ("rewritten/involution", 3_200 + 7_200 + 7_200),
    ("rewritten/shift and multiply", 7_200),
    ("rewritten/deformable", 129_600 + 43_200),
    ("attention/scaled_dot_product_attention", 1_512 + 1_890),
    ("attention/MultiheadAttention", 2_688 + 1_568 + 896),
    ("attention/Bilinear", 360 + 120),
    ("attention/LSTM", 720 + 1_200),
    ("attention/GRU", 540 + 900),
    ("contexts/complex weights", 172_800),
    ("contexts/quantised convolution", 43_200),
    ("plumbing/called four times", 230_400),
    ("plumbing/spectral_norm, training", 43_200),
    ("products/own swish, then pool", 55_296),
    ("products/own hard swish, gated, then pool", 12_800 + 64 + 64 + 80),
    ("products/integer index arithmetic", 896),
    ("products/weighted rows, index_add_", 120),
    ("products/gated branches, stacked", 43_200 + 72),
    ("products/every pair of tokens, backward", 512 + 384 + 384),
    ("operators/_grouped_mm", 24_576),
    ("operators/quantised transposed convolution", 5_400),
    ("reached/lambda", 86_400),
    ("reached/attention on parameters alone", 2_400 + 384),
    ("backward/first layer", 230_400),
    ("backward/depthwise", 13_824 + 43_200),
    ("backward/frozen trunk", 115_200 + 320),
]


@pytest.mark.parametrize(("name", "count"), BY_HAND)
def test_known_count_equals_paper(name, count):
    assert CASES[name].known == count


@pytest.mark.parametrize("name", IDS)
def test_a_case_runs_and_is_the_same_every_time(name):
    chosen = CASES[name]
    if chosen.missing:
        pytest.skip(f"needs {', '.join(chosen.missing)}")
    before = torch.get_rng_state()
    try:
        built = [chosen.build() for _ in range(2)]
    except CaseError as error:
        pytest.skip(str(error))
    assert torch.equal(before, torch.get_rng_state())
    (module, inputs), (_, others) = built
    assert all(torch.equal(*pair) for pair in zip(inputs, others, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has its own about even kernels and scripts
        module(*inputs)


def test_every_family_has_the_cases_that_tell_counters_apart():
    families = [CASES[name].family for name in IDS]
    assert set(families) == set(KINDS)
    assert all(families.count(family) >= least for family, least in KINDS.items())


@pytest.mark.parametrize("name", IDS)
def test_a_count_is_written_out_and_positive(name):
    chosen = CASES[name]
    assert re.fullmatch(r"[0-9+*() -]+", chosen.count)
    assert chosen.known > 0
    assert evaluate(chosen.count) == chosen.known


@pytest.mark.parametrize("word", ["quantised", "FFT", "deformable", "complex", "involution"])
def test_what_may_be_doubted_has_a_note(word):
    found = [CASES[name] for name in IDS if word in name]
    assert found
    assert all(chosen.note for chosen in found)


def test_a_duplicate_id_is_an_error():
    with pytest.raises(DuplicateNameError, match="plain/3x3"):
        case("plain/3x3", "1")(lambda: None)


@pytest.mark.parametrize("count", ["2 ** 3", "len('a')", "1.5 * 2", "1 +", "x * 3"])
def test_a_count_is_whole_number_arithmetic_only(count):
    with pytest.raises(CaseError, match="whole-number arithmetic"):
        evaluate(count)


def test_a_case_whose_package_is_missing_says_so():
    absent = Case(id="x/y", count="1", builder=lambda: None, needs=("no_such_package",))
    assert absent.missing == ("no_such_package",)
    with pytest.raises(CaseError, match="no_such_package"):
        absent.build()
