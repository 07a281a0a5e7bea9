"""OSNet's layers have the names and shapes that published checkpoints have."""

from __future__ import annotations

from convbench.networks.osnet import OSNet

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def norm(name: str) -> list[str]:
    """Return what a batch norm has in a state_dict."""
    return [f"{name}.{part}" for part in NORM]


def lite(name: str) -> list[str]:
    """Return what a Lite 3×3 has in a state_dict."""
    return [f"{name}.conv1.weight", f"{name}.conv2.weight", *norm(f"{name}.bn")]


# What the public implementation has in the state_dict of the first block, in its order.
FIRST_BLOCK = [
    "conv1.conv.weight",
    *norm("conv1.bn"),
    *lite("conv2a"),
    *lite("conv2b.0"),
    *lite("conv2b.1"),
    *lite("conv2c.0"),
    *lite("conv2c.1"),
    *lite("conv2c.2"),
    *lite("conv2d.0"),
    *lite("conv2d.1"),
    *lite("conv2d.2"),
    *lite("conv2d.3"),
    "gate.fc1.weight",
    "gate.fc1.bias",
    "gate.fc2.weight",
    "gate.fc2.bias",
    "conv3.conv.weight",
    *norm("conv3.bn"),
    "downsample.conv.weight",
    *norm("downsample.bn"),
]
# … and outside of the blocks.
OUTSIDE = [
    "conv1.conv.weight",
    *norm("conv1.bn"),
    "conv2.2.0.conv.weight",
    *norm("conv2.2.0.bn"),
    "conv3.2.0.conv.weight",
    *norm("conv3.2.0.bn"),
    "conv5.conv.weight",
    *norm("conv5.bn"),
    "fc.0.weight",
    "fc.0.bias",
    *norm("fc.1"),
    "classifier.weight",
    "classifier.bias",
]


def test_state_dict_names() -> None:
    """Every name, in order: 92 in a first block, 86 in a second, 567 in all."""
    second = [name for name in FIRST_BLOCK if not name.startswith("downsample.")]
    assert (len(FIRST_BLOCK), len(second), len(OUTSIDE)) == (92, 86, 33)
    blocks = [
        f"conv{stage}.{index}.{name}"
        for stage in (2, 3, 4)
        for index, names in enumerate((FIRST_BLOCK, second))
        for name in names
    ]
    names = list(OSNet(num_classes=1000).build().state_dict())
    assert [name for name in names if name in set(blocks)] == blocks
    assert [name for name in names if name not in set(blocks)] == OUTSIDE
    assert len(names) == 567


def test_state_dict_names_with_instance_norm() -> None:
    """The stem's norm keeps the name bn; the conv2 blocks, and no others, end in IN."""
    plain, ibn = (set(OSNet(instance_norm=on).build().state_dict()) for on in (False, True))
    assert ibn - plain == {
        f"conv2.{index}.IN.{part}" for index in (0, 1) for part in ("weight", "bias")
    }
    assert plain - ibn == {f"conv1.bn.{part}" for part in NORM[2:]}


def test_state_dict_shapes() -> None:
    """A few shapes of x0_25, whose gates are the narrowest."""
    weights = OSNet(width=0.25, num_classes=5).build().state_dict()
    assert weights["conv1.conv.weight"].shape == (16, 3, 7, 7)
    assert weights["conv2.0.conv2d.3.conv1.weight"].shape == (16, 16, 1, 1)
    assert weights["conv2.0.conv2d.3.conv2.weight"].shape == (16, 1, 3, 3)
    assert weights["conv3.0.gate.fc1.weight"].shape == (1, 24, 1, 1)  # 24/16, rounded down
    assert weights["conv4.0.downsample.conv.weight"].shape == (128, 96, 1, 1)
    assert weights["fc.0.weight"].shape == (512, 128)
    assert weights["classifier.weight"].shape == (5, 512)
