"""Taps on zeros that a model pads itself are no valid multiplications, however the zeros got there.

Right values are a convolution of ones: what the taps meet of a padded image of ones.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile

IMAGE = torch.ones(1, 3, 8, 6)


def pad(*sizes):
    return lambda x: functional.pad(x, sizes)


PADDED = {
    # what: (the forward before the convolution, its kernel)
    "W, then H": (lambda x: functional.pad(functional.pad(x, (1, 1)), (0, 0, 1, 1)), (3, 3)),
    "W twice": (lambda x: functional.pad(functional.pad(x, (1, 1)), (1, 1)), (3, 3)),
    "channels named, not padded": (pad(1, 1, 1, 1, 0, 0), (3, 3)),
    "uneven": (pad(2, 0, 0, 1), (3, 3)),
    "cut": (pad(-1, 2, -1, 0), (3, 3)),
    "padded, then cut": (lambda x: functional.pad(functional.pad(x, (2, 2)), (-1, -3)), (3, 3)),
    "relu": (lambda x: torch.relu(functional.pad(x, (1, 1))), (3, 3)),
    "relu in place": (lambda x: torch.relu_(functional.pad(x, (1, 1))), (3, 3)),
    "scaled": (lambda x: functional.pad(x, (1, 1)) * 2 / 2, (3, 3)),
    "flip": (lambda x: functional.pad(x, (2, 0)).flip(3), (3, 3)),
    "transposed": (lambda x: functional.pad(x, (1, 1)).transpose(2, 3), (3, 1)),
    "permuted": (lambda x: functional.pad(x, (1, 1)).permute(0, 1, 3, 2), (3, 1)),
    "sliced": (lambda x: functional.pad(x, (1, 1, 1, 1))[:, :, 1:, :-1], (3, 3)),
}
REAL = {
    "added to": lambda x: functional.pad(x, (1, 1)).add_(1),
    "filled": lambda x: functional.pad(x, (1, 1)).fill_(3),
    "a view of it filled": lambda x: (y := functional.pad(x, (1, 1)), y[:, :, 0].fill_(3))[0],
    "another value": lambda x: functional.pad(x, (1, 1), value=1.0),
    "shifted": lambda x: functional.pad(x, (1, 1)) + 1,
}


class Padded(nn.Module):
    def __init__(self, forward, kernel=(3, 3)):
        super().__init__()
        self.conv, self.pad = nn.Conv2d(3, 4, kernel, bias=False), forward

    def forward(self, x):
        return self.conv(self.pad(x))


def taps_on_ones(forward, kernel):
    """Count taps on what is not zero, by a convolution with ones."""
    weight = torch.ones(4, 3, *kernel)
    return int(functional.conv2d(forward(IMAGE), weight).sum())


@pytest.mark.parametrize("name", PADDED)
def test_taps_on_zeros_of_ones_own_are_not_valid(name):
    forward, kernel = PADDED[name]
    found = profile(Padded(forward, kernel), IMAGE)
    assert found.total.multiplications_valid == taps_on_ones(forward, kernel)
    outputs = 4 * forward(IMAGE)[0, 0].unfold(0, kernel[0], 1).unfold(1, kernel[1], 1).numel()
    assert found.total.multiplications == 3 * outputs


@pytest.mark.parametrize("name", REAL)
def test_what_is_not_zero_is_no_padding(name):
    found = profile(Padded(REAL[name]), IMAGE)
    assert found.total.multiplications_valid == found.total.multiplications == 3_888


def test_an_image_without_a_batch():
    found = profile(Padded(pad(1, 1, 1, 1)), IMAGE[0])
    assert found.total.multiplications_valid == 4_224


def test_with_padding_of_the_layer_too():
    module = Padded(pad(1, 1))
    module.conv.padding = (1, 1)
    want = taps_on_ones(lambda x: functional.pad(x, (2, 2, 1, 1)), (3, 3))
    assert profile(module, IMAGE).total.multiplications_valid == want


@pytest.mark.parametrize("name", ["W, then H", "relu", "flip"])
def test_forward_and_backward_agree(name):
    forward, kernel = PADDED[name]
    found = profile(Padded(forward, kernel), IMAGE.clone().requires_grad_(), backward=True)
    valid = taps_on_ones(forward, kernel)
    assert found.forward.multiplications_valid == valid
    assert found.backward.multiplications_valid == 2 * valid
