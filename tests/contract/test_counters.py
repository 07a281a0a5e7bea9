"""The contract over every registered counter: right on what it knows, and honest on the rest."""

import pickle
import re
import warnings

import pytest
import torch
from torch import nn

from convbench import count
from convbench.core.errors import ConvbenchError
from convbench.counting.agreement import judge
from convbench.counting.base import COUNTERS, CountError, count_with
from convbench.counting.tally import Tally, Unavailable

PLAIN = {
    # what, (module, input shape, multiply-accumulates)
    "3x3": (nn.Conv2d(3, 8, 3), (1, 3, 8, 8), 8 * 3 * 9 * 36),
    "with bias, batch 2": (nn.Conv2d(3, 8, 3, bias=True), (2, 3, 8, 8), 2 * 8 * 3 * 9 * 36),
    "grouped": (nn.Conv2d(4, 8, 3, groups=2), (1, 4, 8, 8), 8 * 2 * 9 * 36),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4), (1, 4, 8, 8), 4 * 9 * 36),
    "stride 2": (nn.Conv2d(3, 8, 3, stride=2, padding=1), (1, 3, 8, 8), 8 * 3 * 9 * 16),
    "1d": (nn.Conv1d(3, 8, 3), (1, 3, 10), 8 * 3 * 3 * 8),
    "3d": (nn.Conv3d(3, 8, 3), (1, 3, 4, 4, 4), 8 * 3 * 27 * 8),
    "transposed": (nn.ConvTranspose2d(3, 8, 3, stride=2), (1, 3, 4, 4), 3 * 8 * 9 * 16),
    "linear": (nn.Linear(10, 7), (5, 10), 350),
    "batch norm counts nothing": (
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.ReLU()),
        (1, 3, 4, 4),
        8 * 3 * 16,
    ),
}


OVER_OUTPUTS = {"transposed": 3 * 8 * 9 * 81}
"""For counters that declare to count a transposed convolution on output positions."""

UNKNOWN_IN_SILENCE = {
    ("torch.profiler", "1d"): 0,
    ("torch.profiler", "3d"): 0,
    ("torch.profiler", "transposed"): 0,
}
"""What a counter has wrong and does not say: the audit is there to show it."""


@pytest.fixture(params=list(COUNTERS))
def counter(request):
    """Return the name of a counter, of each in turn; one whose package is absent is skipped."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a tool imports may be deprecated
            COUNTERS[request.param].load()
    except ImportError as error:
        pytest.skip(f"{request.param}: {COUNTERS[request.param].installed} ({error})")
    return request.param


@pytest.mark.parametrize("case", PLAIN)
def test_plain_layers(counter, case):
    module, shape, macs = PLAIN[case]
    if COUNTERS[counter].convention.transposed != "input positions":
        macs = OVER_OUTPUTS.get(case, macs)
    tally = count(module, torch.zeros(shape), counter=counter)
    assert tally.macs == UNKNOWN_IN_SILENCE.get((counter, case), macs)
    assert tally.complete
    assert not tally.by_operator or sum(tally.by_operator.values()) == tally.macs
    assert tally.by_module[""] == tally.macs


def test_the_convention_is_declared(counter):
    tally = count(nn.Conv1d(1, 1, 1), torch.zeros(1, 1, 1), counter=counter)
    assert "multiply-accumulate" in tally.convention.unit
    assert any(ch.isdigit() for ch in tally.convention.source), "the version is named"
    assert Tally.from_json(tally.to_json()) == tally


class Training(nn.Module):
    """Has everything that a forward pass can change."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.norm(self.conv(x)))


def test_the_model_is_as_it_was(counter):
    torch.manual_seed(0)
    module = Training().train()
    module.conv.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    random = torch.get_rng_state()
    count(module, torch.randn(2, 3, 8, 8, generator=torch.Generator()), counter=counter)
    after = module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(torch.get_rng_state(), random)
    assert module.training
    assert not module.conv.training
    assert not module._forward_hooks
    assert torch.is_grad_enabled()
    pickle.loads(pickle.dumps(module))


def test_fvcore_says_that_it_does_not_know_padding_same():
    module = nn.Conv2d(3, 8, 3, padding="same")
    tally = count(module, torch.zeros(1, 3, 8, 8), counter="fvcore")
    assert tally.macs == 0
    assert tally.unsupported == {"aten::_convolution_mode": 1}
    assert str(tally).startswith("≥ 0")
    verdict, text = judge(8 * 3 * 9 * 64, tally)
    assert verdict == "lower bound"
    assert "aten::_convolution_mode" in text


def test_torch_says_which_operators_it_does_not_know():
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x).real

    tally = count(Spectrum(), torch.zeros(1, 8), counter="torch")
    assert list(tally.unsupported) == ["aten._fft_c2c.default"] or "fft" in str(tally.unsupported)
    assert not tally.complete


class Broken(nn.Linear):
    """Cannot run."""

    def forward(self, x):
        raise RuntimeError("no such luck")


IN_ITS_WORDS = {"torchinfo": "Failed to run torchinfo"}
RELU = torch.nn.functional.relu


def test_a_counter_that_cannot_run_says_why(counter):
    found = count_with(counter, Broken(1, 1), torch.zeros(1))
    assert isinstance(found, Unavailable)
    assert IN_ITS_WORDS.get(counter, "no such luck") in found.reason
    with pytest.raises(CountError, match=f"{re.escape(counter)} failed"):
        count(Broken(1, 1), torch.zeros(1), counter=counter)
    assert torch.nn.functional.relu is RELU
    assert Unavailable.from_json(found.to_json()) == found


class Exits(nn.Linear):
    """Would end the caller's process."""

    def forward(self, x):
        raise SystemExit(0)


def test_a_module_that_exits_ends_no_process(counter):
    found = count_with(counter, Exits(1, 1), torch.zeros(1))
    assert isinstance(found, Unavailable)
    assert found.reason.startswith(f"{counter} failed: ")


def test_what_is_no_module_is_not_given_to_a_counter(counter):
    with pytest.raises(
        CountError, match=r"of type str cannot be counted: give a torch\.nn\.Module"
    ):
        count("resnet50", torch.zeros(1), counter=counter)


def test_a_missing_package_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "fvcore.nn", None)
    found = count_with("fvcore", nn.Conv1d(1, 1, 1), torch.zeros(1, 1, 1))
    assert isinstance(found, Unavailable)
    assert "pip install fvcore" in found.reason


def test_verdicts():
    tally = count(nn.Conv1d(1, 1, 1), torch.zeros(1, 1, 5))
    assert judge(5, tally).verdict == "agrees"
    verdict, text = judge(10, tally)
    assert verdict == "differs"
    assert "-5" in text
    assert "0.5" in text
    incomplete = Tally(**{**tally.__dict__, "unsupported": {"aten::x": 2}})
    assert judge(5, incomplete).verdict == "lower bound", "never an agreement, even when equal"
    assert judge(5, Unavailable("why")) == ("unavailable", "why")


class Derived(nn.Module):
    """Holds what is no leaf, which cannot be copied."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.twice = self.conv.weight * 2

    def forward(self, x):
        return nn.functional.conv2d(x, self.twice)


def test_what_cannot_be_copied_is_counted_by_what_leaves_no_traces():
    x = torch.zeros(1, 3, 8, 8)
    for name in ("convbench", "torch"):
        assert count_with(name, Derived(), x).macs == 4 * 27 * 36
    said = count_with("torch.profiler", Derived(), x)
    assert "is given a copy, and Derived cannot be copied" in said.reason


def test_what_is_no_counter_is_refused():
    with pytest.raises(ConvbenchError, match="counter 'old' is no Counter"):
        COUNTERS.register("old")(Derived)
    assert "old" not in COUNTERS
