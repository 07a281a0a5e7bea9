"""A tensor that a model changes in more than its values is as before: hooks, memory, attributes."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile

X = torch.ones(3, 5)


class Has(nn.Module):
    def __init__(self, change, *, real):
        super().__init__()
        self.change, self.real = change, real
        self.layer = nn.Linear(5, 5)
        self.weight = nn.Parameter(torch.ones(5, 5))
        self.register_buffer("buffer", torch.ones(5))
        self.plain, self.held = torch.zeros(8, 5), [torch.ones(5)]

    def forward(self, x):
        y = self.layer(x)
        self.change(self, y)
        return y * 2 if self.real and bool(x.sum() > 99) else y


def seen(module):
    tensors = [*module.parameters(), *module.buffers(), module.plain, *module.held]
    return [
        (
            id(t), t.data_ptr(), tuple(t.shape), t.dtype, t.requires_grad, t.grad_fn, t.tolist(),
            dict(t.__dict__), len(t._backward_hooks or ()),
            len(getattr(t, "_post_accumulate_grad_hooks", None) or ()),
        )
        for t in tensors
    ]  # fmt: skip


def gives_data(m, y):
    m.held[0].data = torch.zeros(2, 2)
    m.weight.data = m.weight.data * 2


def writes_then_gives(m, y):
    m.held[0].add_(1)
    m.held[0].data = torch.zeros(5)


CHANGES = {
    "a hook": lambda m, y: m.weight.register_hook(lambda g: g),
    "a hook of what is accumulated": lambda m, y: m.weight.register_post_accumulate_grad_hook(
        lambda t: None
    ),
    "an attribute": lambda m, y: setattr(m.weight, "seen", True),
    "a tensor as an attribute": lambda m, y: setattr(m.weight, "cache", functional.relu(y)),
    "other data": gives_data,
    "values, then other data": writes_then_gives,
    "a data type": lambda m, y: setattr(m.buffer, "data", m.buffer.data.half()),
    "memory": lambda m, y: m.held[0].set_(torch.zeros(7)),
    "a shape": lambda m, y: m.plain.t_(),
    "a size": lambda m, y: m.plain.resize_(2, 5),
    "results in a cache": lambda m, y: m.plain.__setitem__(slice(3), y),
    "results in a buffer": lambda m, y: m.buffer.copy_(y[0]),
}


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("real", [False, True], ids=["shapes", "real"])
@pytest.mark.parametrize("case", CHANGES)
def test_a_tensor_is_as_before(case, real, backward):
    module = Has(CHANGES[case], real=real)
    if not case.startswith("a hook"):
        module.weight.register_hook(lambda gradient: gradient)
    before = seen(module)
    for _ in range(2):
        found = profile(module, X, backward=backward)
        assert found.total.multiplications == 75 * (1 + backward)
        assert seen(module) == before
