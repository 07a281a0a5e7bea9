"""The ways in which convbench can be asked for one number, each made to be taken."""

import warnings

import torch
from torch import nn

from convbench.counting.engine import run
from convbench.counting.engine.function_mode import FunctionMode
from convbench.counting.engine.pytree import tensors_in
from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula

SAID = -1
"""In place of a number: a lower bound, and it says so."""


class Asks(nn.Module):
    """Looks at a value first, as a model does that decides by its data: it is run for real."""

    def __init__(self, module):
        super().__init__()
        self.module = module
        self.training = module.training

    def forward(self, *inputs):
        for tensor in tensors_in(inputs):
            if not tensor.is_quantized:
                bool((tensor.detach() == 0).all())
        return self.module(*inputs)


def told(found, multiplications):
    return multiplications if found.complete else SAID


def by_shapes(case, **_):
    module, inputs = case.build()
    found = profile(module, *inputs, backward=case.backward)
    return told(found, found.total.multiplications)


def on_meta(case, **_):
    with torch.device("meta"):
        module, inputs = case.build()
    found = profile(module, *inputs, backward=case.backward)
    assert found.how == "shapes"
    return told(found, found.total.multiplications)


def for_real(case, **_):
    module, inputs = case.build()
    found = profile(Asks(module), *inputs, backward=case.backward)
    assert "for real" in found.how
    return told(found, found.total.multiplications)


def slow(case, *, patch):
    """Without answers from `shapes`: each call is dispatched."""
    patch.setattr(run, "FastPath", Dispatching)
    return by_shapes(case)


class Dispatching(FunctionMode):
    def __init__(self, dispatch, device=None, *, mixed=False):
        super().__init__(dispatch, device, mixed=mixed)


def twins(case, *, patch):
    """With each weight's twin in its place: what is tried second."""
    patch.setattr(run, "_by_shapes", _refused)
    return by_shapes(case)


def _refused(*_):
    raise RuntimeError("refused, so that twins are tried")


def formula(case, **_):
    module, inputs = case.build()
    found = network_formula(module, *inputs)
    return told(found, found.evaluate(**found.given, **found.fixed))


def backward(case, **_):
    """The forward, where a backward pass is asked for too."""
    module, inputs = case.build()
    found = profile(module, *inputs, backward=True)
    return told(found, found.forward.multiplications)


WAYS = {
    "by shapes": by_shapes,
    "on meta": on_meta,
    "for real": for_real,
    "slow": slow,
    "twins": twins,
    "formula": formula,
    "backward": backward,
}
FORWARD_ALONE = frozenset({"formula", "backward"})
"""Of a case that is forward and backward together, what these give is not its number."""


def ask(case, way, patch):
    """Return what a way gives: multiplications, or SAID."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: of even kernels, scripts, quantisation
        return WAYS[way](case, patch=patch)
