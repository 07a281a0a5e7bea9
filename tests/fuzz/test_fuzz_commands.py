"""Command lines: every command and option with drawn values; none ends in a traceback."""

from __future__ import annotations

import inspect
import itertools
import json
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

import pytest
from fuzz.fuzzing import check_command, fuzzed, texts
from fuzz.test_fuzz_files import HEAD, LINES
from hypothesis import event, given
from hypothesis import strategies as st
from prediction.predictions import calibration
from typer.main import get_command_name
from typer.models import OptionInfo

import convbench.ui.cli  # noqa: F401  the commands
from convbench.prediction.calibration import save
from convbench.runs.store import HEADER, RECORDS
from convbench.ui.cli.app import app, options

ENDS: Final = {"compare": {0, 2, 3, 4, 5}}
"""Exit statuses of commands that have more than 0 and 2."""
MEASURING: Final = {
    "run": [["--dry-run"]],
    "audit": [["--list"]],
    "doctor": [["--budget", "0"], ["--threads", "0"], ["--device", "tpu"]],
    "probe": [["--budget", "-1"], ["--threads", "0"], ["--device", "tpu"]],
    "calibrate": [["--budget", "-1"], ["--threads", "0"]],
    "replicate": [["--budget", "-1"], ["--processes", "0"]],
    "breakeven": [["--measured", "0"]],
    "layers": [["--budget", "-1"], ["--threads", "0"], ["--input", "x"]],
}
"""What is added to a command that would measure, so that it does not."""
TIMING: Final = {"dispatch", "time"}
"""Flags of explain and profile with which they measure."""
GOOD: Final[dict[str, tuple[str, ...]]] = {
    "what": ("types", "networks", "suites", "counters"),
    "suite": ("quick", "suite.toml", "wrong.toml", "drawn"),
    "only": ("standard", "lite|standard"),
    "dtype": ("float32", "bfloat16,float32"),
    "layout": ("channels_last",),
    "direction": ("training",),
    "mode": ("compile", "eager"),
    "cache": ("cold", "warm"),
    "allocator": ("kept", "system"),
    "stopwatch": ("wall",),
    "processes": ("1", "100"),
    "budget": ("60s", "5", "1h"),
    "timeout": ("1m",),
    "folder": ("drawn", "runs", "suite.toml"),
    "left": ("drawn", "runs"),
    "right": ("drawn", "runs/a", "torn"),
    "formats": ("terminal", "csv", "json", "terminal,csv"),
    "table": ("main", "overview", "1"),
    "columns": ("type,macs,ms", "ratio", "macs,params"),
    "figures": ("svg",),
    "by": ("dtype", "layout=channels_first,channels_last", "threads"),
    "gate": ("ci", "steady", "counts"),
    "threshold": ("5%", "0.1"),
    "drift": ("20%",),
    "allow": ("torch", "all", "cpu,torch"),
    "case": ("standard",),
    "model": ("standard", "ghost", "osnet_x0_25", "torch.nn:Linear", "net.py:net"),
    "inputs": ("1x3x8x8", "1x8", "2x7:int64"),
    "input_shape": ("1x3x8x8", "1x8"),
    "arg": ("in_features=8", "out_features=2", "bias=False"),
    "dynamic": ("B", "B,H,W"),
    "sort": ("macs",),
    "explain_counter": ("fvcore", "torch,fvcore"),
    "depth": ("0", "1"),
    "kind": ("standard", "grouped", "subpixel", "lite"),
    "in_channels": ("8",), "out_channels": ("16",), "input_size": ("7x7", "4x7x7"),
    "kernel": ("3", "3x1"), "stride": ("2",), "padding": ("same", "1"), "dilation": ("2",),
    "batch": ("2",), "scale": ("2",), "knob": ("groups=2", "block=true"), "vs": ("lite",),
    "counters": ("torch", "torch,fvcore"), "cases": ("plain",), "jobs": ("2",),
    "threads": ("1", "1,2"), "seed": ("3",), "device": ("cpu", "auto"),
    "out": ("written", "new/deep"), "markdown": ("page.md",),
    "calibration": ("calibration.json", "suite.toml"), "channels": ("8,16",), "sizes": ("7,14",),
    "batches": ("1", "1,8"), "measured": ("0",), "name": ("all", "shufflenetv2-g1"),
    "plugin": ("plugin.py", "broken.py", "json"),
}  # fmt: skip
"""Values that options take, by the name of the parameter."""
NEAR: Final = texts.filter(lambda text: not set(text) & set("/~") and ".." not in text)
"""What may be a path, and leads nowhere else."""


@dataclass(frozen=True)
class Parameter:
    """An argument or an option of a command, as its function declares it."""

    name: str
    kind: Any
    options: tuple[str, ...]
    """Its names on the command line; none of an argument."""
    required: bool

    @classmethod
    def of(cls, name: str, declared: Any, default: object) -> Parameter:
        """Read an annotation, such as Annotated[int | None, typer.Option(help="…")]."""
        kind, info = get_args(declared)
        inner = [one for one in get_args(kind) if one is not NoneType]
        many = get_origin(kind) is list or any(get_origin(one) is list for one in inner)
        kind = list if many else inner[0] if inner else kind
        option = isinstance(info, OptionInfo)
        names = info.param_decls or (f"--{name.replace('_', '-')}",) if option else ()
        return cls(name, kind, tuple(names), required=default is inspect.Parameter.empty)

    @property
    def values(self) -> st.SearchStrategy[str]:
        """What may be given: twice of three times, what it takes."""
        choices = issubclass(self.kind, Enum)
        good = [one.value for one in self.kind] if choices else GOOD.get(self.name, ("1",))
        path = self.kind is Path or self.name in {"plugin", "suite", "model", "kind"}
        return st.integers(0, 2).flatmap(
            lambda number: st.sampled_from(good) if number else NEAR if path else texts
        )

    @property
    def words(self) -> st.SearchStrategy[tuple[str, ...]]:
        """What stands on a command line for it: nothing, mostly, where it may be left out."""
        if not self.options:
            given = st.tuples(self.values)
        elif self.kind is bool:
            given = st.tuples(st.sampled_from(self.options))
        else:
            given = st.tuples(st.sampled_from(self.options), self.values)
            if self.kind is list:
                given |= st.tuples(given, given).map(lambda two: (*two[0], *two[1]))
        rarely = st.integers(0, 9 if self.required else 3)
        return rarely.flatmap(
            lambda number: given if bool(number) == self.required else st.just(())
        )


def _parameters(function: Any) -> list[Parameter]:
    declared = get_type_hints(function, include_extras=True)
    return [
        Parameter.of(name, declared[name], one.default)
        for name, one in inspect.signature(function).parameters.items()
        if name not in TIMING
    ]


COMMANDS: Final = {
    one.name or get_command_name(one.callback.__name__): _parameters(one.callback)
    for one in app.registered_commands
}
PLUGIN: Final = next(one for one in _parameters(options) if one.name == "plugin")


@st.composite
def command_lines(draw: Any) -> list[str]:
    """Return a command with some of its options, and now and then something else."""
    name = draw(st.sampled_from([*COMMANDS]))
    seldom = st.integers(0, 9).flatmap
    words = [
        *draw(seldom(lambda number: st.just(()) if number else PLUGIN.words)),
        name,
        *itertools.chain(*(draw(parameter.words) for parameter in COMMANDS[name])),
        *draw(seldom(lambda number: st.just(()) if number else st.tuples(texts))),
    ]
    return words + draw(st.sampled_from(MEASURING[name])) if name in MEASURING else words


SUITE: Final = """
[[slots]]
in_channels = 3
out_channels = 8
input_size = "7x7"
kernel_size = 3
types = ["standard", "lite"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with what the good values name; every draw begins with it as it was."""
    home = tmp_path_factory.mktemp("commands")
    kept = home / "kept"
    for name, day in (("drawn", 1), ("runs/a", 2), ("runs/b", 3)):
        (kept / name).mkdir(parents=True)
        header = {**HEAD, "started": f"2026-12-0{day}T03:00:00+00:00"}
        (kept / name / HEADER).write_text(json.dumps(header))
        (kept / name / RECORDS).write_text("".join(json.dumps(line) + "\n" for line in LINES))
    (kept / "torn").mkdir()
    (kept / "torn" / HEADER).write_text('{"schema": 1')
    (kept / "suite.toml").write_text(SUITE)
    (kept / "wrong.toml").write_text(f"{SUITE}stride = 0\n")
    (kept / "plugin.py").write_text("")
    save(calibration(), kept / "calibration.json")
    (kept / "broken.py").write_text("1 / 0\n")
    (kept / "net.py").write_text("from torch import nn\n\ndef net():\n    return nn.Linear(8, 2)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        patch.setenv("NO_COLOR", "1")
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setattr("sys.path", [*sys.path])
        yield home, kept


def test_every_option_has_a_good_value():
    """Else it would be refused in every draw, and what comes after it never be reached."""
    named = {
        one.name
        for parameters in COMMANDS.values()
        for one in parameters
        if one.kind is not bool and not issubclass(one.kind, Enum)
    }
    assert named - GOOD.keys() == set()


@fuzzed()
@given(arguments=command_lines())
def test_commands(place, arguments):
    home, kept = place
    work = home / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(kept, work)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        name = next((word for word in arguments if word in COMMANDS), "")
        status = check_command(arguments, ENDS.get(name, {0, 2}))
    event(f"{name}: {status}")
