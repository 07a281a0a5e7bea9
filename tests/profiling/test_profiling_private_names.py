"""Private names of torch (`core.torch_internals`): what a count says where torch lacks one."""

import pytest
import torch
from torch import nn

from convbench.core import torch_internals
from convbench.counting.engine.fast_path import FastPath
from convbench.counting.engine.process_state import surroundings_kept
from convbench.counting.engine.provenance import fused
from convbench.counting.engine.run import ProfileError, profile


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4)
    ).eval()


@pytest.mark.parametrize("name", ["_ExcludeDispatchKeyGuard", "_is_any_autocast_enabled"])
def test_without_its_names_the_fast_path_is_off_and_counts_are_the_same(name, monkeypatch):
    answered = []
    made = FastPath._made
    monkeypatch.setattr(FastPath, "_made", lambda *given: (answered.append(1), made(*given))[1])
    module, x = network(), torch.zeros(1, 3, 8, 8)
    fast = profile(module, x)
    assert answered
    answered.clear()
    monkeypatch.delattr(torch._C, name)
    slow = profile(module, x)
    assert not answered
    assert slow.how == fast.how == "shapes"
    assert slow.counts() == fast.counts()
    assert slow.total.multiplications == 3 * 9 * 8 * 36 + 8 * 36 * 4
    assert slow.by_module == fast.by_module


def test_without_numbers_of_nodes_a_backward_pass_is_refused(monkeypatch):
    monkeypatch.setattr(torch_internals, "numbers_nodes", False)
    with pytest.raises(ProfileError, match="leave backward out"):
        profile(network(), torch.zeros(1, 3, 8, 8), backward=True)


def test_a_setting_that_cannot_be_read_is_left_and_the_others_are_put_back(monkeypatch):
    monkeypatch.delattr(torch._C, "_get_function_stack_at")
    before = torch.get_default_dtype()
    with surroundings_kept():
        torch.set_default_dtype(torch.float64)
    assert torch.get_default_dtype() is before


def test_an_operator_of_which_torch_does_not_tell_a_kernel_is_unknown(monkeypatch):
    class Node:
        def kind(self):
            return "others::operator"

        def blocks(self):
            return ()

    class Graph:
        def nodes(self):
            return [Node()]

    class Scripted:
        inlined_graph = Graph()

    monkeypatch.setattr(torch._C, "_dispatch_has_kernel", lambda _: True)
    assert fused([Scripted()]) == {}
    monkeypatch.delattr(torch._C, "_dispatch_has_kernel")
    assert fused([Scripted()]) == {"others::operator": 1}


def test_without_its_name_a_backend_is_untold(monkeypatch):
    given = (torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3), None, [1, 1], [0, 0], [1, 1], False,
             [0, 0], 1)  # fmt: skip
    assert torch_internals.convolution_backend(given) is not None
    monkeypatch.delattr(torch._C, "_select_conv_backend")
    assert torch_internals.convolution_backend(given) is None
