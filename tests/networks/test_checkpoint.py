"""Checkpoints: a round trip, what does not match, and files that must not be loaded."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch

from convbench.core.errors import ConvbenchError
from convbench.networks.checkpoint import CheckpointError, LoadReport, load_checkpoint
from convbench.networks.osnet import OSNet

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def small(seed: int, num_classes: int | None = 5) -> nn.Module:
    """Return a small OSNet with weights of its own."""
    torch.manual_seed(seed)
    return OSNet(width=0.25, blocks=(1, 1, 1), num_classes=num_classes).build().eval()


def wrapped_as_is(weights: dict[str, Any]) -> Any:
    """Return the bare state_dict."""
    return weights


def wrapped_by_data_parallel(weights: dict[str, Any]) -> Any:
    """Return names as DataParallel gives them."""
    return {f"module.{name}": tensor for name, tensor in weights.items()}


def wrapped_by_a_trainer(weights: dict[str, Any]) -> Any:
    """Return what trainers save, with other things beside."""
    return {"state_dict": wrapped_by_data_parallel(weights), "epoch": 60, "optimizer": {"lr": 0.1}}


@pytest.mark.parametrize("wrap", [wrapped_as_is, wrapped_by_data_parallel, wrapped_by_a_trainer])
def test_round_trip(tmp_path: Path, wrap: Any) -> None:
    """All layers match, and the module computes what the saved one did."""
    saved, fresh = small(0), small(1)
    x = torch.rand(2, 3, 32, 32)
    assert not torch.equal(saved(x), fresh(x))
    torch.save(wrap(saved.state_dict()), tmp_path / "weights.pth")
    report = load_checkpoint(fresh, tmp_path / "weights.pth")
    assert report == LoadReport(matched=tuple(saved.state_dict()), unmatched=())
    assert torch.equal(saved(x), fresh(x))


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    """As the command line gives it."""
    torch.save(small(0).state_dict(), tmp_path / "weights.pth")
    assert load_checkpoint(small(1), str(tmp_path / "weights.pth")).unmatched == ()


def test_layers_that_do_not_match_are_listed(tmp_path: Path) -> None:
    """A classifier of another size, a missing layer, a layer too many, things not tensors."""
    weights = small(0, num_classes=9).state_dict()
    del weights["fc.0.bias"]
    weights["head.weight"] = torch.ones(3)
    weights["epoch"] = 3
    weights["module.conv5.conv.weight"] = torch.ones(1)
    torch.save(weights, tmp_path / "weights.pth")
    module = small(1)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    report = load_checkpoint(module, tmp_path / "weights.pth")
    assert dict(report.unmatched) == {
        "classifier.weight": "wrong shape: the file has (9, 512), the model needs (5, 512)",
        "classifier.bias": "wrong shape: the file has (9,), the model needs (5,)",
        "fc.0.bias": "missing in the file",
        "head.weight": "not in the model",
        "epoch": "not a tensor: int",
        "module.conv5.conv.weight": "twice in the file, with and without 'module.'",
    }
    assert set(report.matched) == set(before) - {
        "classifier.weight",
        "classifier.bias",
        "fc.0.bias",
    }
    after = module.state_dict()
    assert torch.equal(after["classifier.weight"], before["classifier.weight"])
    assert torch.equal(after["fc.0.weight"], weights["fc.0.weight"])
    assert not torch.equal(after["fc.0.weight"], before["fc.0.weight"])


def test_a_classifier_that_the_model_does_not_have_is_left_out(tmp_path: Path) -> None:
    """The common case: published weights with an ImageNet classifier, a model without one."""
    torch.save(small(0).state_dict(), tmp_path / "weights.pth")
    report = load_checkpoint(small(1, num_classes=None), tmp_path / "weights.pth")
    assert [name for name, _ in report.unmatched] == ["classifier.weight", "classifier.bias"]


class Evil:
    """Runs a command when it is unpickled by a loader that trusts it."""

    def __init__(self, mark: Path) -> None:
        """Create `mark` when loaded."""
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        """Name the call that unpickling makes."""
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    "save", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj))]
)
def test_code_in_a_pickle_is_refused(tmp_path: Path, save: Any) -> None:
    """Nothing of it runs, and the message says what to do."""
    path, mark = tmp_path / "weights.pth", tmp_path / "mark"
    save({"state_dict": small(0).state_dict(), "extra": Evil(mark)}, path)
    with pytest.raises(CheckpointError, match=r"could run code.*Give a file"):
        load_checkpoint(small(1), path)
    assert not mark.exists()
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert mark.exists()  # or the refusal would have proved nothing


def test_nothing_that_matches_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    """Another network's weights."""
    torch.save({"layer1.weight": torch.ones(3), "layer2.weight": torch.ones(3)}, tmp_path / "w.pth")
    module = small(1)
    before = module.state_dict()["fc.0.weight"].clone()
    with pytest.raises(
        CheckpointError, match=r"holds layer1\.weight, layer2\.weight, and the model"
    ):
        load_checkpoint(module, tmp_path / "w.pth")
    assert torch.equal(module.state_dict()["fc.0.weight"], before)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a checkpoint"),
        (b"name,weight\nfc,0.1\n", "not a checkpoint"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a checkpoint"),
        (b"PK\x03\x04" + bytes(100), "not a checkpoint"),
        (bytes(range(256)) * 8, "not a checkpoint"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes, message: str) -> None:
    """Empty, text, an image, a broken archive, noise."""
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(small(1), tmp_path / "weights.pth")


def test_a_torn_file(tmp_path: Path) -> None:
    """A download that broke off."""
    torch.save(small(0).state_dict(), tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "torn.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"torn\.pth is not a checkpoint"):
        load_checkpoint(small(1), tmp_path / "torn.pth")


@pytest.mark.parametrize("content", [torch.ones(3), [torch.ones(3)], 5, {"state_dict": {}}, {}])
def test_checkpoints_without_a_state_dict(tmp_path: Path, content: Any) -> None:
    """A tensor, a list, a number, nothing."""
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"no state_dict|holds no tensor"):
        load_checkpoint(small(1), tmp_path / "weights.pth")


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    """No such file, and a folder."""
    with pytest.raises(CheckpointError, match=r"No such file.*give the path"):
        load_checkpoint(small(1), tmp_path / "nowhere.pth")
    with pytest.raises(CheckpointError, match="cannot be opened"):
        load_checkpoint(small(1), tmp_path)


def test_the_error_is_one_that_the_command_line_reports() -> None:
    """Without a traceback."""
    assert issubclass(CheckpointError, ConvbenchError)
