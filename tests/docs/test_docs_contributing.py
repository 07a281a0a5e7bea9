"""CONTRIBUTING.md: its blocks run, its recipes are short, and a file put where it says is found."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from code_blocks import Story, blocks
from conftest_root import ROOT

from convbench.audit.case import CASES
from convbench.counting.engine.registry import RULES

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXTENDING = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (.+)\n((?:(?!^#).*\n)+)", PAGE, flags=re.MULTILINE))
LONGEST = 10
IN_A_FOLDER = [
    # recipe, file of docs/extending.md, how it is listed
    ("A convolution type", "strip", "from convbench.convs.base import TYPES as found"),
    ("A network", "tiny", "from convbench.networks.base import NETWORKS as found"),
    ("A counter", "hooks", "from convbench.counting.base import COUNTERS as found"),
    ("A report format", "points", "from convbench.report.renderers import RENDERERS as found"),
]


@pytest.mark.usefixtures("auto_is_the_cpu")
def test_every_block_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(CASES, "_items", dict(CASES._all()))
    rules = dict(RULES)
    try:
        done = Story("CONTRIBUTING.md", tmp_path, monkeypatch).run(blocks(PAGE))
    finally:
        RULES.clear()
        RULES.update(rules)
    assert (done["sessions"], done["files"], done["commands"]) == (3, 2, 6)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_short(name):
    steps = re.sub(r"^```.*?^```$", "", RECIPES[name], flags=re.MULTILINE | re.DOTALL)
    assert 1 <= len([line for line in steps.splitlines() if line]) <= LONGEST


def test_everything_that_can_be_added_has_its_recipe():
    assert set(RECIPES) == {
        "A convolution type", "A network", "A counter", "A report format", "A stopwatch",
        "A column", "A number of a cost", "A rule of an operator", "A case of the audit",
        "A rule of `convbench doctor`",
    }  # fmt: skip


@pytest.mark.parametrize(("recipe", "name", "look"), IN_A_FOLDER)
def test_a_file_put_where_the_recipe_says_is_found(recipe, name, look, tmp_path):
    (where,) = re.findall(r"`(convbench/[\w/]+/)NAME\.py`", RECIPES[recipe])
    (code,) = [block.code for block in blocks(EXTENDING) if block.title == f"{name}.py"]
    shutil.copytree(ROOT / "convbench", tmp_path / "convbench")
    (tmp_path / where / f"{name}.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", f"{look}; assert {name!r} in found, list(found)"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
