"""list, explain, help, and what imports what."""

import json
import subprocess
import sys

import pytest
from conftest_root import ROOT
from plugin_text import PLUGIN

from convbench.convs.base import TYPES


def modules_after(code):
    """Return the modules that are loaded after running `code` in a fresh Python."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(chr(10).join(sys.modules))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


TORCH_FREE = [
    "core.spec",
    "core.costs",
    "core.steps",
    "core.registry",
    "formulas",
    "runs.code",
    "runs.record",
    "runs.store",
    "runs.suite",
    "runs.cases",
    "report.contents",
    "report.write",
    "report.formats.latex",
    "report.formats.json",
    "report.formats.parquet",
    "report.formats.terminal",
    "comparing.command",
    "history.command",
    "ui.notebook.costs",
    "ui.notebook.tallies",
    "ui.notebook.runs",
    "ui.notebook.plots",
    "ui.schemas",
    "testing",
    "pytest_plugin",
    "clock.samples",
    "clock.stats",
    "counting.tally",
    "counting.agreement",
    "ui.cli",
]


@pytest.mark.parametrize("module", TORCH_FREE)
def test_module_imports_no_torch(module):
    assert "torch" not in modules_after(f"import convbench.{module}")


def test_import_convbench_imports_nothing_heavy():
    heavy = {"torch", "numpy", "sympy", "pandas", "matplotlib", "rich", "typer"}
    assert not heavy & modules_after("import convbench")


def test_deriving_a_cost_imports_neither_torch_nor_numpy_nor_sympy():
    code = (
        "from convbench import ConvSpec, cost\n"
        "spec = ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3)\n"
        "assert cost('depthwise_separable', spec).multiplications == 10275"
    )
    assert not {"torch", "numpy", "sympy"} & modules_after(code)


def test_help_imports_no_torch():
    code = (
        "import sys\n"
        "sys.argv = ['convbench', '--help']\n"
        "from convbench.ui.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert "torch" not in modules_after(code)


def test_the_public_names_are_functions_whatever_was_imported_before():
    code = (
        "import convbench.core.costs, convbench.formulas.symbols, convbench.counting.base\n"
        "import convbench.api, convbench.comparing.command\n"
        "from convbench import ConvSpec, build, cost, count, formula, load_run\n"
        "assert all(map(callable, (ConvSpec, build, cost, count, formula, load_run)))"
    )
    modules_after(code)


def test_version(fresh):
    from convbench import __version__

    assert fresh("--version").stdout.strip() == f"convbench {__version__}"


@pytest.mark.parametrize(
    "what", ["types", "networks", "suites", "counters", "devices", "stopwatches"]
)
def test_list(convbench, what):
    words = {
        "types": list(TYPES),
        "networks": ["osnet_x1_0", "978,875,392"],
        "suites": ["quick", "default", "full", "example"],
        "counters": ["fvcore", "torch", "torchtnt", "ask torch, fvcore"],
        "stopwatches": ["wall", "cuda-events", "cuda-kernel"],
        "devices": ["cpu", "--threads"],
    }
    text = convbench("list", what).stdout
    for word in words[what]:
        assert word in text


def test_the_example_suite_runs_dry(convbench, tmp_path):
    text = convbench("list", "suites", "--example").stdout
    (tmp_path / "mine.toml").write_text(text)
    assert "cases to measure" in convbench("run", "--suite", "mine.toml", "--dry-run").stdout


@pytest.mark.parametrize("name", list(TYPES))
def test_explain_every_type(convbench, name):
    text = convbench("explain", name).stdout
    for title in ("Source", "Steps", "Formula", "Worked multiplications", "Ratio to", "Checks"):
        assert title in text
    assert text.count("✓") == 3, "parameters and both counters agree"
    assert "✗" not in text


def test_explain_the_worked_slot(convbench):
    text = convbench(
        "explain", "depthwise_separable", "--in-channels", "3", "--out-channels", "128",
        "--input", "7x7", "--kernel", "3", "--vs", "standard",
    ).stdout  # fmt: skip
    for words in (
        "675 + 9,600 = 10,275",
        "10,275 / 86,400 = 0.1189",
        "1/N + 1/K²",
        "receptive field              3 × 3",
    ):
        assert words in text


def test_explain_standard_says_what_flipping_does(convbench):
    assert "cross-correlation" in convbench("explain", "standard").stdout


def test_explain_transposed_shows_its_matrix_and_the_checkerboard(convbench):
    text = convbench("explain", "transposed", "--kernel", "3", "--stride", "2").stdout
    assert "[ w2 w1 ]" in text
    assert "1 1 2 1 2 1 2 1 1" in text
    assert "a checkerboard" in text.replace("\n  ", " ")
    even = convbench("explain", "transposed", "--kernel", "4").stdout
    assert "no checkerboard" in " ".join(even.split())


def test_explain_does_not_build_what_is_too_large(convbench):
    text = convbench(
        "explain", "standard", "--in-channels", "100000", "--out-channels", "100000"
    ).stdout
    assert "not counted" in text
    assert "2,250,000,000,000" in text


def test_the_contract_catches_a_wrong_plan(tmp_path):
    """The same file with a wrong number of channels does not pass."""
    wrong = PLUGIN.replace("spec.in_channels, spec.out_channels),)", "1, spec.out_channels),)")
    assert wrong != PLUGIN
    (tmp_path / "wrong.py").write_text(wrong)
    code = (
        "from convbench.core.plugins import load_plugin\n"
        f"load_plugin({str(tmp_path / 'wrong.py')!r})\n"
        "from convbench.testing import check_conv\n"
        "try:\n    check_conv('doubled', examples=20)\n"
        "except AssertionError as error:\n    assert 'the plan has' in str(error), error\n"
        "else:\n    raise SystemExit('not caught')"
    )
    modules_after(code)


FORMULAS = [
    # (arguments of explain, what the formula must say)
    (["shufflenet_unit", "--in-channels", "24", "--out-channels", "240", "--input", "56x56",
      "--stride", "2", "--padding", "same", "--knob", "groups=3", "--knob", "first_groups=1"],
     "- C/G"),
    (["dynamic", "--bias"], "N·E"),
    (["spatially_separable", "--knob", "middle=1"], "C·W + N·W_out"),
    (["resize_conv"], "large image, no padding: s²"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "says"), FORMULAS, ids=[row[0][0] for row in FORMULAS])
def test_explain_shows_the_formula_of_this_slot(convbench, arguments, says):
    text = convbench("explain", *arguments).stdout
    if arguments[0] == "spatially_separable":
        assert ": 2/K\n" not in text, "the limit of another number of middle channels"
    else:
        assert says in text


def test_explain_shows_no_formula_that_does_not_apply(convbench):
    text = convbench("explain", "depthwise_separable", "--kernel", "3x5", "--input", "9x9").stdout
    assert "1/K²" not in text
    assert "one K and one stride stand for every axis" in text


def test_explain_compares_blocks_with_blocks(convbench):
    text = convbench("explain", "standard", "--block").stdout
    assert "parameters      3,712 / 3,712 = 1" in text


def test_explain_takes_large_kernels(convbench):
    convbench("explain", "standard", "--kernel", "10000001", "--padding", "5000000",
              "--input", "100")  # fmt: skip
    convbench("explain", "transposed", "--kernel", "20001", "--input", "5", "--padding", "10000")


def test_a_terminal_that_cannot_show_every_sign(tmp_path):
    import os

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "convbench", "explain", "standard"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "86,400" in done.stdout


def test_replicate_prints_json_writes_its_page_and_refuses_a_run_as_its_folder(convbench, tmp_path):
    said = convbench("replicate", "shufflenetv2-g1", "--budget", "0.1", "--processes", "1",
                     "--device", "cpu", "--json", "--out", "here").stdout  # fmt: skip
    data = json.loads(said)
    assert (data["format"], [one["name"] for one in data["experiments"]]) == (
        "convbench replicate", ["shufflenetv2-g1"],
    )  # fmt: skip
    assert json.loads((tmp_path / "here" / "results.json").read_text()) == data
    assert "1:12" in (tmp_path / "here" / "report.md").read_text()
    (tmp_path / "here" / "run.json").write_text("{}")
    text = convbench("replicate", "shufflenetv2-g1", "--budget", "0.1", "--processes", "1",
                     "--device", "cpu", "--out", "here", code=2).stderr  # fmt: skip
    assert "--out here holds a run" in text
    assert (
        "There is no experiment 'g1'. Did you mean shufflenetv2-g1?"
        in convbench("replicate", "g1", code=2).stderr
    )
