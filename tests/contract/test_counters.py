"""The contract over every registered counter: right on what it knows, and honest on the rest."""

import pickle

import pytest
import torch
from torch import nn

from convbench import count
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


@pytest.mark.parametrize("case", PLAIN)
@pytest.mark.parametrize("counter", list(COUNTERS))
def test_plain_layers(counter, case):
    module, shape, macs = PLAIN[case]
    tally = count(module, torch.zeros(shape), counter=counter)
    assert tally.macs == macs
    assert tally.complete
    assert sum(tally.by_operator.values()) == macs
    assert tally.by_module[""] == macs


@pytest.mark.parametrize("counter", list(COUNTERS))
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


@pytest.mark.parametrize("counter", list(COUNTERS))
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


class Broken(nn.Module):
    """Cannot run."""

    def forward(self, x):
        raise RuntimeError("no such luck")


@pytest.mark.parametrize("counter", list(COUNTERS))
def test_a_counter_that_cannot_run_says_why(counter):
    found = count_with(counter, Broken(), torch.zeros(1))
    assert isinstance(found, Unavailable)
    assert "no such luck" in found.reason
    with pytest.raises(CountError, match="no such luck"):
        count(Broken(), torch.zeros(1), counter=counter)
    assert Unavailable.from_json(found.to_json()) == found


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
