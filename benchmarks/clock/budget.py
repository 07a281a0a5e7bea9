"""The trial of how long a run takes: the built-in suites as a user starts them, and --budget."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from claim import Claim
from running import Made, convbench, has_budget, make

from convbench import load_run

QUICK_LIMIT, DEFAULT_LIMIT, BUSY_LIMIT = 60.0, 360.0, 120.0
_ABOUT = re.compile(r"about (?:(\d+) min(?:utes?)?)?(?:\s*([\d.,]+) s)?")


def budget(*, quick: bool) -> Iterator[Claim]:
    """Make runs of the quick suite one after the other and yield what is claimed of each.

    quick: only those on a quiet machine.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _suite(folder, "quick", QUICK_LIMIT)
        yield from _budget(folder, "quick", 45.0)
        for number in () if quick else (1, 2):
            yield from _beside(folder, number)


def budget_default() -> Iterator[Claim]:
    """Do the same with the default suite."""
    with tempfile.TemporaryDirectory() as name:
        yield from _suite(Path(name), "default", DEFAULT_LIMIT)
        yield from _budget(Path(name), "default", 120.0)


def _suite(folder: Path, suite: str, limit: float) -> Iterator[Claim]:
    """Run a suite without any other option, and hold the dry run's guess against it."""
    guess = guessed(convbench("run", "--suite", suite, "--dry-run").stdout)
    made = make(folder / suite, options=("--suite", suite))
    yield Claim(
        f"the {suite} suite ends within {limit:.0f} s", f"{made.wall:.1f} s", made.wall <= limit
    )
    yield Claim(
        f"what --dry-run says of the {suite} suite is within 25 % of what it needs",
        f"about {guess:.0f} s said, {made.wall:.1f} s needed",
        abs(guess / made.wall - 1) <= 0.25,
    )
    yield all_timed(f"the {suite} suite times every case", made)


def _budget(folder: Path, suite: str, seconds: float) -> Iterator[Claim]:
    claimed = f"the {suite} suite with --budget {seconds:g}s ends within 1.1 times that"
    if not has_budget():
        yield Claim(claimed, "there is no --budget", holds=False)
        return
    made = make(folder / f"{suite}-budget", budget=seconds, options=("--suite", suite))
    early = "; earlier than 0.9 times that" if made.wall < 0.9 * seconds else ""
    yield Claim(claimed, f"{made.wall:.1f} s{early}", made.wall <= 1.1 * seconds)
    yield all_timed(f"and times every case ({seconds:g} s)", made)


def _beside(folder: Path, neighbours: int) -> Iterator[Claim]:
    state = f"{neighbours} neighbour{'s' * (neighbours > 1)}"
    made = make(
        folder / f"beside-{neighbours}", neighbours=neighbours, options=("--suite", "quick")
    )
    yield Claim(
        f"the quick suite beside {state} ends within {BUSY_LIMIT:.0f} s",
        f"{made.wall:.1f} s",
        made.wall <= BUSY_LIMIT,
    )
    yield all_timed(f"and times every case beside {state}", made)


def guessed(text: str) -> float:
    """Return the seconds that a dry run says: "about 87 s", "about 5 min 20 s".

    Raises:
        SystemExit: it says none.

    """
    for minutes, seconds in reversed(_ABOUT.findall(text)):
        if minutes or seconds:
            return 60 * float(minutes or 0) + float((seconds or "0").replace(",", ""))
    raise SystemExit(f"--dry-run names no time:\n{text}")


def all_timed(claimed: str, made: Made) -> Claim:
    """Return the claim that every case of a run that fits its slot has a time."""
    wanted = [record for record in load_run(made.folder).records if record.status != "skipped"]
    missing = [
        f"{record.slot}, {record.label}: {record.status} {record.reason}".rstrip()
        for record in wanted
        if record.status != "ok" or not record.samples
    ]
    found = f"{len(wanted) - len(missing)} of {len(wanted)}"
    return Claim(claimed, found, bool(wanted) and not missing, missing)
