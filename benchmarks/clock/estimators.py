"""Which estimator: every choice within and over processes, asked of recorded rounds.

Out of the recorded processes of a state some are drawn, many times. What a choice says of them is
held against what the same choice says of quiet processes that were not drawn, and against their
medians.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from choices import OVER, WITHIN, Array, Centre, Within, intervals
from claim import Claim, Note
from recorded import Recorded, as_samples, record, recorded
from running import TWIN

from convbench.clock import stats
from convbench.clock.estimates import Estimates
from convbench.clock.samples import QUANTILE
from convbench.core.intervals import Interval

PROCESSES = 10
DRAWS = 60
_FEWEST_LEFT = 10
"""Quiet processes that a reference may rest on; with fewer, drawn ones are in it too."""
APART = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03)
NEAR = "mean of those near the others"
STATES = ("quiet", "one neighbour", "two neighbours")


@dataclass
class Judged:
    """What came of a choice in one state: logs, and yes or no."""

    errors: list[float] = field(default_factory=list)
    of_medians: list[float] = field(default_factory=list)
    spans: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    time_spans: list[float] = field(default_factory=list)
    time_covered: list[bool] = field(default_factory=list)
    twins: list[bool] = field(default_factory=list)
    told: dict[float, list[int]] = field(default_factory=lambda: {1.25: [0] * 3, 1.1: [0] * 3})

    def ratio(self, case: str, true: float, low: float, high: float) -> None:
        """Take the interval of a ratio; everything is a log."""
        self.spans.append(high - low)
        self.covered.append(low <= true <= high)
        said = stats.verdict(
            Interval(value=1, low=math.exp(low), high=math.exp(high), confidence=0.95),
            stats.FEWEST_ROUNDS_FOR_A_VERDICT,
        )
        if case == TWIN:
            self.twins.append(said in {"faster", "slower"})
            return
        right = said == ("slower" if true > 0 else "faster")
        for beyond, counts in self.told.items():
            if abs(true) > math.log(beyond):
                counts[0] += right
                counts[1] += not right and said != "cannot tell"
                counts[2] += 1

    def time(self, true: float, low: float, high: float) -> None:
        """Take the interval of a time."""
        self.time_spans.append(high - low)
        self.time_covered.append(low <= true <= high)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Processes drawn from a state, and the quiet ones that are true beside them."""

    data: Recorded
    drawn: Array
    quiet: Array

    def true(self, within: Within) -> tuple[Array, Array]:
        """Return the logs of times and of ratios to the base, the medians over quiet processes."""
        logs = np.log(within(self.quiet))
        ratios = logs - logs[:, [self.data.base]]
        return np.median(logs, axis=0), np.median(ratios, axis=0)


def draws(data: Recorded, quiet: Recorded, processes: int, number: int) -> Iterator[Draw]:
    """Draw processes without putting back, with a fixed seed."""
    generator = np.random.default_rng(0)
    everything = np.arange(len(data.seconds))
    for _ in range(number):
        drawn = generator.permutation(everything)[:processes]
        left = quiet.seconds
        if data is quiet and len(everything) - processes >= _FEWEST_LEFT:
            left = quiet.seconds[np.setdiff1d(everything, drawn)]
        yield Draw(data=data, drawn=drawn, quiet=left)


def judge(
    several: Sequence[Draw], within: Within, centre: Centre, into: Judged, apart: float = 0.0
) -> None:
    """Ask a choice about the draws of one group."""
    data = several[0].data
    base = data.base
    others = [at for at in range(len(data.cases)) if at != base]
    logs = np.log(within(data.seconds))[np.array([one.drawn for one in several])]
    ratios = (logs - logs[:, :, [base]])[:, :, others]
    values, reaches = intervals(ratios, centre, apart=apart)
    times, time_reaches = intervals(logs, centre, one_more=True)
    for draw, one in enumerate(several):
        true_times, true = one.true(within)
        _, of_medians = one.true(WITHIN["median"])
        into.errors += list(np.abs(values[draw] - true[others]))
        into.of_medians += list(np.abs(values[draw] - of_medians[others]))
        for at, value, reach in zip(others, values[draw], reaches[draw], strict=True):
            into.ratio(data.cases[at], true[at], value - reach, value + reach)
        for true_time, time, reach in zip(true_times, times[draw], time_reaches[draw], strict=True):
            into.time(true_time, time - reach, time + reach)


def as_is(several: Sequence[Draw], into: Judged) -> None:
    """Ask `convbench.clock.estimates`, as runs do, about the draws of one group."""
    data = several[0].data
    base = data.cases[data.base]
    for one in several:
        estimates = Estimates(
            {
                case: [as_samples(data, process, at) for process in one.drawn]
                for at, case in enumerate(data.cases)
            }
        )
        true_times, true = one.true(
            lambda seconds: np.sort(seconds)[..., int(QUANTILE * (seconds.shape[-1] - 1))]
        )
        for at, case in enumerate(data.cases):
            time = estimates.time(case)
            into.time(true_times[at], math.log(time.low), math.log(time.high))
            if case != base:
                found = estimates.ratio(case, base)
                into.errors.append(abs(math.log(found.value) - true[at]))
                into.ratio(case, true[at], math.log(found.low), math.log(found.high))


def estimators(
    paths: list[Path], *, record_to: Path | None = None, quick: bool = False
) -> Iterator[Claim | Note]:
    """Yield what holds of the estimator as it is, then the tables of all choices.

    paths: what `recorded` reads. record_to: folder to record into first, see `recorded.record`.
    """
    if record_to is not None:
        record(record_to, quick=quick)
        paths = [*paths, record_to]
    everything = list(recorded(paths))
    quiet = {(data.group, data.threads): data for data in everything if not data.neighbours}
    states: dict[tuple[int, int], list[list[Draw]]] = {}
    for data in everything:
        known = quiet.get((data.group, data.threads))
        if known is not None and len(data.seconds) >= PROCESSES:
            several = list(draws(data, known, PROCESSES, DRAWS // 10 if quick else DRAWS))
            states.setdefault((data.threads, data.neighbours), []).append(several)
    if not states:
        raise SystemExit(
            f"{', '.join(map(str, paths))}: no state has {PROCESSES} processes and a quiet one "
            "(-n0-) with the same groups and threads beside it"
        )
    for (threads, neighbours), groups in sorted(states.items()):
        yield from _claims(threads, neighbours, groups)
    yield Note("\n".join(_apart_table(states)))
    yield Note("\n".join(_table(states)))


def _claims(threads: int, neighbours: int, groups: list[list[Draw]]) -> Iterator[Claim]:
    into = Judged()
    for several in groups:
        as_is(several, into)
    state = f"{threads} thread{'s' * (threads > 1)}, {STATES[neighbours]}"
    for beyond, share in ((1.25, 0.98), (1.1, 0.8)):
        right, wrong, asked = into.told[beyond]
        yield Claim(
            f"{state}: ratios truly beyond {beyond:.2f}× are told right (at least {share:.0%}), "
            "none wrong",
            f"{right} of {asked}, {wrong} wrong",
            asked > 0 and right >= share * asked and not wrong,
        )
    for name, covered, spans, most in (
        ("ratio", into.covered, into.spans, 1.3 if neighbours else 1.15),
        ("time", into.time_covered, into.time_spans, 1.5 if neighbours else 1.25),
    ):
        share, span = float(np.mean(covered)), math.exp(float(np.median(spans)))
        yield Claim(
            f"{state}: the interval of a {name} holds the quiet one (at least 90 %), and spans in "
            f"the median at most {most:.2f}",
            f"{share:.1%}, {span:.3f} (9 in 10 below {math.exp(np.quantile(spans, 0.9)):.3f})",
            share >= 0.9 and span <= most,
        )


def _table(states: dict[tuple[int, int], list[list[Draw]]]) -> Iterator[str]:
    yield f"Every choice, {PROCESSES} processes drawn; in each cell quiet, one, two neighbours."
    yield ""
    yield (
        "| threads | in a process | over processes | error of a ratio, % | 9 in 10 below, % | "
        "against quiet medians, 9 in 10 below, % | beyond 1.25× told right, % | beyond 1.10×, % | "
        "told wrong | twin called different, % | covered, % | span | 9 in 10 below |"
    )
    yield "|--:|:--|:--|" + "--:|" * 10
    for threads in sorted({threads for threads, _ in states}):
        for name, within in WITHIN.items():
            for over, centre in OVER.items():
                found = []
                for at in range(len(STATES)):
                    into = Judged()
                    for several in states.get((threads, at), []):
                        judge(several, within, centre, into)
                    if into.errors:
                        found.append(into)
                yield f"| {threads} | {name} | {over} | {_cells(found)} |"


def _cells(found: list[Judged]) -> str:
    def percent(values: Sequence[float], share: float) -> str:
        return f"{100 * math.expm1(float(np.quantile(values, share))):.1f}"

    def told(one: Judged, beyond: float) -> str:
        right, _, asked = one.told[beyond]
        return f"{100 * right / max(1, asked):.4g}"

    columns = (
        lambda one: percent(one.errors, 0.5),
        lambda one: percent(one.errors, 0.9),
        lambda one: percent(one.of_medians, 0.9),
        lambda one: told(one, 1.25),
        lambda one: told(one, 1.1),
        lambda one: str(one.told[1.1][1]),
        lambda one: f"{100 * float(np.mean(one.twins or [0])):.0f}",
        lambda one: f"{100 * float(np.mean(one.covered)):.0f}",
        lambda one: f"{math.exp(float(np.median(one.spans))):.2f}",
        lambda one: f"{math.exp(float(np.quantile(one.spans, 0.9))):.2f}",
    )
    return " | ".join(" · ".join(column(one) for one in found) for column in columns)


def _apart_table(states: dict[tuple[int, int], list[list[Draw]]]) -> Iterator[str]:
    """Yield what an error that no run knows of itself does to lower quartiles and their median."""
    yield (
        f"Lower quartiles, their {NEAR}, and beside its error a standard deviation of what one run "
        "cannot know of another."
    )
    yield ""
    yield (
        "| threads | state | beside, % | covered, % | span | 9 in 10 below | beyond 1.25× told "
        "right, % | beyond 1.10×, % |"
    )
    yield "|--:|:--|--:|--:|--:|--:|--:|--:|"
    for (threads, neighbours), groups in sorted(states.items()):
        for apart in APART:
            into = Judged()
            for several in groups:
                judge(several, WITHIN["lower quartile"], OVER[NEAR], into, apart)
            right = [100 * into.told[b][0] / max(1, into.told[b][2]) for b in (1.25, 1.1)]
            yield (
                f"| {threads} | {STATES[neighbours]} | {100 * apart:.1f} | "
                f"{100 * float(np.mean(into.covered)):.1f} | "
                f"{math.exp(float(np.median(into.spans))):.3f} | "
                f"{math.exp(float(np.quantile(into.spans, 0.9))):.3f} | {right[0]:.4g} | "
                f"{right[1]:.4g} |"
            )
