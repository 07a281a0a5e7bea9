"""Code blocks of Markdown pages, run as a reader would: files written, sessions and commands run.

A page is a story in a folder of its own. A block with a title is a file that is written there; a
Python session runs as a doctest, and shares its names with those after it; commands run there too.
What would measure is a dry run, or is read without being run. Nothing is left out in silence: a
block that cannot be run has `<!-- not run: why -->` before it.
"""

import contextlib
import doctest
import io
import json
import re
import shlex
import shutil
import sys
import tomllib
from dataclasses import dataclass

import typer
from conftest_root import ROOT

FENCE = re.compile(r"^(?P<fence>```+)(?P<language>\w*)(?P<more>[^\n`]*)$")
EXCUSE = re.compile(r"<!-- not run: (.+?) -->")
READ_ONLY = {"doctor", "layers", "audit", "calibrate", "predict", "breakeven"}
"""Commands that measure, or ask every counter there is, and have no dry run."""


@dataclass(frozen=True)
class Block:
    language: str
    title: str
    code: str
    line: int
    excuse: str = ""


def blocks(text):
    """Return the fenced blocks of a page; a fence that is never closed is an error."""
    found, lines, number, before = [], text.splitlines(), 0, ""
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if opening is None:
            before = lines[number] or before
            number += 1
            continue
        start = number + 1
        end = lines.index(opening["fence"], start)
        title = re.search(r'title="([^"]+)"', opening["more"])
        excuse = EXCUSE.fullmatch(before.strip())
        found.append(
            Block(
                language=opening["language"],
                title=title[1] if title else "",
                code="\n".join(lines[start:end]) + "\n",
                line=start,
                excuse=excuse[1] if excuse else "",
            )
        )
        number, before = end + 1, ""
    return found


def registries():
    from convbench.clock.stopwatch import STOPWATCHES
    from convbench.convs.base import TYPES
    from convbench.counting.base import COUNTERS
    from convbench.networks.base import NETWORKS
    from convbench.report.renderers import RENDERERS

    return TYPES, COUNTERS, NETWORKS, RENDERERS, STOPWATCHES


@contextlib.contextmanager
def pristine(items=None):
    """Begin with the registries as given, or as they are, and put them back afterwards."""
    before = [registry._all() for registry in registries()]
    for registry, wanted in zip(registries(), items or before, strict=True):
        registry._items = dict(wanted)
    try:
        yield before
    finally:
        for registry, kept in zip(registries(), before, strict=True):
            registry._items = kept


class Story:
    """A page's blocks, run in order in a folder that holds the committed run and a model."""

    def __init__(self, page, folder, monkeypatch):
        self.page, self.folder = page, folder
        self.names = {}
        self.done = {"sessions": 0, "examples": 0, "commands": 0, "files": 0, "excused": 0}
        shutil.copytree(ROOT / "reports/cpu-quick", folder / "reports/cpu-quick")
        package = folder / "mypackage"
        package.mkdir()
        (package / "models.py").write_text(
            "from torch import nn\n\n\n"
            "def make(width=1):\n    return nn.Conv2d(3, 8 * int(width), 3)\n"
        )
        # On a machine that is busy with other tests something else may have most of every sample,
        # and a measurement then gives no time, as it should. A page must not hang on that.
        monkeypatch.setattr("convbench.clock.measurement.hopeless", lambda _: False)
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)

    def run(self, found):
        modules = set(sys.modules)
        with pristine() as self.at_first:
            try:
                for block in found:
                    self.block(block)
            finally:  # another page may write a file of the same name
                for name in set(sys.modules) - modules:
                    home = getattr(sys.modules[name], "__file__", None) or ""
                    if home.startswith(str(self.folder)) or name.split(".")[0] == "mypackage":
                        del sys.modules[name]
        return self.done

    def block(self, block):
        where = f"{self.page}, line {block.line}"
        if block.excuse:
            self.done["excused"] += 1
        elif block.title:
            (self.folder / block.title).write_text(block.code, encoding="utf-8")
            self.done["files"] += 1
        elif block.language == "python" and ">>>" in block.code:
            self.session(block, where)
        elif block.language == "python":
            self.module(block)
        elif block.language == "sh":
            for line in block.code.replace("\\\n", " ").splitlines():
                self.command(line, where)
        elif block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "json":
            json.loads(block.code)
        else:
            assert block.language in {"text", "yaml", "markdown"}, f"{where}: {block.language!r}"

    def session(self, block, where):
        test = doctest.DocTestParser().get_doctest(
            block.code, self.names, where, str(self.page), block.line
        )
        told = []
        runner = doctest.DocTestRunner(verbose=False)
        runner.run(test, out=told.append, clear_globs=False)
        assert runner.summarize(verbose=False).failed == 0, "".join(told)
        self.names = test.globs
        self.done["sessions"] += 1
        self.done["examples"] += len(test.examples)

    def module(self, block):
        from convbench.core.plugins import load_plugin

        path = self.folder / f"block_{block.line}.py"
        path.write_text(block.code, encoding="utf-8")
        load_plugin(str(path))
        self.done["files"] += 1

    def command(self, line, where):
        words = shlex.split(line, comments=True)
        if not words:
            return
        self.done["commands"] += 1
        if words[:3] == ["python", "-m", "convbench"]:
            words = ["convbench", *words[3:]]
        match words:
            case ["convbench", *rest]:
                self.convbench(rest, f"{where}: {line}")
            case ["make", *targets]:
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                for target in targets:
                    assert "=" in target or f"\n{target}:" in makefile, f"{where}: {target}"
            case ["pip", "install", what]:
                check_install(what, where)
            case ["pre-commit", "install"]:
                assert (ROOT / ".pre-commit-config.yaml").exists()
            case ["python", path, *_]:
                assert (ROOT / path).exists(), f"{where}: {path}"
            case _:
                raise AssertionError(f"{where}: nobody knows how to check {line!r}; say why not")

    def convbench(self, words, where):
        target = None
        if ">" in words:
            *words, _, target = words
        group = typer.main.get_command(app())
        name = next(word for word in words if word in group.commands)
        dry = name == "run" and "--resume" not in words
        if dry and "--dry-run" not in words:
            words = [*words, "--dry-run"]
        if name in READ_ONLY or (name == "run" and not dry):
            top = group.make_context("convbench", [], resilient_parsing=True)
            rest = words[words.index(name) + 1 :]
            group.commands[name].make_context(name, rest, parent=top)
            return
        with pristine(self.at_first):
            status, said, complaints = called(words)
        assert status == 0, f"{where}: status {status}: {complaints}"
        if target:
            (self.folder / target).write_text(said, encoding="utf-8")
        if dry and "--out" in words:  # it was only planned here: the committed run stands in for it
            out = self.folder / words[words.index("--out") + 1]
            shutil.copytree(ROOT / "reports/cpu-quick", out, dirs_exist_ok=True)


def app():
    from convbench.ui.cli import app as found

    return found


def called(words):
    """Call the command line in this process; return its status and what it wrote."""
    from convbench.ui.cli import main

    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["convbench", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.argv = before
    return status, out.getvalue(), err.getvalue()


def check_install(what, where):
    """Assert that an extra that a page names is one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    match = re.fullmatch(r"(?:\.|convbench)(?:\[([\w,]+)\])?", what)
    assert match, f"{where}: pip install {what}"
    for extra in (match[1] or "").split(","):
        assert not extra or extra in project["optional-dependencies"], f"{where}: extra {extra}"
