"""What is timed: one step, in this process, which prints what it took.

python benchmarks/scale/steps.py STEP FOLDER …
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True)
class Step:
    """what: is done. run: does it, on folders. goal: seconds at most with `LARGE` records."""

    what: str
    run: Callable[..., Any]
    goal: float | None = None


def parse(folder: Path) -> None:
    """Parse the lines of a run and keep nothing: what no reader can be faster than."""
    with (folder / "records.jsonl").open(encoding="utf-8") as file:
        for line in file:
            json.loads(line)


def load(folder: Path) -> None:
    """Read a run."""
    from convbench.runs.store import load

    load(folder)


def report(folder: Path, out: Path) -> None:
    """Read a run and write its report as Markdown and CSV."""
    from convbench.report.write import write_report
    from convbench.runs.store import load

    write_report(load(folder), out)


def compare(left: Path, right: Path) -> None:
    """Read two runs, compare them, and make the page."""
    from convbench.comparing.command import Asked, answer

    answer(Asked(left=left, right=right))


def history(folder: Path, out: Path) -> None:
    """Read many runs and write the page of their history, and its data."""
    from convbench.history.command import Asked, answer, write

    write(answer(Asked(folder=folder)), out)


LARGE: Final = 100_000
STEPS: Final = {
    "parse": Step("for comparison: parse the lines as JSON, and no more", parse),
    "load": Step("load a run", load, 10),
    "report": Step("load, and report as Markdown and CSV", report, 60),
    "compare": Step("load two runs, and compare", compare, 60),
    "history": Step("load many runs, and their history", history, 60),
}


def main(name: str, *folders: str) -> None:
    """Run a step and print the seconds and the peak memory of this process as JSON."""
    started = time.perf_counter()
    STEPS[name].run(*map(Path, folders))
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.perf_counter() - started,
        "memory": peak(),
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


def peak() -> int:
    """Return the most memory that this process had, in bytes.

    What Linux has in its resource usage is also of the process that began this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [one for one in status.read_text().splitlines() if one.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(*sys.argv[1:])
