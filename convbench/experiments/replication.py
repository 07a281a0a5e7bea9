"""A published experiment timed on this device: each row beside the printed one, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from statistics import geometric_mean
from typing import Final, Literal, cast

from convbench.clock.stats import MARGIN, median_interval
from convbench.core.errors import SpecError
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.serialization import Stored, Whole
from convbench.experiments.dispatch import implementation
from convbench.experiments.published import EXPERIMENTS, Claim, Entry, Experiment, Processor
from convbench.experiments.setups import Raced, Setup, race, why_no_time

Holding = Literal["holds", "does not hold", "cannot tell"]
ALL: Final = "all"
PROCESSES: Final = 6
"""The fewest of which an interval of order statistics reaches 95 %."""
_LONGEST: Final = 3600


@dataclass(frozen=True, kw_only=True)
class Line(Stored):
    """An entry of the published table, and the same here.

    Attributes:
        row: row of the published table.
        column: its column.
        printed: the figure as printed.
        multiplications: of one pass.
        printed_ratio: printed time for each multiplication, divided by that of the row that the
            claim says is faster.
        seconds: of one pass here; null where there is no time to believe.
        ratio: the same ratio here; null likewise, and for the faster row itself.
        no_time: why there is no time; empty where there is one.
        implementation: what computes the products here.

    """

    row: str
    column: str
    printed: str
    multiplications: Whole
    printed_ratio: float
    seconds: Interval | None
    ratio: RatioInterval | None
    no_time: str
    implementation: str


@dataclass(frozen=True, kw_only=True)
class Replicated(Claim, Stored):
    """An experiment as published and as measured here.

    Attributes:
        name: of the experiment.
        device: where it was timed.
        threads: of the processor.
        columns: those in which both rows have a time here.
        printed_ratio: geometric mean over these columns of the printed ratio of the two rows; over
            all where there are none.
        ratio: the same here, with an interval over the processes; null where there are none.
        holds: whether the claim holds here.
        lines: the table.

    """

    name: str
    device: str
    threads: Whole
    columns: tuple[str, ...]
    printed_ratio: float
    ratio: Interval | None
    holds: Holding
    lines: tuple[Line, ...]


def names_of(name: str) -> tuple[str, ...]:
    """Return the experiments that a name stands for; UnknownNameError where it is none."""
    if name == ALL:
        return tuple(EXPERIMENTS)
    EXPERIMENTS[name]
    return (name,)


def replicate(
    name: str,
    *,
    device: str = "cpu",
    threads: int = 1,
    budget: float = 30.0,
    processes: int = PROCESSES,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
) -> Replicated:
    """Time an experiment on a device, all its entries interleaved.

    budget: seconds of timed rounds. Raises UnknownNameError for an unknown name, SpecError for a
    budget, threads or processes that are none.
    """
    if not 0 < budget <= _LONGEST:
        raise SpecError(f"--budget {budget:g}: give seconds above 0, at most {_LONGEST:,}.")
    for option, number in {"--threads": threads, "--processes": processes}.items():
        if number < 1:
            raise SpecError(f"{option} {number}: give 1 or more.")
    processor = cast("Processor", device.partition(":")[0])
    experiment = EXPERIMENTS[name](processor)
    setups = {
        entry.name: Setup(
            build=entry.build,
            input_shape=entry.input_shape,
            multiplications=entry.multiplications,
            threads=threads,
        )
        for entry in experiment.entries
    }
    raced = race(setups, budget=budget, processes=processes, device=device, seed=seed, told=told)
    return replicated(name, experiment, raced, device, threads)


def replicated(
    name: str, experiment: Experiment, raced: Raced, device: str, threads: int
) -> Replicated:
    """Return an experiment beside the times of its entries."""
    pairs = [entry for entry in experiment.entries if entry.row == experiment.slower]
    timed = [
        entry
        for entry in pairs
        if not any(
            why_no_time(raced.measurement, one.name) for one in (entry, experiment.against(entry))
        )
    ]
    printed = geometric_mean(map(experiment.printed_ratio, timed or pairs))
    ratio = _mean(experiment, timed, raced)
    return Replicated(
        name=name,
        **{item.name: getattr(experiment, item.name) for item in fields(Claim)},
        device=device,
        threads=threads,
        columns=tuple(entry.column for entry in timed),
        printed_ratio=printed,
        ratio=ratio,
        holds=verdict(ratio, printed),
        lines=tuple(_line(experiment, entry, raced) for entry in experiment.entries),
    )


def _mean(experiment: Experiment, pairs: Sequence[Entry], raced: Raced) -> Interval | None:
    """Return the geometric mean over the columns, the median over processes; None without any."""
    ratios = [_ratio(experiment, entry, raced) for entry in pairs]
    each = [geometric_mean(several) for several in zip(*(r.each for r in ratios), strict=False)]
    return median_interval(each) if each else None


def _ratio(experiment: Experiment, entry: Entry, raced: Raced) -> RatioInterval:
    """Return the ratio of times to the faster row's, each for one multiplication."""
    base = experiment.against(entry)
    work = entry.multiplications / base.multiplications
    return raced.measurement.ratio(entry.name, base.name).over(work)


def verdict(ratio: Interval | None, printed: float) -> Holding:
    """Say whether one row takes longer than the other, as is claimed.

    It holds where all of the interval is above 1, and not where all of it is below, or within the
    margin of 1 while the printed ratio is beyond it. With fewer processes than an interval of 95 %
    needs, and in all other cases, it cannot be told.
    """
    if ratio is None or ratio.confidence < _CONFIDENCE:
        return "cannot tell"
    if ratio.low > 1:
        return "holds"
    none = printed > 1 + MARGIN and ratio.high < 1 + MARGIN and ratio.low > 1 / (1 + MARGIN)
    return "does not hold" if ratio.high < 1 or none else "cannot tell"


_CONFIDENCE: Final = 0.95


def _line(experiment: Experiment, entry: Entry, raced: Raced) -> Line:
    measured = raced.measurement
    why = why_no_time(measured, entry.name)
    base = experiment.against(entry).name
    both = entry.row != experiment.faster and not why and not why_no_time(measured, base)
    return Line(
        row=entry.row,
        column=entry.column,
        printed=entry.printed,
        multiplications=entry.multiplications,
        printed_ratio=experiment.printed_ratio(entry),
        seconds=None if why else measured.interval(entry.name),
        ratio=_ratio(experiment, entry, raced) if both else None,
        no_time=why,
        implementation=implementation(raced.executions.get(entry.name), words=False),
    )
