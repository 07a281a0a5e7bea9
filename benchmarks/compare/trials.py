"""How often `compare` cries wolf, and how often it finds what is there.

Everything is asked of recorded runs of one suite, made one after the other with nothing changed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from convbench.clock.samples import Samples
from convbench.comparing.comparison import Comparison, compare
from convbench.comparing.gate import OK, REGRESSION, outcome
from convbench.comparing.sides import Side
from convbench.runs.record import Record

WANTED = 0.05


@dataclass(frozen=True)
class Claim:
    """What was asked, what came of it, and whether that is good enough."""

    text: str
    holds: bool


def real(sides: Sequence[Side]) -> Iterator[Claim]:
    """Compare every two runs, in the order they were made: nothing changed between them."""
    found = [compare(a, b) for a, b in itertools.combinations(sides, 2)]
    rows = [row for item in found for row in item.rows if row.verdict is not None]
    wolf = sum(outcome(item).status != OK for item in found)
    wrong = sum(false(item) for item in found)
    names = sorted({row.pair.label for row in rows if row.verdict in {"slower", "faster"}})
    same = sum(row.verdict == "same" for row in rows)
    yield Claim(
        f"{len(found)} pairs of {len(sides)} real runs, {len(rows) // len(found)} rows each: "
        f"{wolf} show a regression (at most 5 %), {wrong} any slower or faster: "
        f"{', '.join(names) or 'none'}; {same / len(rows):.0%} of all rows are called the same",
        wolf <= WANTED * len(found),
    )


def simulated(sides: Sequence[Side], trials: int) -> Iterator[Claim]:
    """Compare runs that are put together from recorded ones, group by group."""
    found = [compare(*drawn(sides, random.Random(seed))) for seed in range(trials)]  # noqa: S311
    wolf = sum(outcome(item).status != OK for item in found)
    wrong = sum(false(item) for item in found)
    yield Claim(
        f"{trials} comparisons of runs put together from the groups of recorded ones: {wolf} show "
        f"a regression (at most 5 %), {wrong} any slower or faster",
        wolf <= WANTED * trials,
    )


def false(found: Comparison) -> bool:
    """Tell whether anything is called slower or faster."""
    return any(item.verdict in {"slower", "faster"} for item in (*found.rows, *found.moved))


def injected(sides: Sequence[Side], trials: int, factor: float = 1.1) -> Iterator[Claim]:
    """Make one type slower in all its samples and look for it, and for anything else."""
    names = sorted({record.label for record in sides[0].records if record.samples})
    whole, rows, due, other = 0, 0, 0, 0
    for seed in range(trials):
        name = names[seed % len(names)]
        left, right = drawn(sides, random.Random(seed))  # noqa: S311
        found = compare(left, slowed(right, name, factor))
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


def drawn(sides: Sequence[Side], draw: random.Random) -> tuple[Side, Side]:
    """Draw two runs: each group of one from any recorded run, of the other from another.

    A group's processes stay together with their run, so what a run's luck does to a case stays in.
    """
    groups = dict.fromkeys(record.group for record in sides[0].records)
    chosen = {group: draw.sample(range(len(sides)), 2) for group in groups}
    halves = []
    for half, name in enumerate(("left", "right")):
        records = [
            record
            for number, side in enumerate(sides)
            for record in side.records
            if chosen[record.group][half] == number
        ]
        halves.append(Side(name=name, header=sides[0].header, records=tuple(records)))
    return halves[0], halves[1]


def slowed(side: Side, name: str, factor: float) -> Side:
    """Return the side with all times of one type multiplied."""
    return replace(side, records=tuple(_slowed(r, name, factor) for r in side.records))


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
