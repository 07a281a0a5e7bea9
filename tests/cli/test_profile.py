"""`convbench profile`: any model, and what is said of one that cannot be."""

import json
import os
import zipfile
from pathlib import Path

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
    assert "the counts are those for the weights and inputs given (on the command" in " ".join(
        text.split()
    )


def test_backward(convbench, models):
    text = convbench("profile", "mine:small", "--input", "1x3x8x8", "--backward").stdout
    assert f"{4 * 3 * 9 * 36:,} multiplications backward, 1.000 × forward" in text


def test_one_line(convbench, models):
    asked = ("profile", "mine:small", "--input", "1x3x8x8", "-q")
    assert convbench(*asked).stdout == "Sequential: 3,888 MACs, 120 parameters\n"
    assert convbench(*asked, "--backward").stdout == (
        "Sequential: 3,888 MACs forward, 3,888 MACs backward, 120 parameters\n"
    )


def test_one_line_does_not_hide_what_else_there_is_to_know(convbench, more):
    asked = ("profile", "more:Still", "--input", "2x3", "-q", "--backward")
    done = convbench(*asked)
    assert done.stdout == "Still: 18 MACs forward, 0 MACs backward, 12 parameters\n"
    assert "nothing was counted backward" in done.stderr


def test_columns_order_and_depth(convbench, models):
    asked = ("profile", "mine:small", "--input", "1x3x8x8")
    text = convbench(*asked, "--columns", "FLOPs,kernel,output", "--sort", "elementwise").stdout
    lines = [line.split() for line in text.splitlines()]
    assert lines[:5] == [
        ["module", "FLOPs", "kernel", "output"],
        ["Sequential", "7,776", "–", "1×4×6×6"],
        ["1", "BatchNorm2d", "0", "–", "1×4×6×6"],
        ["2", "ReLU", "0", "–", "1×4×6×6"],
        ["0", "Conv2d", "7,776", "3×3", "1×4×6×6"],
    ]
    assert "FLOPs: 2 for each MAC forward" in text
    short = convbench(*asked, "--columns", "macs", "--depth", "0", "--format", "json").stdout
    assert json.loads(short)["modules"] == [
        {"module": "", "kind": "Sequential", "multiplications": 3888}
    ]
    every = convbench(*asked, "--columns", "all", "--format", "csv").stdout
    assert every == convbench(*asked, "--format", "csv").stdout


def test_a_factory_in_a_file_anywhere(convbench, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "parts_of_it.py").write_text("from torch import nn\nlayer = nn.Linear\n")
    (folder / "net.py").write_text(
        "import parts_of_it\n\n\ndef make(width=2):\n    return parts_of_it.layer(3, width)\n"
    )
    asked = ("elsewhere/net.py:make", "--arg", "width=5", "--input", "2x3", "-q")
    assert convbench("profile", *asked).stdout == "Linear: 30 MACs, 20 parameters\n"


def test_an_input_by_keyword(convbench, more):
    named = ("--input", "image=5x3", "--input", "tokens=2x7:int64")
    asked = ("--columns", "macs,input", "--format", "json", "--depth", "0")
    found = json.loads(convbench("profile", "more:Pair", *named, *asked).stdout)
    assert found["modules"] == [
        {"module": "", "kind": "Pair", "multiplications": 60, "input": [[[5, 3], [2, 7]]]}
    ]
    said = convbench("profile", "more:Pair", *named, "--explain-counter", "fvcore", code=2).stderr
    assert "take inputs by position" in said


def test_a_model_of_torchvision(convbench):
    text = convbench(
        "profile", "torchvision.models:resnet50", "--input", "1x3x224x224", "-q"
    ).stdout
    assert text == "ResNet: 4,089,184,256 MACs, 25,557,032 parameters\n"  # 4.09 G, as is published


def test_an_exported_program(convbench, tmp_path):
    import torch

    program = torch.export.export(torch.nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "model.pt2")
    text = convbench("profile", "model.pt2", "--trust", "--input", "1x3x8x8").stdout
    assert f"{4 * 3 * 9 * 36:,} multiplications" in text


class Writes:
    """What makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("written",)


@pytest.fixture
def harmful(tmp_path, monkeypatch):
    """An exported program whose sample inputs are a pickle that makes the folder `written`."""
    import torch

    monkeypatch.chdir(tmp_path)
    program = torch.export.export(torch.nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, "sound.pt2")
    torch.save(Writes(), "sample.pt")
    with zipfile.ZipFile("sound.pt2") as sound, zipfile.ZipFile("harmful.pt2", "w") as harmful:
        inputs = [name for name in sound.namelist() if "inputs" in name]
        assert inputs
        for name in sound.namelist():
            harmful.writestr(
                name, Path("sample.pt").read_bytes() if name in inputs else sound.read(name)
            )
    return tmp_path / "written"


@pytest.mark.parametrize(
    "command",
    [["profile"], ["profile", "--explain-counter", "torch"], ["formula"], ["layers"]],
    ids=" ".join,
)
def test_an_exported_program_runs_no_code_without_trust(convbench, harmful, command):
    asked = (*command, "harmful.pt2", "--input", "1x3x8x8")
    done = convbench(*asked, code=2)
    assert "harmful.pt2 was not loaded: an exported program can run any code" in done.stderr
    assert "give --trust (in Python, trust=True)" in done.stderr
    assert not harmful.exists()
    convbench(*asked, "--trust", code=2)  # this test can fail: with trust it is made
    assert harmful.exists()


@pytest.mark.parametrize("written", ["json", "csv", "markdown"])
def test_formats(convbench, models, tmp_path, written):
    done = convbench("profile", "mine:small", "--input", "1x3x8x8", "--format", written)
    macs = 4 * 3 * 9 * 36
    if written == "json":
        assert json.loads(done.stdout)["multiplications"] == macs
    elif written == "csv":
        import io

        import pandas as pd

        assert pd.read_csv(io.StringIO(done.stdout))["multiplications"].tolist() == [
            macs,
            macs,
            0,
            0,
        ]
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
    ("unknown column", ["mine:small", "--columns", "macs,flop"], "Did you mean flops"),
    ("unknown order", ["mine:small", "--sort", "weight"], "no column of a profile 'weight'"),
    ("nothing backward", ["mine:small", "--columns", "backward"], "needs backward=True (--back"),
    ("in a line", ["mine:small", "-q", "--format", "csv"], "leave out --format"),
    ("no such Python file", ["gone.py:make"], "There is no file gone.py"),
    ("nothing named in a file", ["mine.py"], "mine.py:make"),
    ("missing in a file", ["mine.py:smal"], "has no attribute 'smal'. Did you mean small"),
    ("one of a package of models", ["torchvision:resnet18"], "torchvision.models:resnet18"),
    ("no keyword", ["mine:small", "--input", "1mask=1x3"], "is no name of an argument"),
    ("a keyword that it lacks", ["mine:small", "--input", "mask=1x3x8x8"], "unexpected keyword"),
    ("a keyword twice", ["mine:small", "--input", "x=1x3", "--input", "x=1x3"], "given twice"),
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


MORE = """
import sys

import torch
from torch import nn


def words():
    return nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 5))


def double():
    return nn.Linear(3, 4).double()


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.image = nn.Embedding(10, 4), nn.Linear(3, 4)

    def forward(self, tokens, image):
        return self.words(tokens), self.image(image)


def wide(width=1):
    return nn.Linear(3, width)


def talks():
    print("words on the way")
    return wide()


def leaves():
    sys.exit(3)


class Leaves(nn.Module):
    def forward(self, x):
        raise SystemExit(4)


class Where(nn.Module):
    def __init__(self):
        super().__init__()
        self.here, self.there = nn.Linear(3, 3), nn.Linear(3, 300)

    def forward(self, x):
        return self.here(x) if x.device.type == "cpu" else self.there(x)


class Still(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    @torch.no_grad()
    def forward(self, x):
        return self.layer(x)


class Doubts(nn.Module):
    def __init__(self):
        super().__init__()
        self.here, self.there = nn.Linear(3, 3), nn.Linear(3, 300)

    def forward(self, x):
        try:
            float(x.sum())
        except RuntimeError:
            return self.there(x)
        return self.here(x)
"""


@pytest.fixture
def more(tmp_path, monkeypatch, models):
    import sys

    (tmp_path / "more.py").write_text(MORE)
    yield
    sys.modules.pop("more", None)


COUNTED = {
    # what -> arguments, multiplications
    "tokens": (["more:words", "--input", "2x7:int64"], 2 * 7 * 20),
    "weights of double": (["more:double", "--input", "2x3"], 24),
    "said to be double": (["more:double", "--input", "2x3:float64"], 24),
    "two inputs": (["more:Pair", "--input", "2x7:int64", "--input", "5x3"], 60),
    "a device": (["more:Where", "--input", "2x3"], 18),
    "a doubt": (["more:Doubts", "--input", "2x3"], 18),
}


@pytest.mark.parametrize("what", COUNTED)
def test_inputs_of_any_type(what, convbench, more):
    arguments, macs = COUNTED[what]
    found = json.loads(convbench("profile", *arguments, "--format", "json").stdout)
    assert found["multiplications"] == macs


def test_a_formula_of_tokens(convbench, more):
    text = convbench("formula", "more:words", "--input", "2x7:int64").stdout
    assert "280 at B=2, L=7" in text


def test_what_a_model_prints_is_not_the_profile(convbench, more):
    done = convbench("profile", "more:talks", "--input", "2x3", "--format", "json")
    assert json.loads(done.stdout)["multiplications"] == 6
    assert "words on the way" in done.stderr


def test_an_exported_program_by_layer_and_of_its_own_type(convbench, tmp_path, monkeypatch):
    import torch
    from torch import nn

    monkeypatch.chdir(tmp_path)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5)).double()
    program = torch.export.export(module, (torch.zeros(2, 3, dtype=torch.float64),))
    torch.export.save(program, "net.pt2")
    asked = ("--input", "2x3")
    text = convbench("profile", "net.pt2", *asked, "--trust", "--format", "markdown").stdout
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in text.splitlines()]
    assert ["0", "Linear", "24"] in rows
    assert ["2", "Linear", "40"] in rows
    refused = convbench("profile", "net.pt2", *asked, "--arg", "a=1", code=2)
    assert "net.pt2 is an exported program and takes no --arg (a)" in refused.stderr


def test_the_ending_says_what_to_write(convbench, more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, start in {"a.md": "# Linear", "a.csv": "module,", "a.json": "{"}.items():
        convbench("profile", "more:wide", "--input", "2x3", "--out", name)
        assert (tmp_path / name).read_text().startswith(start)


HUGE = "9999999999"
WRONG = {
    # what -> arguments, what is said
    "more sizes than bits": (
        ["more:wide", "--input", f"{HUGE}{HUGE}{HUGE}x3"], "more than torch can count"
    ),
    "more elements than bits": (
        ["more:wide", "--input", f"1x{HUGE}x{HUGE}"], "more than torch can count"
    ),
    "no type": (["more:wide", "--input", "2x3:whole"], "'whole' is no data type of torch"),
    "the type of words": (["more:words", "--input", "2x7"], "SHAPE:dtype, like 2x7:int64"),
    "twice": (
        ["more:wide", "--input", "2x3", "--arg", "width=4", "--arg", "width=16"],
        "--arg width is given twice, as 4 and as 16",
    ),
    "nowhere to go": (["more:wide", "--input", "2x3", "--out", "a.txt"], "does not say what to"),
    "a depth": (["more:wide", "--input", "2x3", "--depth", "-1"], "--depth"),
    "it exits as it is made": (["more:leaves", "--input", "2x3"], r"calls sys.exit(3) instead of"),
    "it exits as it runs": (["more:Leaves", "--input", "2x3"], r"calls sys.exit(4) when it is run"),
    "junk": (["junk.pt2", "--input", "2x3"], "junk.pt2 is no exported program (not an archive)"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_one_message_and_the_status_of_bad_input(what, convbench, more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk.pt2").write_text("junk")
    arguments, message = WRONG[what]
    done = convbench("profile", *arguments, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_why_a_counter_shows_another_number(convbench, models, tmp_path):
    given = ("--input", "1x3x8x8", "--explain-counter")
    text = convbench("profile", "mine:small", *given, "fvcore,FlopCounterMode").stdout
    assert text == (
        "fvcore: 4,176 = 3,888 + 288 (batch_norm)\nFlopCounterMode: 7,776 = 2 × 3,888\n"
    )
    import torch

    program = torch.export.export(torch.nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "saved.pt2")
    text = convbench("profile", "saved.pt2", "--trust", *given, "torch").stdout
    assert text == "torch: 7,776 = 2 × 3,888\n"
    said = convbench("profile", "mine:small", *given, "fvcor", code=2).stderr
    assert "Did you mean fvcore" in said


@pytest.mark.parametrize(
    "option",
    [
        ["--backward"],
        ["--strict"],
        ["--format", "csv"],
        ["--out", "x.md"],
        ["--depth", "0"],
        ["--columns", "macs"],
        ["--sort", "macs"],
        ["--quiet"],
    ],
)
def test_an_option_that_says_nothing_of_other_counters_is_refused(convbench, models, option):
    given = ("--input", "1x3x8x8", "--explain-counter", "fvcore", *option)
    assert f"leave out {option[0]}" in convbench("profile", "mine:small", *given, code=2).stderr


def test_a_counter_that_is_missing_does_not_silence_the_others(convbench, models):
    given = ("--input", "1x3x8x8", "--explain-counter", "fvcore,DeepSpeed,torch")
    done = convbench("profile", "mine:small", *given, code=2)
    assert done.stdout.count("3,888") == 2
    assert "DeepSpeed cannot be imported" in done.stderr


@pytest.mark.parametrize("way", ["module", "file"])
def test_a_file_in_the_working_folder_stands_in_for_no_package(fresh, tmp_path, way):
    """Neither what convbench imports later nor what the model imports is looked for there first."""
    for name in ("tabulate", "pandas", "sympy", "fvcore", "matplotlib", "rich", "numpy", "torch"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the working folder')")
    (tmp_path / "mine.py").write_text(
        "import helper, pandas, torch\nmake = lambda: torch.nn.Linear(helper.size, 2)"
    )
    (tmp_path / "helper.py").write_text("size = 3")
    model = "mine:make" if way == "module" else str(tmp_path / "mine.py:make")
    for form in ("json", "markdown"):
        done = fresh("profile", model, "--input", "4x3", "--format", form)
        assert "24" in done.stdout


def test_one_of_a_kind_is_singular(convbench, tmp_path):
    (tmp_path / "one.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Linear(1, 1, bias=False)\n"
    )
    text = convbench("profile", "one.py:make", "--input", "1x1").stdout
    assert "1 multiplication (= MACs) forward" in text
    assert "1 parameter; 1 activation (" in " ".join(text.split())
