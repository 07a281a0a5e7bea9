"""`convbench profile`: any model, and what is said of one that cannot be."""

import json

import pytest

MODELS = """
import torch
from torch import nn


def small(channels=4):
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.ReLU())


class Decides(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.a(x) if x.sum() >= 0 else x


class Spectrum(nn.Module):
    def forward(self, x):
        return torch.linalg.svdvals(x)


def broken(depth):
    raise ValueError(f"no depth {depth}")


def words():
    return "not a module"


ready = small()
NUMBER = 3
"""


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A module with models, importable from the folder the command runs in."""
    import sys

    (tmp_path / "mine.py").write_text(MODELS)
    yield
    sys.modules.pop("mine", None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def test_a_registered_network(convbench):
    text = convbench("profile", "osnet_x0_25", "--input", "1x3x256x128").stdout
    assert "82,314,880 multiplications (= MACs) forward" in text
    assert "201,864 parameters" in text
    assert "nothing was computed" in text
    assert "conv2" in text


def test_a_factory_with_arguments(convbench, models):
    text = convbench("profile", "mine:small", "--arg", "channels=8", "--input", "2x3x8x8").stdout
    assert f"{2 * 8 * 3 * 9 * 36:,} multiplications" in text


def test_a_module_that_exists_already(convbench, models):
    text = convbench("profile", "mine:ready", "--input", "1x3x8x8").stdout
    assert f"{4 * 3 * 9 * 36:,} multiplications" in text


def test_a_model_that_decides_by_its_data_runs_for_real(convbench, models):
    text = convbench("profile", "mine:Decides", "--input", "1x3x8x8").stdout
    assert f"{4 * 3 * 9 * 36:,} multiplications" in text
    assert "run for real, because" in text


def test_backward(convbench, models):
    text = convbench("profile", "mine:small", "--input", "1x3x8x8", "--backward").stdout
    assert f"{4 * 3 * 9 * 36:,} multiplications backward, 1.000 × forward" in text


def test_an_exported_program(convbench, tmp_path):
    import torch

    program = torch.export.export(torch.nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "model.pt2")
    text = convbench("profile", "model.pt2", "--input", "1x3x8x8").stdout
    assert f"{4 * 3 * 9 * 36:,} multiplications" in text


@pytest.mark.parametrize("written", ["json", "csv", "markdown"])
def test_formats(convbench, models, tmp_path, written):
    done = convbench("profile", "mine:small", "--input", "1x3x8x8", "--format", written)
    macs = 4 * 3 * 9 * 36
    if written == "json":
        assert json.loads(done.stdout)["multiplications"] == macs
    elif written == "csv":
        import io

        import pandas as pd

        assert pd.read_csv(io.StringIO(done.stdout))["multiplications"].sum() == macs
    else:
        assert f"{macs:,}" in done.stdout
    convbench(
        "profile", "mine:small", "--input", "1x3x8x8", "--format", written, "--out", "deep/p.txt"
    )
    assert (tmp_path / "deep" / "p.txt").read_text() == done.stdout


def test_an_unknown_operator_makes_the_total_a_lower_bound(convbench, models):
    text = convbench("profile", "mine:Spectrum", "--input", "4x4").stdout
    assert "≥ 0 multiplications" in text
    assert "no counting rule for: aten." in text
    done = convbench("profile", "mine:Spectrum", "--input", "4x4", "--strict", code=2)
    assert "without a counting rule" in done.stderr


BAD = [
    # what is wrong, the arguments, what the message must say
    ("unknown network", ["osnet_x9"], "Did you mean osnet_x"),
    ("no such package", ["nowhere:model"], "nowhere cannot be imported"),
    ("missing attribute", ["mine:smal"], "no attribute 'smal'. Did you mean small"),
    ("a factory that raises", ["mine:broken", "--arg", "depth=3"], "raised ValueError: no depth 3"),
    ("missing argument", ["mine:broken"], "missing 1 required positional argument"),
    ("unknown argument", ["mine:small", "--arg", "width=3"], "unexpected keyword"),
    ("argument without value", ["mine:small", "--arg", "width"], "is not key=value"),
    ("not a module", ["mine:words"], "returned a str, not a torch.nn.Module"),
    ("not callable", ["mine:NUMBER"], "is a int"),
    ("no such file", ["nowhere.pt2"], "no file nowhere.pt2"),
    ("wrong input", ["mine:small", "--input", "1x5x8x8"], "cannot be run on inputs (1, 5, 8, 8)"),
    ("not a shape", ["mine:small", "--input", "1,3,8,8"], "is not a shape"),
    ("network with arguments", ["osnet_x1_0", "--arg", "width=2"], "takes no --arg"),
]


@pytest.mark.parametrize(("arguments", "says"), [row[1:] for row in BAD], ids=[r[0] for r in BAD])
def test_bad_input(convbench, models, arguments, says):
    if "--input" not in arguments:
        arguments = [*arguments, "--input", "1x3x8x8"]
    done = convbench("profile", *arguments, code=2)
    assert says in " ".join(done.stderr.split())


def test_a_file_that_is_no_exported_program(convbench, tmp_path):
    (tmp_path / "model.pt2").write_text("no archive")
    done = convbench("profile", "model.pt2", "--input", "1x3x8x8", code=2)
    assert "is no exported program" in done.stderr
