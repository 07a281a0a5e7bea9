"""The fast path: every answer from shapes alone is what the operators themselves give and cost."""

import contextlib

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from convbench.counting.engine import run
from convbench.counting.engine.counts import Counts
from convbench.counting.engine.dispatch import Dispatch
from convbench.counting.engine.fast_path import FastPath
from convbench.counting.engine.hand_written import Weights
from convbench.counting.engine.recorder import Recorder
from convbench.counting.engine.run import profile
from convbench.counting.engine.shape_rules import FAST
from convbench.counting.engine.values import Values
from convbench.networks.base import NETWORKS

MANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
DTYPES = (torch.float32, torch.float32, torch.float32, torch.bfloat16, torch.float64, torch.int64)
integers, booleans = st.integers, st.booleans


def tensor(draw, shape, dtype=torch.float32):
    """A meta tensor, now and then one whose layout is another."""
    made = torch.empty(shape, dtype=dtype, device="meta")
    layout = draw(st.sampled_from(["plain", "plain", "plain", "last", "turned"]))
    if layout == "last" and made.ndim == 4:
        return made.contiguous(memory_format=torch.channels_last)
    if layout == "turned" and made.ndim > 1:
        return torch.empty(shape[::-1], dtype=dtype, device="meta").permute(
            *range(made.ndim - 1, -1, -1)
        )
    return made


def sizes(draw, low=1, high=4, least=1, most=6):
    return tuple(draw(st.lists(integers(least, most), min_size=low, max_size=high)))


def maybe(draw, value):
    return value if draw(booleans()) else None


def kind(draw):
    return draw(st.sampled_from(DTYPES))


def convolution(dims):
    def drawn(draw):
        groups = draw(integers(1, 3))
        odd = draw(integers(0, 9)) == 0
        channels, outputs = groups * draw(integers(1, 3)), groups * draw(integers(1, 3))
        number = st.one_of(integers(0, 3), st.tuples(*[integers(0, 3)] * dims))
        positive = st.one_of(integers(1, 3), st.tuples(*[integers(1, 3)] * dims))
        dtype = kind(draw)
        image = [draw(integers(1, 7)) for _ in range(dims)]
        taps = [draw(integers(1, 3)) for _ in range(dims)]
        x = tensor(draw, (draw(integers(1, 3)), channels, *image))
        weight = tensor(draw, (outputs, channels // groups + odd, *taps))
        options = {
            "stride": draw(positive),
            "padding": draw(st.one_of(st.sampled_from(["same", "valid"]), number)),
            "dilation": draw(positive),
            "groups": groups,
        }
        bias = maybe(draw, torch.empty(outputs, dtype=dtype, device="meta"))
        return (x.to(dtype), weight.to(dtype), bias), options

    return drawn


def linear(draw):
    dtype, inner, outputs = kind(draw), draw(integers(1, 5)), draw(integers(1, 5))
    x = tensor(draw, (*sizes(draw, 0), inner), dtype)
    weight = tensor(draw, (outputs, inner + (draw(integers(0, 9)) == 0)), dtype)
    return (x, weight, maybe(draw, torch.empty(outputs, dtype=dtype, device="meta"))), {}


def batch_norm(draw):
    shape, dtype = sizes(draw, 1), kind(draw)
    channels = shape[1] if len(shape) > 1 else 1
    channels += draw(integers(0, 9)) == 0
    held = [torch.empty(channels, dtype=dtype, device="meta") for _ in range(4)]
    affine, training = draw(booleans()), draw(booleans())
    arguments = (tensor(draw, shape, dtype), *held[:2], *(held[2:] if affine else (None, None)))
    return arguments, {"training": training}


def layer_norm(draw):
    shape, dtype = sizes(draw, 1), kind(draw)
    normal = shape[-draw(integers(1, len(shape))) :]
    normal = (*normal[:-1], normal[-1] + (draw(integers(0, 9)) == 0))
    weight, bias = (maybe(draw, torch.empty(normal, dtype=dtype, device="meta")) for _ in "wb")
    return (tensor(draw, shape, dtype), normal, weight, bias), {}


def instance_norm(draw):
    shape, dtype = (1, *sizes(draw, 1)), kind(draw)  # of one image: torch repeats weights for more
    held = [torch.empty(shape[1], dtype=dtype, device="meta") for _ in range(2)]
    weights = held if draw(booleans()) else (None, None)
    return (tensor(draw, shape, dtype), None, None, *weights), {}


def one(draw):
    return (tensor(draw, sizes(draw), kind(draw)),), {}


def one_in_place(draw):
    (x,), _ = one(draw)
    return (x,), {"inplace": draw(booleans())}


def pooled(draw):
    wanted = st.one_of(st.none(), integers(1, 4))
    size = draw(st.one_of(integers(1, 4), st.tuples(wanted, wanted)))
    return (tensor(draw, sizes(draw, 2, 5), kind(draw)), size), {}


def dropout(draw):
    (x,), _ = one(draw)
    return (x, draw(st.sampled_from([0.0, 0.5, 1.0]))), {"training": draw(booleans())}


def two(draw):
    shape, dtype = sizes(draw), kind(draw)
    other = tuple(1 if draw(booleans()) else n for n in shape)
    other = other[draw(integers(0, len(other) - 1)) :] if draw(booleans()) else other
    pair = [tensor(draw, shape, dtype), tensor(draw, other, dtype)]
    return tuple(pair if draw(booleans()) else pair[::-1]), {}


ARGUMENTS = {
    torch.conv1d: convolution(1),
    torch.conv2d: convolution(2),
    torch.conv3d: convolution(3),
    torch._C._nn.linear: linear,
    functional.batch_norm: batch_norm,
    functional.layer_norm: layer_norm,
    functional.instance_norm: instance_norm,
    functional.adaptive_avg_pool2d: pooled,
    functional.dropout: dropout,
    **dict.fromkeys([Tensor.add, torch.add, Tensor.mul, torch.mul, Tensor.add_], two),
    **dict.fromkeys([torch._C._nn.gelu, torch.relu, torch.sigmoid, Tensor.sigmoid], one),
}


def under(mode, function, arguments, options):
    """What a call gives and costs, with the fast path or without; the error if it raises."""
    recorder = Recorder(nn.Module())
    dispatch = Dispatch(recorder, Weights([], []), real=False, values=Values())
    with torch.no_grad(), dispatch, mode(dispatch):
        try:
            result = function(*arguments, **options)
        except Exception as error:  # noqa: BLE001  that both raise is what counts
            return type(error).__name__
    total = Counts()
    for _, _, counts, _ in recorder.events:
        total = total + counts
    layout = [step for n, step in zip(result.shape, result.stride(), strict=True) if n > 1]
    return tuple(result.shape), result.dtype, layout, total


def slow(_):
    return contextlib.nullcontext()


@pytest.mark.filterwarnings("ignore")  # of even kernels with padding='same', once a process
@pytest.mark.parametrize("function", list(FAST), ids=lambda f: getattr(f, "__qualname__", str(f)))
@MANY
@given(data=st.data())
def test_an_answer_is_what_the_operator_gives_and_costs(function, data):
    arguments, options = ARGUMENTS.get(function, one_in_place)(data.draw)
    copies = tuple(x.clone() if isinstance(x, Tensor) else x for x in arguments)
    expected = under(slow, function, copies, options)
    assert under(FastPath, function, arguments, options) == expected


def test_something_is_answered_at_once(monkeypatch):
    """Else the comparisons above would compare nothing."""
    seen = set()
    module = NETWORKS["osnet_x0_25"].build().eval()
    noted = FastPath._recorded
    monkeypatch.setattr(
        FastPath, "_recorded", lambda self, f, a: (seen.add(f[0]), noted(self, f, a))[1]
    )
    profile(module, torch.zeros(1, 3, 64, 32))
    assert {"convolution", "linear", "batch_norm", "relu", "sigmoid", "mul", "add"} <= seen


SQUARE = torch.ones(4, 4, 3, 3)
DECLINED = {
    # what: a call that torch refuses, or answers otherwise
    "a batch norm of other channels": lambda x, n: n.batch_norm(x, torch.ones(8), torch.ones(8)),
    "a layer norm of another width": lambda x, n: n.layer_norm(x, (5,)),
    "a stride with padding='same'": lambda x, n: n.conv2d(x, SQUARE, None, 2, "same"),
    "an unknown padding": lambda x, n: n.conv2d(x, SQUARE, padding="valdi"),
    "no stride": lambda x, n: n.conv2d(x, SQUARE, stride=0),
    "a kernel of other channels": lambda x, n: n.conv2d(x, torch.ones(4, 3, 3, 3)),
    "a kernel larger than the image": lambda x, n: n.conv2d(x, torch.ones(4, 4, 9, 9)),
    "a probability of two": lambda x, n: n.dropout(x, 2.0, training=False),
    "shapes that do not broadcast": lambda x, _: x * torch.ones(3),
}


@pytest.mark.parametrize("case", DECLINED)
def test_what_torch_refuses_is_refused(case):
    class Calls(nn.Module):
        def forward(self, x):
            return DECLINED[case](x, functional)

    with pytest.raises(run.ProfileError):
        profile(Calls(), torch.zeros(2, 4, 6, 6))
