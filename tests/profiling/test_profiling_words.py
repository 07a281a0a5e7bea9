"""What a count says: why not, what to do, and what else to know."""

import functools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from convbench.counting.engine.run import ProfileError, profile
from convbench.ui.terminal.profile import summary

IMAGE = torch.zeros(1, 3, 8, 8)


def on_meta(make):
    with torch.device("meta"):
        return make()


WRONG = {
    # what: (module, inputs, what to do)
    "channels": (lambda: nn.Conv2d(4, 2, 3), (IMAGE,), "Give inputs of the shape"),
    "features": (lambda: nn.Linear(5, 2), (torch.zeros(2, 4),), "Give inputs of the shape"),
    "an input too many": (lambda: nn.Linear(4, 2), (IMAGE, IMAGE), "Give as many inputs"),
    "an input too few": (lambda: nn.Bilinear(4, 4, 2), (torch.zeros(2, 4),), "Give as many inputs"),
    "a data type": (lambda: nn.Embedding(4, 2), (torch.zeros(2, 4),), "Give inputs of the data"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs_of_a_module_on_meta_are_called_wrong(case):
    make, inputs, remedy = WRONG[case]
    with pytest.raises(ProfileError) as caught:
        profile(on_meta(make), *inputs)
    assert remedy in str(caught.value)
    assert "CPU" not in str(caught.value)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_norm_in_training_on_one_value(device):
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).to(device)
    with pytest.raises(ProfileError, match=r"\.eval\(\)"):
        profile(module, torch.zeros(1, 4))


def test_why_it_was_run_is_short():
    class Long(nn.Module):
        def forward(self, x):
            try:
                return x * float(x.sum())
            except RuntimeError as error:
                raise ValueError("long " * 400) from error

    assert len(profile(Long(), IMAGE).how) < 400


def test_keyword_inputs_by_partial():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x, *, mask):
            return self.layer(x * mask)

    found = profile(functools.partial(Masked(), mask=torch.ones(8)), IMAGE, backward=True)
    assert found.forward.multiplications == found.backward.multiplications == 24 * 64
    assert found.parameters == 72


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_a_forward_without_gradients_says_so(context):
    class Without(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        @context()
        def forward(self, x):
            return self.layer(x)

    found = profile(Without(), IMAGE, backward=True)
    assert found.backward.multiplications == 0
    assert "nothing was counted backward" in " ".join(found.notes)
    assert found.notes[0] in summary(found)
    assert not profile(Without(), IMAGE).notes


def test_a_part_without_gradients_is_said_and_a_checkpoint_is_none():
    class Half(nn.Module):
        def __init__(self, called):
            super().__init__()
            self.backbone, self.head, self.called = nn.Linear(8, 8), nn.Linear(8, 2), called

        def forward(self, x):
            return self.head(self.called(self.backbone, x))

    def still(module, x):
        with torch.no_grad():
            return module(x)

    found = profile(Half(still), IMAGE, backward=True)
    assert found.backward.multiplications == 24 * 16  # of the head: its input needs no gradient
    assert found.notes == (
        "1 part with weights that require a gradient ran under torch.no_grad (backbone first): "
        "nothing of that was counted backward",
    )
    frozen = Half(still)
    frozen.backbone.requires_grad_(requires_grad=False)
    assert not profile(frozen, IMAGE, backward=True).notes
    assert not profile(Half(still), IMAGE).notes
    for reentrant in (False, True):
        again = functools.partial(checkpoint, use_reentrant=reentrant)
        image = IMAGE.clone().requires_grad_()
        found = profile(Half(again), image, backward=True, shapes=True)
        assert not found.notes
        assert found.by_module.children[0].shapes == ((((1, 3, 8, 8),), ((1, 3, 8, 8),)),)


OF_TORCH, OF_PYTHON = torch.Generator(), random.Random(1)
OF_NUMPY, OF_OLD = np.random.default_rng(1), np.random.RandomState(1)
DRAWS = {
    "torch": lambda: float(torch.rand(())),
    "a generator of torch": lambda: float(torch.rand((), generator=OF_TORCH)),
    "Python": random.random,
    "a generator of Python": lambda: OF_PYTHON.uniform(0, 1),
    "a method of a generator of Python": OF_PYTHON.random,
    "NumPy": lambda: float(np.random.rand()),  # noqa: NPY002  many use it
    "a generator of NumPy": lambda: float(OF_NUMPY.random()),
    "an old generator of NumPy": OF_OLD.rand,
    "a layer of numbers": lambda: int(torch.randint(0, 2, ())),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("training", [False, True])
def test_layers_that_are_dropped_at_random_are_said(draw, training):
    class Drops(nn.Module):
        def __init__(self):
            super().__init__()
            self.draw = DRAWS[draw]
            self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

        def forward(self, x):
            for i, layer in enumerate(self.layers):
                if self.training and (self.draw() < 2) and i == 1:
                    continue
                x = layer(x)
            return x

    before = OF_PYTHON.getstate(), str(OF_OLD.get_state()), str(OF_NUMPY.bit_generator.state)
    found = profile(Drops().train(training), IMAGE)
    after = OF_PYTHON.getstate(), str(OF_OLD.get_state()), str(OF_NUMPY.bit_generator.state)
    assert before == after
    assert found.total.multiplications == (2 if training else 3) * 24 * 64
    assert ("1 part in training mode did not run (layers.1 first)" in " ".join(found.notes)) is (
        training
    )
    assert bool(found.notes) is training
