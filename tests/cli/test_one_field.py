"""A number of a cost is one declaration: everything that shows, writes or checks costs knows it."""

import csv
import json
import os
import shutil
import subprocess
import sys

import jsonschema
import pytest
from conftest_root import ROOT
from plugin_text import PLUGIN

FIELD = """    weighings: Quantity = _is(
        "weighings", "an invention of this test, two for each multiplication", listed=True
    )
"""
BEFORE = "    peak_live: Quantity = "
WEIGHED = (
    PLUGIN.replace(
        '        return (self.conv(spec, "convolution", spec.in_channels, spec.out_channels),)\n',
        """        conv = self.conv(spec, "convolution", spec.in_channels, spec.out_channels)
        return (Weighed(**vars(conv)),)
""",
    )
    + """
from dataclasses import replace
from convbench.core.steps import Conv

class Weighed(Conv):
    @property
    def cost(self):
        cost = super().cost
        return replace(cost, weighings=2 * cost.multiplications)
"""
)
SUITE = """
name = "s"
[timing]
processes = 1
self_check = 0
[[slots]]
in_channels = 3
out_channels = 128
input_size = "7x7"
kernel_size = 3
types = ["standard", "doubled"]
"""
IN_PYTHON = """
from convbench import ConvSpec, cost, formula, sweep
from convbench.convs.base import make
from convbench.core.plugins import load_plugin
from convbench.testing import check_conv
from convbench_docs import sections

load_plugin("weighed.py")
spec = ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3)
found = cost("doubled", spec)
assert (found + found).weighings == 345_600
assert "345,600" in (found + found)._repr_html_() and "two for each" in found._repr_html_()
assert formula("doubled", quantity="weighings") == 2 * formula("doubled")
assert sweep("doubled", in_channels=3, out_channels=[64, 128], input_size="7x7",
             kernel_size=3)["weighings"].tolist() == [86_400, 172_800]
kind = make("doubled")
assert "172,800" in sections.worked(kind, spec, sections.explained(kind, spec))
assert check_conv("doubled", examples=10)["slots"] == 10

import sys
plugin = sys.modules["convbench_plugin_weighed"]
right = plugin.Weighed.cost.fget
plugin.Weighed.cost = property(
    lambda step: plugin.replace(right(step), weighings=7 * step.batch**2)
    if isinstance(step.batch, int) else right(step)
)
try:
    check_conv("doubled", examples=10)
except AssertionError as error:
    assert "arrays give weighings=" in str(error), error
else:
    raise SystemExit("the contract did not look")
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs Python with a copy of the package that has one field more."""
    shutil.copytree(ROOT / "convbench", tmp_path / "copy" / "convbench")
    costs = tmp_path / "copy" / "convbench" / "core" / "costs.py"
    text = costs.read_text(encoding="utf-8")
    assert text.count(BEFORE) == 1
    costs.write_text(text.replace(BEFORE, FIELD + BEFORE), encoding="utf-8")
    (tmp_path / "weighed.py").write_text(WEIGHED)
    (tmp_path / "s.toml").write_text(SUITE)
    path = os.pathsep.join([str(tmp_path / "copy"), str(ROOT / "tools")])

    def python(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "100", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return python


def test_a_field_of_a_cost_is_one_declaration(run, tmp_path):
    convbench = ("-m", "convbench", "--plugin", "weighed.py")
    assert "\n  weighings                    172,800\n" in run(*convbench, "explain", "doubled")
    run(*convbench, "run", "--suite", "s.toml", "--out", "o", "--quiet")
    run("-m", "convbench", "report", "o", "--format", "markdown,csv,html")
    page = (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
    assert "- **Weighings:** an invention of this test, two for each multiplication." in page
    assert any("| doubled " in line and "| 172,800 |" in " ".join(line.split())
               for line in page.splitlines())  # fmt: skip
    assert '"weighings","172,800"' in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    with (tmp_path / "o" / "tables" / "cases.csv").open(encoding="utf-8", newline="") as file:
        assert {row["label"]: row["weighings"] for row in csv.DictReader(file)} == {
            "standard": "0", "doubled": "172800",
        }  # fmt: skip

    form = json.loads(run("-m", "convbench", "schema", "record"))
    assert "weighings" in form["$defs"]["cost"]["required"]
    lines = (tmp_path / "o" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        jsonschema.Draft202012Validator(form).validate(json.loads(line))

    shutil.copytree(tmp_path / "o", tmp_path / "other")
    other = [line.replace('"weighings": 172800', '"weighings": 172801') for line in lines]
    assert other != lines
    (tmp_path / "other" / "records.jsonl").write_text("\n".join(other) + "\n", encoding="utf-8")
    said = run("-m", "convbench", "compare", "o", "other", "--gate", "counts", code=3)
    assert "weighings 172,800 → 172,801" in " ".join(said.split())


def test_python_the_contract_and_the_documentation_know_it_too(run):
    run("-c", IN_PYTHON)
