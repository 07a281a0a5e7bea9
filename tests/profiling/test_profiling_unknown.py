"""Never a silent zero: an operator without a rule is listed, and what had to run says so."""

import pytest
import torch
from torch import nn

from convbench.counting.engine.rules import RULES
from convbench.counting.engine.run import ProfileError, UnknownOperatorError, profile
from convbench.counting.zero_cost import ZERO_BY_RULE

LIBRARY = torch.library.Library("convbench_tests", "FRAGMENT")
for name in ("twice", "mm", "add", "relu"):
    LIBRARY.define(f"{name}(Tensor a, Tensor b) -> Tensor")
    LIBRARY.impl(name, lambda a, b: a @ b + 0, "CPU")
    LIBRARY.impl(name, lambda a, b: a.new_empty(a.shape[0], b.shape[1]), "Meta")
LIBRARY.define("made_of_known(Tensor a, Tensor b) -> Tensor")
LIBRARY.impl("made_of_known", lambda a, b: torch.relu(a @ b), "CompositeImplicitAutograd")
LIBRARY.define("shapeless(Tensor a, Tensor b) -> Tensor")
LIBRARY.impl("shapeless", lambda a, b: a @ b + 0, "CPU")


class Calls(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.conv, self.name = nn.Conv2d(1, 2, 1, bias=False), name

    def forward(self, x):
        y = self.conv(x[None])[0, 0]
        return getattr(torch.ops.convbench_tests, self.name)(y, y)


SQUARE = torch.zeros(1, 4, 4)
LAYER = 2 * 16


@pytest.mark.parametrize("name", ["twice", "mm", "add", "relu"])
def test_an_operator_of_ones_own_is_unknown_whatever_it_is_called(name):
    found = profile(Calls(name), SQUARE)
    assert found.unsupported == {f"convbench_tests.{name}": 1}
    assert found.total.multiplications == LAYER
    assert not found.complete
    assert "≥ 32 MACs" in str(found)
    assert found.to_json()["unsupported"] == found.unsupported
    assert found.to_json()["complete"] is False


def test_strict_refuses_it_and_names_it():
    with pytest.raises(
        UnknownOperatorError, match=r"convbench_tests\.twice \(×1\).*32.*lower bound"
    ):
        profile(Calls("twice"), SQUARE, strict=True)


def test_strict_lets_a_known_one_pass():
    assert profile(nn.Conv2d(1, 2, 1), SQUARE, strict=True).complete


def test_one_made_of_known_ones_is_counted():
    found = profile(Calls("made_of_known"), SQUARE, strict=True)
    assert found.total.multiplications == LAYER + 64


def test_one_without_a_meta_kernel_runs_for_real():
    found = profile(Calls("shapeless"), SQUARE)
    assert found.how.startswith("run for real, because by shapes alone: ")
    assert "shapeless" in found.how
    assert found.unsupported == {"convbench_tests.shapeless": 1}


def test_it_says_why_it_cannot_run_at_all():
    with torch.device("meta"):
        module = Calls("shapeless")
    with pytest.raises(ProfileError, match=r"shapeless.*on the meta device.*make it on the CPU"):
        profile(module, SQUARE)


class Branches(nn.Module):
    """Its way depends on its data."""

    def __init__(self):
        super().__init__()
        self.small, self.large = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3)

    def forward(self, x):
        return self.large(x) if bool(x.mean() > 0) else self.small(x)


@pytest.mark.parametrize(("value", "macs"), [(-1.0, 36), (1.0, 9 * 16)])
def test_a_branch_on_data_goes_the_way_that_the_data_goes(value, macs):
    found = profile(Branches(), torch.full((1, 1, 6, 6), value))
    assert "for real" in found.how
    assert found.total.multiplications == macs
    visits = {part.name: part.visits for _, part in found.by_module.walk()}
    assert (visits["small"], visits["large"]) == ((1, 0) if value < 0 else (0, 1))


@pytest.mark.filterwarnings("ignore")  # torch calls TorchScript deprecated
@pytest.mark.parametrize("way", ["script", "trace"])
def test_torchscript_runs_for_real(way):
    plain = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.ReLU()).eval()
    inputs = torch.zeros(1, 1, 6, 6)
    module = torch.jit.script(plain) if way == "script" else torch.jit.trace(plain, inputs)
    found = profile(module, inputs)
    assert "TorchScript" in found.how
    assert found.total.multiplications == 2 * 9 * 16
    assert found.parameters == 18


WRONG = {
    "channels": (lambda: nn.Conv2d(3, 4, 3), torch.zeros(1, 4, 8, 8)),
    "too few axes": (lambda: nn.Linear(4, 4), torch.zeros(3)),
    "features": (lambda: nn.Linear(4, 4), torch.zeros(2, 3)),
    "a kernel larger than the image": (lambda: nn.Conv2d(3, 4, 9), torch.zeros(1, 3, 8, 8)),
    "norm": (lambda: nn.BatchNorm2d(4), torch.zeros(1, 3, 8, 8)),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_input_of_the_wrong_shape_is_one_clear_message(case):
    made, inputs = WRONG[case]
    shape = ", ".join(map(str, inputs.shape)) + ("," if inputs.ndim == 1 else "")
    with pytest.raises(ProfileError) as caught:
        profile(made(), inputs)
    assert f"cannot be run on inputs ({shape})" in str(caught.value)
    assert "Give inputs of the shape it wants." in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_rule_says_one_thing():
    """An operator is counted by a rule or zero by a rule, never both."""
    assert set(RULES) & ZERO_BY_RULE == set()


def test_warnings_of_the_model_are_not_errors_of_the_count():
    class Warns(nn.Module):
        def forward(self, x):
            import warnings

            warnings.warn("mine", stacklevel=1)
            return x

    assert profile(Warns(), SQUARE).how == "shapes"
