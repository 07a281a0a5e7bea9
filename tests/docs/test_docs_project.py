"""What a project page reads (workflows, forms, hooks) is well formed, and names what there is."""

import re
import tomllib

import pytest
import yaml
from conftest_root import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted(path.name for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
WORKFLOWS = sorted(path.name for path in (ROOT / ".github/workflows").glob("*.yml"))


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def target(name):
    """Return the commands of a target of the Makefile, as a shell is given them."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = re.search(rf"^{name}:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)[1]
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in lines.splitlines()]


def test_the_hooks_before_a_commit_are_those_of_make():
    """But that the formatter formats, where make only looks."""
    (repo,) = read(".pre-commit-config.yaml")["repos"]
    wanted = [*target("lint"), *target("types")]
    assert [hook["entry"] for hook in repo["hooks"]] == [w.replace(" --check", "") for w in wanted]
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_one_that_github_shows(name):
    form = read(f".github/ISSUE_TEMPLATE/{name}")
    assert form["name"]
    assert form["description"]
    assert len({part["id"] for part in form["body"]}) == len(form["body"]) <= 3
    for part in form["body"]:
        assert part["type"] in {"textarea", "input", "dropdown"}
        assert part["attributes"]["label"]
        assert set(part) <= {"type", "id", "attributes", "validations"}
    assert "`convbench doctor`" in str(form["body"])


def test_forms_about_numbers_ask_for_them():
    for name, wanted in {
        "wrong-count.yml": {"network", "numbers", "doctor"},
        "wrong-time.yml": {"command", "numbers", "doctor"},
    }.items():
        body = read(f".github/ISSUE_TEMPLATE/{name}")["body"]
        assert {part["id"] for part in body if part["validations"]["required"]} == wanted


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_names_targets_and_folders_that_exist(name):
    workflow = read(f".github/workflows/{name}")
    assert workflow[True]  # "on" is a boolean of YAML 1.1
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        commands = "\n".join(step.get("run", "") for step in job["steps"])
        for made in re.findall(r"^make (\w+)", commands, flags=re.MULTILINE):
            assert f"\n{made}:" in makefile, made
        for folder in re.findall(r"\btests/\w+", commands):
            assert (ROOT / folder).is_dir(), folder


def test_workflows_use_every_python_and_the_oldest_torch_that_are_promised():
    said = "Programming Language :: Python :: 3."
    pythons = [c.rpartition(" ")[2] for c in SETTINGS["classifiers"] if c.startswith(said)]
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == pythons
    assert f">={pythons[0]}" == SETTINGS["requires-python"]
    weekly = read(".github/workflows/weekly.yml")["jobs"]["counting"]["strategy"]["matrix"]
    (floor,) = (d for d in SETTINGS["dependencies"] if d.startswith("torch>="))
    oldest, newest = (row["torch"] for row in weekly["include"])
    assert (oldest, newest) == (f"{floor.replace('>=', '==')}.0", "torch")
