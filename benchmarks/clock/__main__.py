"""Trials of the clock itself: `python benchmarks/clock NAME … [--quick] [--out PAGE]`.

Each trial prints its claims with what came out; the exit status is 1 where one was missed. Run it
on a machine that does nothing else. The minutes that each takes on two cores:

main-job    25   `convbench run` beside no, one and two neighbours, against a long quiet reference
budget       5   the quick suite without options, with --budget, and beside neighbours
budget-default 8 the default suite, without options and with --budget
estimators   2   choices of the estimator, asked of recorded rounds: `estimators DATA …`, or
                 --record FOLDER to record them first (35 minutes)
aa           3   a convolution against itself
injected     3   a difference that was put in
held-out     1   one more process against the interval of others
overhead     1   the clock against a bare loop
noise        1   contaminated samples, beside neighbours and alone
cold         1   cold caches

No test calls this: a claim about time has no place in one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import engine  # this folder is a program, not a package
import laboratory
import page
from budget import budget, budget_default
from claim import Claim, Note
from estimators import estimators
from main_job import main_job
from noise import busy

SCALED = {
    "aa": engine.aa,
    "injected": engine.injected,
    "held-out": engine.held_out,
    "overhead": laboratory.overhead,
    "noise": laboratory.noise,
    "cold": laboratory.cold,
}
NAMES = ("main-job", "budget", "budget-default", *SCALED)


def main() -> int:
    """Run the trials named, print each claim, and return 1 where one was missed."""
    asked = _parser().parse_args()
    names = asked.names or list(NAMES)
    if names[0] == "estimators":
        data, names = [Path(name) for name in names[1:]], names[:1]
        every = {"estimators": partial(estimators, data, record_to=asked.record, quick=asked.quick)}
    else:
        every = _trials(asked)
    unknown = [name for name in names if name not in every]
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: there is {', '.join(NAMES)} and estimators DATA …")
    held = True
    for name in names:
        title = name + " beside two neighbours" * asked.noise + " (a look only)" * asked.quick
        begin = time.perf_counter()
        results = []
        with busy(2 if asked.noise else 0):
            for result in every[name]():
                results.append(result)
                say(result, title)
        took = time.perf_counter() - begin
        sys.stdout.write(f"        ({took:.0f} s)\n")
        held &= all(result.holds for result in results if isinstance(result, Claim))
        if asked.out is not None:
            flags = " --noise" * asked.noise + " --quick" * asked.quick
            command = f"python benchmarks/clock {name}{flags}"
            page.add(_page(asked.out), title, command, results, took)
    return int(not held)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/clock",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all but estimators, unless given")
    parser.add_argument("--quick", action="store_true", help="a small part: a look only")
    parser.add_argument("--noise", action="store_true", help="two neighbours beside all of it")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PAGE",
        help="keep it on this page, or in this folder's report.md",
    )
    parser.add_argument(
        "--runs", type=Path, metavar="FOLDER",
        help="main-job: keep the runs here; those that are here are judged as they are",
    )  # fmt: skip
    parser.add_argument(
        "--reference", type=Path, metavar="FOLDER",
        help="main-job: the same for the reference [default: with the runs]",
    )  # fmt: skip
    parser.add_argument(
        "--record", type=Path, metavar="FOLDER", help="estimators: record rounds here first"
    )
    return parser


def _trials(asked: argparse.Namespace) -> dict[str, Callable[[], Iterator[Claim | Note]]]:
    scale = 0.1 if asked.quick else 1.0
    runs = {"runs": asked.runs, "reference": asked.reference}
    return {
        "main-job": partial(main_job, quick=asked.quick, **runs),
        "budget": partial(budget, quick=asked.quick),
        "budget-default": budget_default,
        **{name: partial(trial, scale) for name, trial in SCALED.items()},
    }


def say(claim: Claim | Note, title: str) -> None:
    """Print a claim or a note at once: trials take minutes."""
    if isinstance(claim, Note):
        sys.stdout.write(f"{claim.text}\n")
        return
    mark = "holds" if claim.holds else "MISSED"
    sys.stdout.write(f"{mark:6}  {title}: {claim.text}\n")
    for miss in () if claim.holds else claim.misses[: page.MOST_MISSES]:
        sys.stdout.write(f"          {miss}\n")
    sys.stdout.flush()


def _page(path: Path) -> Path:
    return path if path.suffix == ".md" else path / "report.md"


if __name__ == "__main__":
    sys.exit(main())
