"""How often `compare` cries wolf, and how often it finds what is there.

Everything is asked of recorded runs of one suite, made one after the other with nothing changed.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from convbench.comparing.comparison import Comparison, compare
from convbench.comparing.gate import OK, REGRESSION, outcome
from convbench.comparing.sides import Side
from convbench.runs.record import Record
from convbench.timing.samples import Samples

WANTED = 0.05


@dataclass(frozen=True)
class Claim:
    """What was asked, what came of it, and whether that is good enough."""

    text: str
    holds: bool


def real(sides: Sequence[Side]) -> Iterator[Claim]:
    """Compare every run with every other one: nothing changed between them."""
    found = [compare(a, b) for a, b in itertools.permutations(sides, 2)]
    wolf = [item for item in found if outcome(item).status != OK]
    rows = sum(row.verdict is not None for row in found[0].rows)
    names = sorted({row.pair.label for item in wolf for row in item.found("slower")})
    same = sum(len(item.found("same")) for item in found)
    judged = sum(row.verdict is not None for item in found for row in item.rows)
    yield Claim(
        f"{len(wolf)} of {len(found)} comparisons of two of {len(sides)} real runs, "
        f"{rows} rows each, show a regression (at most 5 %): {', '.join(names) or 'none'}; "
        f"{same / judged:.0%} of all rows are called the same",
        len(wolf) <= WANTED * len(found),
    )


def simulated(sides: Sequence[Side], trials: int, processes: int = 3) -> Iterator[Claim]:
    """Compare runs that are drawn from the processes of all recorded ones."""
    wolf = 0
    for seed in range(trials):
        left, right = drawn(sides, processes, random.Random(seed))  # noqa: S311
        wolf += outcome(compare(left, right)).status != OK
    yield Claim(
        f"{wolf} of {trials} comparisons of runs drawn from recorded processes, {processes} a "
        f"side, show a regression (at most 5 %)",
        wolf <= WANTED * trials,
    )


def injected(sides: Sequence[Side], trials: int, factor: float = 1.1) -> Iterator[Claim]:
    """Make one type slower in all its samples and look for it, and for anything else."""
    names = sorted({record.label for record in sides[0].records if record.samples})
    whole, rows, due, other = 0, 0, 0, 0
    for seed in range(trials):
        name = names[seed % len(names)]
        left, right = drawn(sides, 3, random.Random(seed))  # noqa: S311
        slow = replace(right, records=tuple(_slowed(r, name, factor) for r in right.records))
        found = compare(left, slow)
        whole += outcome(found).status == REGRESSION and _of(found, name) > 0
        rows += _of(found, name)
        due += sum(row.pair.label == name and row.verdict is not None for row in found.rows)
        other += len(found.found("slower")) > _of(found, name)
    yield Claim(
        f"one type made {factor - 1:.0%} slower is found in {whole} of {trials} comparisons (each "
        f"of {len(names)} types in turn), in {rows} of its {due} rows; another type was blamed in "
        f"{other}",
        whole >= 0.9 * trials and other <= WANTED * trials,
    )


def drawn(sides: Sequence[Side], processes: int, draw: random.Random) -> tuple[Side, Side]:
    """Draw two runs: for every group, processes of any recorded run, none of them twice."""
    pool: dict[str, dict[str, dict[str, Samples]]] = defaultdict(lambda: defaultdict(dict))
    for number, side in enumerate(sides):
        for record in side.records:
            for samples in record.samples:
                pool[record.group][f"{number} {samples.session}"][record.case] = samples
    chosen = {
        group: draw.sample(sorted(sessions), 2 * processes) for group, sessions in pool.items()
    }
    halves = []
    for half in (0, 1):
        records = [
            replace(
                record,
                samples=tuple(
                    pool[record.group][name][record.case]
                    for name in chosen.get(record.group, [])[half::2]
                    if record.case in pool[record.group][name]
                ),
            )
            for record in sides[0].records
        ]
        halves.append(replace(sides[0], name=("left", "right")[half], records=tuple(records)))
    return halves[0], halves[1]


def _slowed(record: Record, name: str, factor: float) -> Record:
    if record.label != name:
        return record
    return replace(record, samples=tuple(_times(samples, factor) for samples in record.samples))


def _times(samples: Samples, factor: float) -> Samples:
    longer = {
        name: tuple(value * factor for value in getattr(samples, name))
        for name in ("seconds", "cpu_seconds", "waited_seconds")
    }
    return replace(samples, **longer)


def _of(found: Comparison, name: str) -> int:
    return sum(row.pair.label == name for row in found.found("slower"))
