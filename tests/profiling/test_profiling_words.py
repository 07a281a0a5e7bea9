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


RANDOM = "random numbers were drawn that may decide which layers run: the counts are those of one "


class Layers(nn.Module):
    """Three layers, each of which runs or not, as `runs(x, number)` says."""

    def __init__(self, runs):
        super().__init__()
        self.runs, self.layers = runs, nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x) if self.runs(x, i) else x
        return x


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_layers_that_are_dropped_at_random_are_said(draw, training, backward):
    before = OF_PYTHON.getstate(), str(OF_OLD.get_state()), str(OF_NUMPY.bit_generator.state)
    drops = Layers(lambda _, i: DRAWS[draw]() > 2 or i != 1).train(training)
    found = profile(drops, IMAGE, backward=backward)
    after = OF_PYTHON.getstate(), str(OF_OLD.get_state()), str(OF_NUMPY.bit_generator.state)
    assert before == after
    assert found.forward.multiplications == 2 * 24 * 64
    (note,) = found.notes
    assert note.startswith(RANDOM)
    assert note.endswith("; 1 part did not run (layers.1 first)")
    every = profile(Layers(lambda *_: DRAWS[draw]() < 2).train(training), IMAGE)
    assert every.notes == (note.partition(";")[0],)


def fresh(x):
    """Return a random tensor whose memory a tensor of ones has next, as a rule."""
    torch.rand(3)
    return torch.ones(3)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (lambda x, _: (x + torch.rand_like(x)).mean() < 9, True),
        (lambda x, _: torch.rand(9, generator=OF_TORCH)[1:].sort()[0].tolist()[0] < 2, True),
        (lambda x, _: torch.rand(9).mul(2).numpy()[0] < 3, True),
        (lambda x, _: len(torch.nonzero(torch.rand(9) > 0.5)) < 10, True),
        (lambda x, _: x[torch.rand(x.shape) > 0.5].numel() >= 0, True),
        (lambda x, _: torch.empty(2).bernoulli_(0.5)[0] < 2, True),
        (lambda x, _: x.add(torch.randn(x.shape)) is not x, False),
        (lambda x, _: nn.functional.dropout(x) is not x, False),
        (lambda x, _: x[torch.randperm(1)].shape == x.shape, False),
        (lambda x, _: fresh(x).sum() > 2, False),
        (lambda x, _: torch.rand(3) is not None and x.mean() < 9, False),
    ],
)
def test_random_numbers_that_only_flow_into_tensors_are_not_said(runs, said):
    for training in (False, True):
        found = profile(Layers(runs).train(training), IMAGE)
        assert found.total.multiplications == 3 * 24 * 64
        assert any(note.startswith(RANDOM) for note in found.notes) is said


def test_a_generator_without_a_state_is_no_obstacle():
    system = random.SystemRandom()
    assert profile(Layers(lambda *_: system.random() < 2), IMAGE).complete


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (lambda x, _: x.mean() < 9, True),
        (lambda x, _: x.tolist()[0][0][0][0] < 9, True),
        (lambda x, _: len(x[x > 0]) >= 0, True),
        (lambda x, _: torch.equal(x, x), True),
        (lambda x, _: torch.ones(3).sum() > 2, False),
        (lambda x, _: x.shape[0] > 0, False),
    ],
)
def test_counts_that_hold_for_the_values_given_are_said(runs, said):
    for backward in (False, True):
        found = profile(Layers(runs), IMAGE, backward=backward)
        assert found.forward.multiplications == 3 * 24 * 64
        wanted = "the counts are those for the weights and inputs given (on the command line the "
        assert any(wanted in note for note in found.notes) is said


class Chooses(nn.Module):
    def forward(self, x):
        return x * 2 if bool(x.mean() >= 0) else x


@pytest.mark.filterwarnings("ignore")  # torch calls TorchScript deprecated
def test_a_run_for_real_that_looks_at_no_values_holds_for_all():
    assert not profile(torch.jit.script(nn.Linear(8, 8)), IMAGE).notes
    assert profile(torch.jit.script(Chooses()), IMAGE).notes
