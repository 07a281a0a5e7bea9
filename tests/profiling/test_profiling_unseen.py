"""A count is complete only if everything that ran was seen; what ran out of sight makes it ≥."""

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import UnknownOperatorError, profile

pytestmark = pytest.mark.usefixtures("thawed")
X = (2, 3, 8, 8)


class Written(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.written = forward
        self.conv, self.point = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)
        self.weight = nn.Parameter(torch.ones(4, 3, 3, 3))
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.written(self, x)


def pooled(self, x):
    with ThreadPoolExecutor(2) as pool:
        return self.point(sum(pool.map(self.conv, [x, x])))


def all_of_it(self, x):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(self.conv, x).result()


def functionally(self, x):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(functional.conv2d, x, self.weight).result()


def by_thread(self, x):
    found = []
    thread = Thread(target=lambda: found.append(x @ x))
    thread.start()
    thread.join()
    return self.conv(found[0])


def by_numpy(self, x):
    y = self.conv(x)
    return self.point(
        torch.from_numpy(np.einsum("bchw,dc->bdhw", y.detach().numpy(), np.eye(4, dtype="f4")))
    )


def returned(self, x):
    y = self.conv(x).detach().numpy()
    return {"other": [torch.from_numpy(y @ y.swapaxes(2, 3))]}


WAYS = {
    "layers in a pool": pooled,
    "everything in a pool": all_of_it,
    "a function in a pool": functionally,
    "a product in a thread": by_thread,
    "NumPy": by_numpy,
    "what is returned": returned,
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("case", WAYS)
def test_what_runs_elsewhere_makes_a_lower_bound(case, backward, device):
    if device == "meta" and case in {"NumPy", "what is returned"}:
        pytest.skip("a tensor on the meta device is no array")
    module = Written(WAYS[case]).to(device)
    found = profile(module, torch.zeros(X, device=device), backward=backward)
    assert not found.complete
    assert "≥" in str(found)
    with pytest.raises(UnknownOperatorError, match="thread"):
        profile(module, torch.zeros(X, device=device), strict=True)


def own_tensors(self, x):
    return self.conv(x * self.plain + self.held[0]) + self.point.bias.data.sum()


SEEN = {
    "tensors that are attributes": own_tensors,
    "a constant": lambda self, x: self.conv(x + torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)),
    "data": lambda self, x: self.conv(x.data),
    "whole numbers of NumPy": lambda self, x: self.conv(x[torch.from_numpy(np.arange(2))]),
    "a new parameter": lambda self, x: self.conv(x * nn.Parameter(torch.ones(()))),
    "vmap": lambda self, x: torch.vmap(lambda one: self.conv(one[None])[0])(x),
    "an idle pool": lambda self, x: (ThreadPoolExecutor(1).shutdown(), self.conv(x))[1],
    "a gradient in between": lambda self, x: self.conv(
        x * torch.autograd.grad((self.plain2 * 2).sum(), self.plain2)[0]
    ),
}


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", SEEN)
def test_what_is_seen_is_complete(case, device, real):
    if device == "meta" and (real or case in {"a constant", "whole numbers of NumPy"}):
        pytest.skip("tensors of two devices")
    module = Written(SEEN[case])
    if real:
        module.written = lambda self, x: SEEN[case](self, x) * (1 if bool((x == 0).all()) else 2)
    module.plain = torch.ones(3, 1, 1, device=device)
    module.plain2 = torch.ones(1, device=device, requires_grad=True)
    module.held = [torch.ones(3, 1, 1, device=device)]
    found = profile(module.to(device), torch.zeros(X, device=device))
    assert ("for real" in found.how) is real
    assert found.complete, found.unsupported
    assert found.total.multiplications == 2 * 4 * 3 * 9 * 36


def scripted(module):
    return torch.jit.script(module.eval())


def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


MACS = 2 * (4 * 27 * 36 + 2 * 4 * 36)


@pytest.mark.filterwarnings("ignore")  # torch calls TorchScript deprecated
@pytest.mark.parametrize("times", [0, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.jit.optimize_for_inference(scripted(net())),
        lambda: nn.Sequential(torch.jit.optimize_for_inference(scripted(net())), nn.ReLU()),
        lambda: torch.jit.optimize_for_inference(torch.jit.trace(net().eval(), torch.zeros(X))),
    ],
    ids=["scripted", "inside", "traced"],
)
def test_optimised_torchscript_is_counted_or_said(make, times):
    module = make()
    for _ in range(times):
        module(torch.zeros(X))
    found = profile(module, torch.zeros(X))
    assert not found.complete or found.total.multiplications == MACS


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("times", [0, 3])
@pytest.mark.parametrize("freeze", [False, True])
def test_fused_by_onednn_is_counted_or_said(freeze, times):
    torch.jit.enable_onednn_fusion(True)
    try:
        module = torch.jit.trace(net().eval(), torch.zeros(X))
        module = torch.jit.freeze(module) if freeze else module
        for _ in range(times):
            module(torch.zeros(X))
        found = profile(module, torch.zeros(X))
    finally:
        torch.jit.enable_onednn_fusion(False)
    assert not found.complete or found.total.multiplications == MACS


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("times", [0, 3])
@pytest.mark.parametrize("freeze", [False, True])
def test_plain_torchscript_stays_complete(freeze, times):
    module = torch.jit.freeze(scripted(net())) if freeze else scripted(net())
    for _ in range(times):
        module(torch.zeros(X))
    found = profile(module, torch.zeros(X))
    assert found.complete, found.unsupported
    assert found.total.multiplications == MACS


def test_other_tensors_of_the_process_may_be_of_any_kind():
    """A run for real looks at all tensors that there are: lazy ones and subclasses among them."""

    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise AssertionError(func)

    others = (
        nn.LazyLinear(2),
        torch.zeros(2).as_subclass(Loud),
        torch.eye(2).to_sparse(),
        torch.eye(2).to_mkldnn(),
    )
    module = Written(lambda self, x: self.conv(x) if bool(x.sum() == 0) else x)
    assert profile(module, torch.zeros(X)).complete
    del others
