"""A thousand random convolutions, counted and looped: forward, and both gradients.

The loops are the definition, in plain Python: every product of a convolution by name. That they
are the definition is tested too: summed, their products are torch's own outputs and gradients.
"""

import itertools
import random
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from convbench.counting.engine.run import profile

LAYERS = {
    (1, False): nn.Conv1d,
    (2, False): nn.Conv2d,
    (3, False): nn.Conv3d,
    (1, True): nn.ConvTranspose1d,
    (2, True): nn.ConvTranspose2d,
    (3, True): nn.ConvTranspose3d,
}
SIZES = {1: (1, 14), 2: (1, 7), 3: (1, 4)}
BLOCKS, EACH = 10, 100
LIMIT = 4_000
"""Products a configuration may have at most: Python loops over them three times."""


@dataclass(frozen=True)
class Case:
    """One convolution and what its gradients are asked for."""

    batch: int | None
    channels: int
    outputs: int
    groups: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...] | str
    mode: str
    bias: bool
    transposed: bool
    output_padding: tuple[int, ...]
    input_needs: bool
    weight_needs: bool

    def layer(self):
        options = {"output_padding": self.output_padding} if self.transposed else {}
        layer = LAYERS[len(self.size), self.transposed](
            self.channels,
            self.outputs,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            padding_mode=self.mode,
            **options,
        )
        layer.weight.requires_grad_(self.weight_needs)
        return layer

    def inputs(self):
        batch = () if self.batch is None else (self.batch,)
        return torch.randn(*batch, self.channels, *self.size).requires_grad_(self.input_needs)

    @property
    def lows(self):
        """What is padded (transposed: cropped) at the low end of each axis."""
        if self.padding == "valid":
            return (0,) * len(self.size)
        if self.padding == "same":
            return tuple(d * (k - 1) // 2 for d, k in zip(self.dilation, self.kernel, strict=True))
        return self.padding

    @property
    def output(self):
        """Output positions on each axis, from the definition."""
        found = []
        for a, n in enumerate(self.size):
            reach = self.dilation[a] * (self.kernel[a] - 1) + 1
            if self.transposed:
                full = (n - 1) * self.stride[a] + reach
                found.append(full - 2 * self.lows[a] + self.output_padding[a])
            elif self.padding == "same":
                found.append(n)
            else:
                found.append((n + 2 * self.lows[a] - reach) // self.stride[a] + 1)
        return tuple(found)


def source(place, size, mode):
    """Which element a place of the padded axis holds; None for a zero."""
    if 0 <= place < size:
        return place
    if mode == "replicate":
        return 0 if place < 0 else size - 1
    if mode == "circular":
        return place % size
    if mode == "reflect":
        return -place if place < 0 else 2 * (size - 1) - place
    return None


def grid(sizes):
    return itertools.product(*(range(n) for n in sizes))


def products(case):
    """Name every product: (input element or None, weight, output element or None).

    y[o] += x[i]·w[k] is the forward pass, dx[i] += dy[o]·w[k] the gradient of the input and
    dw[k] += dy[o]·x[i] that of the weight. An input element is None where the tap lies on zero
    padding, an output element where a transposed convolution's product is cropped away.
    """
    axes = range(len(case.size))
    lows, output = case.lows, case.output
    inputs_each, outputs_each = case.channels // case.groups, case.outputs // case.groups
    for b in range(1 if case.batch is None else case.batch):
        for g in range(case.groups):
            for c in range(inputs_each):
                for m in range(outputs_each):
                    c_all, m_all = g * inputs_each + c, g * outputs_each + m
                    for place in grid(case.size if case.transposed else output):
                        for tap in grid(case.kernel):
                            other = tuple(
                                place[a] * case.stride[a] + tap[a] * case.dilation[a] - lows[a]
                                for a in axes
                            )
                            if case.transposed:
                                inside = all(0 <= other[a] < output[a] for a in axes)
                                to = (b, m_all, *other) if inside else None
                                yield (b, c_all, *place), (c_all, m, *tap), to
                            else:
                                found = [source(other[a], case.size[a], case.mode) for a in axes]
                                real = None not in found
                                at = (b, c_all, *found) if real else None
                                yield at, (m_all, c, *tap), (b, m_all, *place)


def looped(case):
    """Count by the loops: forward, forward off the padding, the two gradients."""
    forward = valid = of_input = of_weight = 0
    for at, _, to in products(case):
        forward += 1  # y[o] += x[i]·w[k]
        if at is not None and to is not None:
            valid += 1
    if case.input_needs:
        for _ in products(case):
            of_input += 1  # dx[i] += dy[o]·w[k]
    if case.weight_needs:
        for _ in products(case):
            of_weight += 1  # dw[k] += dy[o]·x[i]
    return forward, valid, of_input + of_weight


def drawn(choose):
    """Draw a configuration that torch takes, of at most LIMIT products."""
    while True:
        dims = choose.choice((1, 2, 2, 3))
        transposed = choose.random() < 0.35
        groups = choose.choice((1, 1, 2, 3))

        def each(low, high, dims=dims):
            return tuple(choose.randint(low, high) for _ in range(dims))

        mode = "zeros" if transposed else choose.choice(("zeros", "zeros", *MODES[1:]))
        stride = choose.choice(((1,) * dims, each(1, 3)))
        dilation = choose.choice(((1,) * dims, each(1, 3)))
        padding = each(0, 3)
        if not transposed and choose.random() < 0.3:
            padding = choose.choice(("same", "valid"))
            stride = (1,) * dims if padding == "same" else stride
        case = Case(
            batch=choose.choice((None, 1, 1, 2, 3)),
            channels=groups * choose.choice((1, 1, 2, 3)),
            outputs=groups * choose.choice((1, 2, 3)),
            groups=groups,
            size=each(*SIZES[dims]),
            kernel=each(1, 4 if dims < 3 else 3),
            stride=stride,
            dilation=dilation,
            padding=padding,
            mode=mode,
            bias=choose.random() < 0.5,
            transposed=transposed,
            output_padding=tuple(
                choose.randrange(max(s, d)) for s, d in zip(stride, dilation, strict=True)
            ),
            input_needs=choose.random() < 0.6,
            weight_needs=choose.random() < 0.9,
        )
        if usable(case):
            return case


MODES = ("zeros", "reflect", "replicate", "circular")


def usable(case):
    if min(case.output) < 1 or not (case.bias or case.input_needs or case.weight_needs):
        return False
    reach = [d * (k - 1) for d, k in zip(case.dilation, case.kernel, strict=True)]
    highs = [r - low for r, low in zip(reach, case.lows, strict=True)]
    most = [
        max(low, high if case.padding == "same" else low)
        for low, high in zip(case.lows, highs, strict=True)
    ]
    room = {"reflect": 1, "circular": 0}.get(case.mode)
    if room is not None and any(p > n - room for p, n in zip(most, case.size, strict=True)):
        return False
    places = case.size if case.transposed else case.output
    count = (case.batch or 1) * case.channels * case.outputs // case.groups
    for n in (*places, *case.kernel):
        count *= n
    return count <= LIMIT


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_hundred_random_convolutions_agree_with_loops(block):
    choose = random.Random(f"convbench {block}")
    mismatches, seen = [], set()
    for _ in range(EACH):
        case = drawn(choose)
        layer, inputs = case.layer(), case.inputs()
        both, alone = profile(layer, inputs, backward=True), profile(layer, inputs)
        forward, valid, backward = looped(case)
        got = {
            "forward": (both.forward.multiplications, forward),
            "forward alone": (alone.total.multiplications, forward),
            "forward off the padding": (both.forward.multiplications_valid, valid),
            "alone off the padding": (alone.total.multiplications_valid, valid),
            "backward": (both.backward.multiplications, backward),
            "both": (both.total.multiplications, forward + backward),
        }
        mismatches += [(case, name, *pair) for name, pair in got.items() if pair[0] != pair[1]]
        assert both.how == alone.how == "shapes", case
        seen.add((case.transposed, len(case.size), case.mode))
    assert not mismatches, f"{len(mismatches)} mismatches, the first: {mismatches[0]}"
    assert len(seen) >= 12, "the draw reaches dims, transposed ones and padding modes"


def test_valid_gradients_leave_the_padding_out_too():
    choose = random.Random("valid gradients")
    for _ in range(60):
        case = drawn(choose)
        _, valid, _ = looped(case)
        found = profile(case.layer(), case.inputs(), backward=True)
        parts = case.input_needs + case.weight_needs
        assert found.backward.multiplications_valid == parts * valid, case


@pytest.mark.parametrize("block", range(3))
def test_the_loops_are_the_definition(block):
    """Their products, summed, are what torch computes: else their number would mean nothing."""
    choose = random.Random(f"definition {block}")
    for _ in range(40):
        case = drawn(choose)
        layer, inputs = case.layer().double(), case.inputs().double().detach().requires_grad_()
        layer.weight.requires_grad_(True)
        result = layer(inputs)
        x, y, w = inputs, result, layer.weight
        if case.batch is None:
            x, y = x[None], y[None]
        upstream = torch.randn_like(y)
        expected = torch.autograd.grad((y * upstream).sum(), (inputs, w))
        got = [torch.zeros_like(y), torch.zeros_like(x), torch.zeros_like(w)]
        for at, weight, to in products(case):
            if at is not None and to is not None:
                got[0].data[to] += x.data[at] * w.data[weight]
                got[1].data[at] += upstream[to] * w.data[weight]
                got[2].data[weight] += upstream[to] * x.data[at]
        if case.bias:
            got[0] += layer.bias.data.reshape(1, -1, *(1,) * len(case.size))
        assert tuple(y.shape[2:]) == case.output, case
        torch.testing.assert_close(got[0].data, y.data, msg=str(case))
        torch.testing.assert_close(got[1].data.reshape(inputs.shape), expected[0], msg=str(case))
        torch.testing.assert_close(got[2].data, expected[1], msg=str(case))
