"""OSNet's module does what the plan says, and computes what the paper says."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from convbench.core.steps import Conv, Elementwise, Linear, flatten
from convbench.networks.base import NETWORKS
from convbench.networks.osnet import OSNet

NAMES = [name for name in NETWORKS if isinstance(NETWORKS[name], OSNet)]
SIZES = [(256, 128), (13, 14), (97, 55), (50, 129)]


def counted(module: nn.Module, batch: int, size: tuple[int, int]) -> tuple[int, dict[str, int]]:
    """Return MACs that torch counts in evaluation: all, and by module; check the features."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        features = module.eval()(torch.rand(batch, 3, *size))
    assert features.shape == (batch, 512)
    assert torch.isfinite(features).all()
    root = f"{type(module).__name__}."
    return counter.get_total_flops() // 2, {
        name.removeprefix(root): sum(flops.values()) // 2
        for name, flops in counter.get_flop_counts().items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_plan_equals_module(name: str) -> None:
    """Parameters and multiplications of the plan are those of the module, at odd sizes too."""
    network = NETWORKS[name]
    module = network.build()
    assert network.cost().parameters == sum(p.numel() for p in module.parameters())
    for size in SIZES:
        assert network.cost(2, size).multiplications == counted(module, 2, size)[0], size


@pytest.mark.parametrize(
    "network",
    [
        OSNet(width=0.5, blocks=(1, 3, 2), num_classes=7),
        OSNet(width=0.25, instance_norm=True, full_conv=True),
        OSNet(width=1.25),
    ],
)
def test_plan_equals_module_with_other_knobs(network: OSNet) -> None:
    """Knobs that no registered network has."""
    module = network.build()
    assert network.cost().parameters == sum(p.numel() for p in module.parameters())
    assert network.cost(1, (75, 43)).multiplications == counted(module, 1, (75, 43))[0]


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_labelled_with_the_modules(name: str) -> None:
    """Each module's parameters and multiplications are those of the steps with its name."""
    network = replace(NETWORKS[name], num_classes=11)
    assert isinstance(network, OSNet)
    module = network.build()
    parameters: Counter[str] = Counter()
    multiplications: Counter[str] = Counter()
    for step in flatten(network.plan(2, (97, 55))):
        parameters[step.label] += step.cost.parameters
        if isinstance(step, Conv | Linear):
            multiplications[step.label] += step.cost.multiplications
    held = {
        label: sum(p.numel() for p in part.parameters(recurse=False))
        for label, part in module.named_modules()
    }
    assert {k: v for k, v in parameters.items() if v} == {k: v for k, v in held.items() if v}
    by_module = counted(module, 2, (97, 55))[1]
    assert {k: v for k, v in multiplications.items() if v} == {
        label: by_module[label] for label in multiplications if label != "classifier"
    }
    assert multiplications["classifier"] == 0


class Elements(TorchDispatchMode):
    """Counts the output elements of the elementwise operations that run."""

    OPERATIONS: ClassVar[dict[str, str]] = {
        "relu": "relu",
        "sigmoid": "sigmoid",
        "add": "add",
        "mul": "multiply",
        "native_batch_norm": "norm",  # instance norm runs it too
    }

    def __init__(self) -> None:
        """Start from nothing."""
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count."""
        result = func(*args, **(kwargs or {}))
        operation = self.OPERATIONS.get(func.overloadpacket.__name__)
        if operation:
            self.seen[operation] += (result[0] if operation == "norm" else result).numel()
        return result


@pytest.mark.parametrize("name", NAMES)
def test_elementwise_steps_equal_module(name: str) -> None:
    """Every norm, ReLU, gate and sum that runs is a step of the plan, and no other is."""
    with torch.no_grad(), Elements() as elements:
        NETWORKS[name].build().eval()(torch.rand(2, 3, 97, 55))
    planned: Counter[str] = Counter()
    for step in flatten(NETWORKS[name].plan(2, (97, 55))):
        if isinstance(step, Elementwise):
            operation = "norm" if step.operation.endswith("_norm") else step.operation
            planned[operation] += step.cost.writes
    assert planned == elements.seen


def test_smallest_input() -> None:
    """13×13 works in torch, as the plan says, and 12 does not."""
    module = OSNet(width=0.25).build().eval()
    assert module(torch.rand(1, 3, 13, 13)).shape == (1, 512)
    with pytest.raises(RuntimeError, match="Output size is too small"):
        module(torch.rand(1, 3, 12, 13))


def test_training_gives_logits_and_evaluation_features() -> None:
    """The classifier runs in training only, and trains."""
    module = OSNet(width=0.25, num_classes=7).build()
    logits = module.train()(torch.rand(2, 3, 32, 32))
    assert logits.shape == (2, 7)
    logits.sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    assert module.eval()(torch.rand(2, 3, 32, 32)).shape == (2, 512)
    assert OSNet(width=0.25).build().train()(torch.rand(2, 3, 32, 32)).shape == (2, 512)


def test_fresh_weights() -> None:
    """Convolutions: variance 2/fan out. Linear: deviation 0.01. Norms 1. Biases 0."""
    torch.manual_seed(0)
    module = OSNet(num_classes=1000, instance_norm=True).build()
    wide, stem = (
        module.get_parameter("conv5.conv.weight"),
        module.get_parameter("conv1.conv.weight"),
    )
    assert wide.std().item() == pytest.approx(math.sqrt(2 / 512), rel=0.02)
    assert stem.std().item() == pytest.approx(math.sqrt(2 / (64 * 49)), rel=0.05)
    for name in ("fc.0.weight", "classifier.weight"):
        assert module.get_parameter(name).std().item() == pytest.approx(0.01, rel=0.02)
    for name in ("conv5.bn.weight", "conv1.bn.weight", "conv2.0.IN.weight", "fc.1.weight"):
        assert bool((module.get_parameter(name) == 1).all())
    biases = [parameter for name, parameter in module.named_parameters() if name.endswith("bias")]
    assert all(bool((bias == 0).all()) for bias in biases)


def reference_block(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Return what an OSBlock makes of x, from its tensors alone and written another way."""

    def normed(name: str, y: Tensor) -> Tensor:
        mean, variance, scale, shift = (
            weights[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / torch.sqrt(variance + 1e-5) * scale + shift

    def pointwise(name: str, y: Tensor) -> Tensor:
        return torch.einsum("oc,bchw->bohw", weights[f"{name}.weight"][:, :, 0, 0], y)

    def layer(name: str, y: Tensor) -> Tensor:
        y = pointwise(f"{name}.conv1", y)
        kernel = weights[f"{name}.conv2.weight"]
        y = functional.conv2d(y, kernel, padding=1, groups=len(kernel))
        return normed(f"{name}.bn", y).clamp(min=0)

    def gate(y: Tensor) -> Tensor:
        hidden = y.mean((2, 3), keepdim=True)
        hidden = pointwise("gate.fc1", hidden) + weights["gate.fc1.bias"][:, None, None]
        hidden = pointwise("gate.fc2", hidden.clamp(min=0))
        return y / (1 + torch.exp(-hidden - weights["gate.fc2.bias"][:, None, None]))

    narrow = normed("conv1.bn", pointwise("conv1.conv", x)).clamp(min=0)
    total = gate(layer("conv2a", narrow))
    for stream, depth in (("conv2b", 2), ("conv2c", 3), ("conv2d", 4)):
        y = narrow
        for index in range(depth):
            y = layer(f"{stream}.{index}", y)
        total = total + gate(y)
    wide = normed("conv3.bn", pointwise("conv3.conv", total))
    if "downsample.conv.weight" in weights:
        x = normed("downsample.bn", pointwise("downsample.conv", x))
    return (wide + x).clamp(min=0)


@pytest.mark.parametrize(("index", "channels"), [(0, 16), (1, 64)])
def test_block_computes_what_the_paper_says(index: int, channels: int) -> None:
    """The gate is shared, the streams are added, the identity is added before the last ReLU."""
    torch.manual_seed(1)
    block = OSNet(width=0.25).build().eval().get_submodule(f"conv2.{index}").double()
    for tensor in block.state_dict().values():  # norms that do something
        if tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5)
    x = torch.randn(2, channels, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(block(x), reference_block(block.state_dict(), x))
