"""Names of modules and paths of files that pages write are there; the layers are the contract's."""

import importlib
import pkgutil
import re
import tomllib

import pytest
from conftest_root import ROOT

import convbench

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", *sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")
))  # fmt: skip
FENCED = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)  # run by other tests
DOTTED = re.compile(r"\bconvbench(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(
    r"(?<![\w./-])(?:convbench|docs|tests|tools|reports|benchmarks|\.github|\.ci)/[\w./-]*[\w/]"
)
PACKAGES = ["convbench", *(
    found.name for found in pkgutil.walk_packages(convbench.__path__, "convbench.") if found.ispkg
)]  # fmt: skip


def paths(text):
    """Return the paths that a text names, up to a word in capitals that stands for a name."""
    return {re.split(r"[A-Z]{4,}", path)[0] for path in PATH.findall(text)}


def prose(page):
    return FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))


def is_module(name):
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").exists()


def resolved(name):
    """Import the longest part of a dotted name that is a module here; look the rest up in it."""
    if is_module(name):
        return importlib.import_module(name)
    owner, _, last = name.rpartition(".")
    return getattr(resolved(owner), last)


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_a_page_is_one(page):
    for name in set(DOTTED.findall(prose(page))):
        assert resolved(name) is not None, name


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_a_page_is_there(page):
    assert not {path for path in paths(prose(page)) if not (ROOT / path).exists()}


def test_what_the_changelog_says_moved_lies_there():
    rows = re.findall(
        r"^  \| (`.+) \| the same names in `(.+)` \|$", prose("CHANGELOG.md"), re.MULTILINE
    )
    assert len(rows) >= 4
    for names, package in rows:
        for name in re.findall(r"`([\w.]+)`", names):
            assert resolved(f"{package}.{name.rpartition('.')[2]}") is not None
            assert not is_module(f"convbench.{name}")


def test_a_wrong_name_and_a_wrong_path_are_found():
    with pytest.raises(AttributeError):
        resolved("convbench.clock.nothing")
    text = "`convbench/clock/nothing.py`, `convbench/convs/NAME.py`."
    assert paths(text) == {"convbench/clock/nothing.py", "convbench/convs/"}


@pytest.mark.parametrize("name", PACKAGES)
def test_the_docstring_of_a_package_lists_modules_that_it_has(name):
    package = importlib.import_module(name)
    listed = re.findall(r"^    (\w+(?:, \w+)*)  +\S", package.__doc__, flags=re.MULTILINE)
    inside = {found.name for found in pkgutil.iter_modules(package.__path__)}
    assert {part for line in listed for part in line.split(", ")} <= inside


def test_the_layers_of_the_page_are_those_of_the_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    wanted = [set(re.split(r" [|:] ", layer)) for layer in contract["layers"]]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("## The layers")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \|", table, flags=re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == wanted
