"""Settings of the plugin: options, ini, the marker; and the errors of invalid ones."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import pytest

MARKER: Final = (
    "convbench(seconds=3.0, processes=8, threads=1, device='cpu'): how convbench's timing in this "
    "test is done. seconds: of measuring, all processes together; processes: of their own, each "
    "times everything; threads: intra-op threads; device: 'cpu' or 'cuda:<index>'."
)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How a test's timing is done; the defaults are those of `convbench.testing.assert_faster`."""

    seconds: float = 3.0
    processes: int = 8
    threads: int = 1
    device: str = "cpu"

    def changed(self, **given: Any) -> Timing:
        """Return this with whatever is given, and is not None, in its place."""
        kept = {item.name: getattr(self, item.name) for item in fields(self)}
        return Timing(**{**kept, **{k: v for k, v in given.items() if v is not None}})


def read_marker(item: pytest.Item) -> Timing:
    """Return the settings of a test by its markers; the nearest marker wins.

    Raises UsageError, which ends the session with one line, for an invalid argument.
    """
    told: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("convbench"))):
        if mark.args:
            raise _wrong(item, f"{mark.args[0]!r} has no name", "give seconds=5 and the like")
        for name, value in mark.kwargs.items():
            _check(item, name, value)
        told.update(mark.kwargs)
    return Timing(**told)


def _check(item: pytest.Item, name: str, value: object) -> None:
    known = [one.name for one in fields(Timing)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else f"give any of {', '.join(known)}"
        raise _wrong(item, f"{name} is no option of it", hint)
    if name == "device":
        if not isinstance(value, str):
            raise _wrong(item, f"device={value!r}", "give 'cpu', 'cuda' or 'cuda:<index>'")
        return
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name == "seconds":
        if not (whole or isinstance(value, float)) or not 0 < value < math.inf:  # type: ignore[operator]
            raise _wrong(item, f"seconds={value!r}", "give finite seconds above 0")
    elif not whole or value < 1:  # type: ignore[operator]
        raise _wrong(item, f"{name}={value!r}", "give a whole number of at least 1")


def _wrong(item: pytest.Item, what: str, remedy: str) -> pytest.UsageError:
    return pytest.UsageError(f"{item.nodeid}: @pytest.mark.convbench: {what}; {remedy}")


def strict(config: pytest.Config) -> bool:
    """Tell whether an inconclusive timing assertion is a failure."""
    return bool(config.getoption("convbench_strict") or config.getini("convbench_strict"))


def parallel(config: pytest.Config) -> bool:
    """Tell whether pytest-xdist runs tests beside one another."""
    return hasattr(config, "workerinput") or config.getoption("dist", "no") != "no"


def check_folder(folder: Path) -> None:
    """Refuse a folder that no run can be stored in, before anything is measured."""
    from convbench.runs.store import foreign, holds_run

    if folder.exists() and not folder.is_dir():
        raise pytest.UsageError(f"--convbench-out={folder} is a file: give a folder")
    if folder.is_dir() and foreign(folder) and not holds_run(folder):
        raise pytest.UsageError(
            f"--convbench-out={folder} is not empty and holds no convbench run: give another folder"
        )
