"""The translator: a tool's number as a sum that adds up."""

import importlib.util
import warnings

import pytest
import torch
from torch import nn

from convbench.audit.case import CASES
from convbench.counting.base import COUNTERS, CountError
from convbench.counting.discrepancies import Term, Translation, _explain, translate
from convbench.networks.base import NETWORKS


def _ask(module, inputs, tool):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a tool's import may use what torch calls deprecated
            COUNTERS[tool].load()
    except ImportError as error:
        pytest.skip(f"{tool}: {error}")
    return translate(module, inputs, tool)


def _adds_up(found):
    total = found.unit * found.multiplications + sum(term.amount for term in found.terms)
    return total + found.unexplained == found.value


@pytest.fixture(scope="module")
def osnet():
    return NETWORKS["osnet_x0_25"].build().eval(), torch.zeros(1, 3, 256, 128)


MACS = 82_314_880
OSNET = [
    # (tool, its number, what the sentence has to name)
    ("fvcore", 86_723_200, ["3,998,720 (batch_norm)", "409,600 (adaptive_avg_pool2d)"]),
    ("FlopCounterMode", 2 * MACS, ["2 × 82,314,880"]),
    ("ptflops (aten)", 82_316_000, ["1,120 (bias)"]),
    ("ptflops (pytorch)", 91_362_080, ["elementwise modules", "1,120 (bias)", "relu"]),
    ("thop", 90_767_680, ["7,995,392 (BatchNorm2d)", "45,056 (AvgPool2d)"]),
    ("torchinfo", 82_322_528, ["5,504 (BatchNorm2d)", "1,120 (bias)"]),
    ("torchprofile", 84_753_216, ["1,999,360 (aten::batch_norm)"]),
    ("calflops", MACS, ["= 82,314,880"]),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "value", "words"), OSNET)
def test_osnet(tool, value, words, osnet):
    found = _ask(*osnet, tool)
    assert found.value == value
    assert found.multiplications == MACS
    assert found.unexplained == 0
    assert _adds_up(found)
    assert all(word in str(found) for word in words), str(found)


EXPLAINED = [
    ("plain/with bias", "ptflops (aten)", "1,600 (bias)"),
    ("plain/padding same", "fvcore", "which it leaves out"),
    ("transposed/stride 2, output padding", "thop", "over output positions"),
    ("transposed/stride 2, output padding", "torchinfo", "over output positions"),
    ("rewritten/1x1 as matmul", "FlopCounterMode", "2 × 9,600"),
]


@pytest.mark.parametrize(("case", "tool", "words"), EXPLAINED)
def test_cases(case, tool, words):
    found = _ask(*CASES[case].build(), tool)
    assert words in str(found)
    assert found.unexplained == 0
    assert _adds_up(found)


def test_what_cannot_be_explained_is_said():
    found = _ask(*CASES["rewritten/1x1 as matmul"].build(), "fvcore")
    assert found.unexplained == -4_800
    assert "unexplained: -4,800" in str(found)
    assert _adds_up(found)


def test_the_model_is_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = translate(model, torch.randn(2, 3, 6, 6), "fvcore")
    assert found.unexplained == 0
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_tool_that_fails_says_what_to_do():
    with pytest.raises(CountError, match="Ask another counter"):
        translate(*CASES["contexts/TorchScript, scripted"].build(), "fvcore")


@pytest.mark.skipif(importlib.util.find_spec("torchscan") is not None, reason="it is installed")
def test_a_tool_that_is_not_installed_says_so():
    with pytest.raises(CountError, match="pip install torchscan"):
        translate(nn.Linear(3, 4), torch.zeros(2, 3), "torchscan")


def test_terms_are_chosen_only_where_they_explain_everything():
    bias, norm = Term(text="bias", amount=10), Term(text="norm", amount=7)
    lost = Term(text="lost", amount=-30)
    assert _explain(17, [bias, norm], [lost]) == (bias, norm)
    assert _explain(7, [bias, norm], [lost]) == (norm,)
    assert _explain(-20, [bias, norm], [lost]) == (bias, lost)
    assert _explain(18, [bias, norm], [lost]) == (bias, norm)
    assert _explain(-100, [bias, norm], [lost]) == ()


def test_a_sentence_names_the_unknown():
    found = Translation(
        counter="t", value=5, multiplications=9, unit=1, terms=(), unexplained=-4, unknown=("lstm",)
    )
    assert str(found) == "t: 5 = 9 − 4; unexplained: -4; it does not know lstm"
