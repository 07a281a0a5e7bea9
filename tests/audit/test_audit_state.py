"""What was left changed is noticed, and what was not is not."""

import pytest
import torch
from torch import nn

from convbench.audit.state import changes, take


def _model():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).train()


def _statistics(model):
    model(torch.randn(2, 2, 5, 5, generator=torch.Generator().manual_seed(0)))


def _patch(_):
    torch.matmul = torch.mm


CHANGES = [
    (lambda model: None, ()),
    (lambda model: model[1].register_buffer("total_ops", torch.zeros(1)), ("state_dict keys",)),
    (_statistics, ("state_dict values",)),
    (lambda model: model[1].eval(), ("train flags",)),
    (lambda model: model[0].register_forward_hook(print), ("hooks",)),
    (lambda model: setattr(model[0], "flops", 1), ("attributes",)),
    (lambda model: torch.randn(3), ("random state",)),
    (lambda model: model[0].weight.requires_grad_(False), ("requires_grad",)),
    (lambda model: setattr(model[0].weight, "grad", torch.ones(3, 2, 3, 3)), ("gradients",)),
    (_patch, ("torch's functions",)),
    (
        lambda model: model[0].register_forward_hook(lambda *given: None),
        ("hooks", "picklability"),
    ),
]


@pytest.mark.parametrize(("change", "names"), CHANGES)
def test_a_change_is_named(change, names, monkeypatch):
    monkeypatch.setattr(torch, "matmul", torch.matmul)  # put back afterwards
    model = _model()
    with torch.random.fork_rng(devices=[]):
        before = take(model)
        change(model)
        assert changes(before, take(model)) == names
