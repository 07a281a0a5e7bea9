"""The trial of the main job: `convbench run` as a user starts it, with neighbours and without.

Runs are made in turn in every state, so that what wanders over the minutes is in all of them, and
then a long quiet one with as many threads as they chose, which is the truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import judging
import rendered
from claim import Claim, at_most
from judging import Case
from running import PLUGIN, SUITE, TWIN, Made, convbench, has_budget, make

from convbench import load_run
from convbench.clock.estimates import of_process
from convbench.runs.frame import rows
from convbench.runs.record import Run
from convbench.runs.titles import titles

STATES = {"quiet": 0, "one neighbour": 1, "two neighbours": 2}
ALL = "all states"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long the trial is.

    Attributes:
        prefix: of the names of runs, so that a look and the trial are kept apart.
        runs: in each state.
        budget: seconds of a run.
        reference_budget: seconds of the reference.
        reference_options: more of its command line.
        only: a choice of cases; empty for all.

    """

    prefix: str = ""
    runs: int = 5
    budget: float = 60.0
    reference_budget: float = 300.0
    reference_options: tuple[str, ...] = ("--processes", "40")
    only: str = ""


QUICK = Size(
    prefix="quick-",
    runs=1,
    budget=15.0,
    reference_budget=30.0,
    reference_options=("--processes", "5"),
    only=f"^(standard|{TWIN}|pointwise|bottleneck|osnet_x0_25|osnet_x1_0)\\b",
)


def main_job(
    *, quick: bool, runs: Path | None = None, reference: Path | None = None
) -> Iterator[Claim]:
    """Make the runs and the reference, and yield the claims, each state's and then those of all.

    runs: folder to keep them in; those that are there are taken as they are. reference: the same
    of the references, one a number of threads; beside the runs unless given.
    """
    size = QUICK if quick else Size()
    with _folder(runs) as folder:
        made = [
            _made(folder, state, number, size)
            for number in range(1, size.runs + 1)
            for state in STATES
        ]
        found = [(run, load_run(run.folder)) for run in made]
        chosen = sorted(set().union(*(judging.threads_of(run) for _, run in found)))
        at = reference or folder
        references = {threads: _reference(at, threads, size) for threads in chosen}
        yield from judged(found, references)


def judged(found: Sequence[tuple[Made, Run]], references: dict[int, Run]) -> Iterator[Claim]:
    """Yield the claims of runs that were made: by state, then over all of them."""
    cases: dict[str, list[Case]] = {}
    pages: dict[str, list[tuple[Made, Run]]] = {}
    truth = judging.truth(references.values())
    for made, run in found:
        cases.setdefault(made.state, []).extend(judging.look(made.folder.name, run, truth))
        pages.setdefault(made.state, []).append((made, run))
    for state, of_state in cases.items():
        limits = judging.BUSY if STATES.get(state) else judging.QUIET
        for claim in (*judging.claims(of_state, limits), *_pages(pages[state])):
            yield replace(claim, claimed=f"{state}: {claim.claimed}")
    everything = [case for several in cases.values() for case in several]
    for claim in judging.claims(everything, None):
        yield replace(claim, claimed=f"{ALL}: {claim.claimed}", misses=())
    yield _truth(references)


def _made(folder: Path, state: str, number: int, size: Size) -> Made:
    name = f"{size.prefix}{state.replace(' ', '-')}-{number}"
    only = ("--only", size.only) if size.only else ()
    return make(
        folder / name, state=state, neighbours=STATES[state], budget=size.budget, plugin=PLUGIN,
        options=("--suite", str(SUITE), "--seed", str(number), *only),
    )  # fmt: skip


def _reference(folder: Path, threads: int, size: Size) -> Run:
    only = ("--only", size.only) if size.only else ()
    options = ("--suite", str(SUITE), "--threads", str(threads), *size.reference_options, *only)
    made = make(
        folder / f"{size.prefix}reference-t{threads}", budget=size.reference_budget, plugin=PLUGIN,
        options=options,
    )  # fmt: skip
    return load_run(made.folder)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _pages(made: Sequence[tuple[Made, Run]]) -> Iterator[Claim]:
    """Yield what is claimed of what was printed, and of how long it took."""
    outside, wide, times, late = [], [], 0, []
    for run, records in made:
        found = list(printed(run, records))
        times += len(found)
        outside += [f"{run.folder.name}, {text}" for text in found if text]
        wide += [f"{run.folder.name}, {text}" for text in too_wide(run)]
        if run.budget and run.wall > 1.1 * run.budget:
            late.append(f"{run.folder.name}: {run.wall:.1f} s of {run.budget:g} s")
    yield at_most(
        "a printed time lies outside what the processes measured (none)",
        len(outside), times, 0.0, outside,
    )  # fmt: skip
    yield Claim(
        "an interval spans more than a factor of 2 in report.md, tables or terminal output (none)",
        f"{len(wide)} in {len(made)} runs", not wide, wide,
    )  # fmt: skip
    walls = sorted(run.wall for run, _ in made)
    between = f"{walls[0]:.1f} to {walls[-1]:.1f} s"
    if has_budget() and made[0][0].budget:
        budget = made[0][0].budget
        claimed = f"a run with --budget {budget:g}s ends within 1.1 times that"
        yield Claim(claimed, between, not late, late)
    else:
        yield Claim("a run keeps its budget", f"there is no --budget; {between}", holds=False)


def printed(made: Made, run: Run) -> Iterator[str]:
    """Yield "" for every time that was printed and lies where it may, else what is wrong."""
    ends: dict[tuple[str, str], tuple[float, float]] = {}
    timed: set[tuple[str, str]] = set()
    groups: dict[str, set[str]] = {}
    baselines: dict[str, str] = {}
    for row in rows(run):
        record = row.record
        if record.samples:
            each = [of_process(samples) for samples in record.samples]
            ends[record.group, record.label] = min(each), max(each)
            groups.setdefault(record.group, set()).add(record.label)
            if record.status == "ok":
                timed.add((record.group, record.label))
            if row.is_baseline:
                baselines[record.group] = record.label
    tables = sorted((made.folder / "tables").glob("*.csv"))
    for path in tables:
        for time in rendered.times_in_table(path, baselines):
            yield _outside(time, ends)
    page = (made.folder / "report.md").read_text(encoding="utf-8")
    names = titles(run.records).groups
    shown = {names[group]: labels for group, labels in groups.items()}
    short = {names[group]: group for group in groups}
    on_page = [
        replace(time, group=short[time.group]) for time in rendered.times_in_page(page, shown)
    ]
    for time in on_page:
        yield _outside(time, ends)
    for group, label in timed - {(time.group, time.label) for time in on_page}:
        yield f"report.md: {label} in {group} has a time, and none was found"


def _outside(time: rendered.Printed, ends: dict[tuple[str, str], tuple[float, float]]) -> str:
    known = ends.get((time.group, time.label))
    if known is None:
        return f"{time.where}: {time.label} has {time.seconds:.4g} s and no samples"
    low, high = known
    slack = 1e-9 * high + time.step / 2
    if low - slack <= time.seconds <= high + slack:
        return ""
    return (
        f"{time.where}: {time.label} {time.seconds:.4g} s, processes measured {low:.4g} to "
        f"{high:.4g} s"
    )


def too_wide(made: Made) -> Iterator[str]:
    """Yield the intervals above a factor of 2 that a reader of the run meets."""
    page = (made.folder / "report.md").read_text(encoding="utf-8")
    yield from (f"report.md: {text}" for text in rendered.wide_in_text(page))
    for path in sorted((made.folder / "tables").glob("*.csv")):
        yield from rendered.wide_in_table(path)
    shown = convbench("report", str(made.folder), "--format", "terminal").stdout
    for text in (made.printed, shown):
        yield from (f"terminal: {found}" for found in rendered.wide_in_text(text))


def _truth(references: dict[int, Run]) -> Claim:
    """Say what the reference rests on: it is no truth where it rests on little."""
    records = [record for run in references.values() for record in run.records]
    counts = [len(record.samples) for record in records if record.samples] or [0]
    return Claim(
        "the reference rests on at least 20 processes a case",
        f"{min(counts)} to {max(counts)}, with {' and '.join(map(str, references))} threads",
        min(counts) >= 20,
    )
