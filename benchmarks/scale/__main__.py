"""How convbench's own time and memory grow with a run: load, report, compare, history.

    python benchmarks/scale [--records 10000,100000] [--history 10x1000,100x1000] [--page FILE]

Runs are made in a temporary folder (`large_runs`), each step runs in a process of its own, and the
page is written. Made runs take 6 kB a case, twice: 1.3 GB for 100,000 cases.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import large_runs
import steps
from large_runs import Large

from convbench.core.version import __version__
from convbench.machine.fingerprint import fingerprint

PAGE: Final = large_runs.ROOT / "reports" / "scale" / "README.md"
MOST_GROWTH: Final = 1.5
"""By how much the time of a case may grow from the smallest size to the largest."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """What a step took. records: of the run, or of all runs. cpu, wall: s. memory: peak, bytes."""

    step: str
    records: int
    cpu: float
    wall: float
    memory: int

    @property
    def each(self) -> float:
        """CPU seconds of a case."""
        return self.cpu / self.records


def main() -> int:
    """Make the runs, time the steps, write the page; 1 where time grows faster than the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", default="10000,100000", metavar="N,…")
    parser.add_argument("--history", default="10x1000,100x1000", metavar="RUNSxCASES,…")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    asked = parser.parse_args()
    sizes = [int(text) for text in asked.records.split(",") if text]
    shapes = [tuple(map(int, text.split("x"))) for text in asked.history.split(",") if text]
    told: list[Took] = []
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            told += one_size(Path(name) / str(size), size)
        for runs, cases in shapes:
            told += one_history(Path(name) / f"{runs}x{cases}", runs, cases)
    grown = growth(told)
    asked.page.parent.mkdir(parents=True, exist_ok=True)
    asked.page.write_text(page(told, grown), encoding="utf-8")
    return int(max(grown.values(), default=0.0) > MOST_GROWTH)


def one_size(folder: Path, records: int) -> list[Took]:
    """Make two runs of a size and time what is done with one, and with both."""
    for seed in (0, 1):
        large_runs.write(Large(records=records, seed=seed, changed=bool(seed)), folder / f"r{seed}")
    left, right, out = folder / "r0", folder / "r1", folder / "out"
    return [
        timed("parse", records, left),
        timed("load", records, left),
        timed("report", records, left, out),
        timed("compare", records, left, right),
    ]


def one_history(folder: Path, runs: int, cases: int) -> list[Took]:
    """Make runs of the same cases, the later half with changes, and time their history."""
    for run in range(runs):
        started = f"2026-{1 + run // 28 % 12:02}-{1 + run % 28:02}T00:00:00+00:00"
        large = Large(records=cases, seed=run, started=started, changed=run >= runs / 2)
        large_runs.write(large, folder / "runs" / f"r{run:03}")
    return [timed("history", runs * cases, folder / "runs", folder / "out")]


def timed(step: str, records: int, *folders: Path) -> Took:
    """Run a step in a process of its own; it prints what it took."""
    command = [sys.executable, steps.__file__, step, *map(str, folders)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    found = Took(step=step, records=records, **json.loads(said.splitlines()[-1]))
    sys.stdout.write(f"{json.dumps(asdict(found))}\n")
    sys.stdout.flush()
    return found


def growth(told: list[Took]) -> dict[str, float]:
    """Return for each step the time of a case at its largest size divided by that at its least."""
    found: dict[str, list[Took]] = {}
    for one in told:
        found.setdefault(one.step, []).append(one)
    return {
        step: several[-1].each / several[0].each for step, several in found.items() if several[1:]
    }


def page(told: list[Took], grown: dict[str, float]) -> str:
    """Return the page: what each step took, beside what it may take at most."""
    cpu = fingerprint("cpu", 1)["cpu"]
    rows = [
        f"| {steps.STEPS[one.step].what} | {one.records:,} | {one.cpu:.1f} | {one.wall:.1f} | "
        f"{1e3 * one.each:.2f} | {one.memory / 1e9:.2f} | {_goal(one)} |"
        for one in told
    ]
    growing = [
        f"- {steps.STEPS[step].what}: {factor:.2f}"
        for step, factor in grown.items()
        if steps.STEPS[step].goal
    ]
    return "\n".join(
        [
            "# How costs grow with a run",
            "",
            f"convbench {__version__}, Python {platform.python_version()}, on {cpu}, "
            "2 cores. Made by `python benchmarks/scale`.",
            "",
            "Each step ran in a process of its own, on runs made from recorded ones: many slots, "
            f"batches and conditions, {large_runs.PROCESSES} processes a case, 6 kB a case, with "
            "samples from a seeded generator. CPU time is that of the process; elapsed time is of "
            "a machine that other work shared, so it says little of the step itself, and CPU time "
            "is longer there too, as cores share caches. Goals are for 100,000 records.",
            "",
            "| step | records | CPU time (s) | elapsed (s) | CPU time of a record (ms) | peak "
            "memory (GB) | CPU time of at most |",
            "|:--|--:|--:|--:|--:|--:|:--|",
            *rows,
            "",
            "CPU time of a record at the largest size, divided by that at the smallest (goal: at "
            f"most {MOST_GROWTH}):",
            "",
            *growing,
            "",
        ]
    )


def _goal(one: Took) -> str:
    """Return the goal of a step at the size that has one, and whether it is met."""
    goal = steps.STEPS[one.step].goal
    if goal is None or one.records != steps.LARGE:
        return ""
    return f"{goal} s: {'met' if one.cpu <= goal else 'not met'}"


if __name__ == "__main__":
    sys.exit(main())
