"""The main job, started as a user starts it: a process of its own, its output and its wall time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from noise import busy

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PLUGIN = HERE / "twin.py"
TWIN = "standard_again"
"""The type that the plugin brings; importing it here would register it here."""
SUITE = HERE / "job.toml"
_TRIAL = "trial.json"
_LOG = "terminal.txt"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A run that was made, and how.

    Attributes:
        folder: of the run.
        state: name of the state of the machine.
        neighbours: busy processes beside it.
        budget: seconds that were asked for; 0 where the command line had no budget.
        wall: seconds from start to end, as a user waits.
        status: of the process.

    """

    folder: Path
    state: str
    neighbours: int
    budget: float
    wall: float
    status: int

    @property
    def printed(self) -> str:
        """What the run wrote to the terminal."""
        return (self.folder / _LOG).read_text(encoding="utf-8")


def convbench(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of this checkout; stderr is in stdout, as on a terminal."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "convbench", *options],
        check=False, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


@cache
def has_budget() -> bool:
    """Tell whether `run` takes --budget."""
    return "--budget" in convbench("run", "--help").stdout


def make(
    folder: Path,
    *,
    state: str = "quiet",
    neighbours: int = 0,
    budget: float = 0.0,
    plugin: Path | None = None,
    options: Sequence[str] = (),
) -> Made:
    """Make a run into the folder; one that lies there finished is taken as it is.

    Raises:
        SystemExit: the run failed, with what it said.

    """
    if (folder / _TRIAL).exists():
        known = json.loads((folder / _TRIAL).read_text(encoding="utf-8"))
        return Made(**{**known, "folder": folder})
    asked = ("--budget", f"{budget:g}s") if budget and has_budget() else ()
    plugins = ("--plugin", str(plugin)) if plugin else ()
    with busy(neighbours):
        begin = time.perf_counter()
        done = convbench(*plugins, "run", "--out", str(folder), *asked, *options)
        wall = time.perf_counter() - begin
    if done.returncode or not folder.is_dir():
        raise SystemExit(f"convbench run ended with status {done.returncode}:\n{done.stdout}")
    made = Made(
        folder=folder, state=state, neighbours=neighbours, budget=budget if asked else 0.0,
        wall=wall, status=done.returncode,
    )  # fmt: skip
    sys.stderr.write(f"        {folder.name}: {wall:.1f} s\n")
    (folder / _LOG).write_text(done.stdout, encoding="utf-8")
    said = {name: value for name, value in asdict(made).items() if name != "folder"}
    (folder / _TRIAL).write_text(json.dumps(said) + "\n", encoding="utf-8")
    return made
