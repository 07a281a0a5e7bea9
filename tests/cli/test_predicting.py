"""`calibrate`, `predict`, `breakeven` and `profile --time` on the command line."""

import json

import pytest
from prediction.predictions import calibration

from convbench.prediction.calibration import Calibration, load, save

SLOT = ["--in-channels", "64", "--out-channels", "64", "--input", "28x28", "--padding", "same"]


@pytest.fixture
def calibrated(tmp_path):
    return save(calibration(), tmp_path / "here.json")


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_a_type_is_predicted_beside_simpler_models(convbench, calibrated, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    text = convbench("predict", "depthwise_separable", *SLOT, "--calibration", calibrated).stdout
    assert "predicted" in text.splitlines()[0] + text.splitlines()[1]
    for words in ("fitted model", "FLOPs × constant", "roofline", "depthwise, channels first"):
        assert words in text
    assert "1 thread" in text
    assert all(len(line) <= int(columns) for line in text.splitlines())


def test_a_model_is_predicted_from_its_shapes(convbench, calibrated):
    one, two = (
        convbench("predict", "--model", "osnet_x0_25", "--input", "1x3x64x32", "--threads", count,
                  "--calibration", calibrated).stdout
        for count in (1, 2)
    )  # fmt: skip
    assert "osnet_x0_25 1x3x64x32: predicted" in one
    assert "2 threads" in two
    assert one.splitlines()[0] != two.splitlines()[0]


def test_a_map_is_a_table_and_a_figure(convbench, calibrated, tmp_path):
    text = convbench(
        "breakeven", "depthwise_separable", "--channels", "16,64", "--sizes", "7,28",
        "--batches", "1", "--measured", "0", "--out", "map.svg", "--calibration", calibrated,
    ).stdout  # fmt: skip
    assert "Of 4 slots the replacement is predicted to be faster in" in text
    drawn = (tmp_path / "map.svg").read_text()
    assert "28×28" in drawn
    assert "batch 1" in drawn


def test_calibrating_writes_what_predict_reads(convbench, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = convbench("calibrate", "--budget", "5", "--threads", "1").stdout
    assert "Errors of operators that were held out" in " ".join(text.split())
    found = load()
    assert [fit.threads for fit in found.fits] == [1]
    assert found.fits[0].samples >= 360
    assert "standard, channels first" in found.fits[0].families
    predicted = convbench("predict", "standard", *SLOT).stdout
    assert "predicted" in predicted


def test_profile_times_and_predicts_every_layer(convbench, calibrated, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "two.py").write_text(
        "from torch import nn\n"
        "def two(): return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))\n"
    )
    asked = ["profile", "two.py:two", "--input", "1x3x16x16", "--time", "--budget", "1"]
    without = convbench(*asked).stdout
    assert "Without predictions: This machine is not calibrated" in " ".join(without.split())
    save(calibration())
    text = convbench(*asked).stdout
    for words in ("0 Conv2d", "1 ReLU", "2 Conv2d", "outside the layers", "predicted"):
        assert words in text
    assert "of the measured whole" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "standard"], "is not calibrated, with this version of PyTorch: run"),
        (["predict"], "Give a convolution type, or a model with --model"),
        (["predict", "standard", "--model", "osnet_x0_25"], "one of the two"),
        (["predict", "--model", "osnet_x0_25"], "--model needs the shape of its input"),
        (["predict", "--model", "osnet_x0_25", "--block"], "--block belong to a type"),
        (["predict", "standard", "--arg", "a=1"], "give knobs of a type with --knob"),
        (["predict", "standard", "--input", "3", "--input", "4"], "give --input once"),
        (["predict", "standard", "--calibration", "no.json"], "There is no file no.json"),
        (["breakeven", "ghost", "--out", "map.gif"], "end it with .png, .svg or .pdf"),
        (["breakeven", "ghost", "--sizes", "big"], "give whole numbers from 1 on"),
        (["breakeven", "goost"], "Did you mean ghost"),
        (["calibrate", "--threads", "100000"], "this machine has"),
        (["profile", "osnet_x0_25", "--input", "1x3x64x32", "--time", "--quiet"], "leave out"),
    ],
)
def test_bad_input_is_one_clear_message(convbench, monkeypatch, tmp_path, arguments, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = convbench(*arguments, code=2)
    assert said in found.stderr
    assert found.stderr.startswith("convbench: ")
    assert "Traceback" not in found.stderr


def test_another_machine_and_a_model_that_cannot_be_traced_are_refused(convbench, tmp_path):
    other = Calibration(**{**vars(calibration()), "machine": {"cpu": "another"}})
    path = save(other, tmp_path / "other.json")
    asked = ["predict", "standard", *SLOT, "--calibration", path]
    assert "is of another machine (cpu was 'another'" in convbench(*asked, code=2).stderr
    assert "predicted" in convbench(*asked, "--any-machine").stdout
    (tmp_path / "branches.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def forward(self, x): return x if x.sum() > 0 else -x\n"
    )
    asked = ["predict", "--model", "branches.py:Net", "--input", "1x3x4x4", "--calibration", path]
    said = convbench(*asked, "--any-machine", code=2).stderr
    assert "Net cannot be traced without its data" in said
    three = json.loads(path.read_text()) | {"fits": []}
    path.write_text(json.dumps(three))
    assert "has no times" in convbench(*asked, "--any-machine", code=2).stderr
