"""Which estimator: every choice within and over processes, asked of recorded rounds.

Out of the recorded processes of a state some are drawn, many times; what a choice says of them is
held against what the same choice says of the quiet machine (of processes that were not drawn), and
against the quiet medians.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from recorded import Recorded

from convbench.timing.stats import MARGIN
from convbench.timing.variances import prior, quantile

Array = np.ndarray
Within = Callable[[Array], Array]
"""From seconds [..., round] to a value [...]."""

TWIN = "standard_again"


def ordered_at(share: float) -> Within:
    """Return the quantile that is one of the values, the lower of two."""
    return lambda seconds: np.sort(seconds, axis=-1)[..., int(share * (seconds.shape[-1] - 1))]


def middle(share: float, upper: float | None = None) -> Within:
    """Return the mean of the rounds without a share of the lowest and one of the highest."""

    def mean(seconds: Array) -> Array:
        count = seconds.shape[-1]
        low, high = int(share * count), int((share if upper is None else upper) * count)
        return np.sort(seconds, axis=-1)[..., low : count - high].mean(axis=-1)

    return mean


WITHIN: dict[str, Within] = {
    "minimum": ordered_at(0),
    "10 % quantile": ordered_at(0.1),
    "lower quartile": ordered_at(0.25),
    "median": ordered_at(0.5),
    "mean of the lower half": middle(0, 0.5),
    "trimmed mean (25 %)": middle(0.25),
}


@dataclass(frozen=True)
class Centre:
    """A centre over processes.

    Attributes:
        of: from logs [draw, process, case] to centres [draw, case].
        variance: n times the square of its standard error, [draw, case].
        lost: processes that add no degree of freedom.

    """

    of: Callable[[Array], Array]
    variance: Callable[[Array], Array]
    lost: int = 1


def _trimmed(logs: Array, each: int) -> Array:
    return np.sort(logs, axis=1)[:, each : logs.shape[1] - each].mean(axis=1)


def _winsorized(logs: Array, each: int) -> Array:
    """Return n times the squared error of a trimmed mean (Tukey and McLaughlin, 1963)."""
    count = logs.shape[1]
    ordered = np.sort(logs, axis=1)
    pulled = np.clip(ordered, ordered[:, [each]], ordered[:, [count - each - 1]])
    return pulled.var(axis=1, ddof=1) / (1 - 2 * each / count) ** 2


def _hodges_lehmann(logs: Array) -> Array:
    """Return the median of the means of all pairs (Hodges and Lehmann, 1963)."""
    first, second = np.triu_indices(logs.shape[1])
    return np.median((logs[:, first] + logs[:, second]) / 2, axis=1)


def _fenced(logs: Array) -> Array:
    """Return the logs with nan for what lies 4 robust deviations and 1.25 times away."""
    away = np.abs(logs - np.median(logs, axis=1, keepdims=True))
    fence = np.maximum(math.log(1.25), 4 * 1.4826 * np.median(away, axis=1, keepdims=True))
    return np.where(away <= fence, logs, np.nan)


OVER: dict[str, Centre] = {
    "mean": Centre(lambda logs: logs.mean(axis=1), lambda logs: logs.var(axis=1, ddof=1)),
    "mean without highest and lowest": Centre(
        lambda logs: _trimmed(logs, 1), lambda logs: _winsorized(logs, 1), lost=3
    ),
    "mean of the middle half": Centre(
        lambda logs: _trimmed(logs, logs.shape[1] // 4),
        lambda logs: _winsorized(logs, logs.shape[1] // 4),
        lost=5,
    ),
    "median of pairs' means": Centre(
        _hodges_lehmann, lambda logs: math.pi / 3 * np.nanvar(_fenced(logs), axis=1, ddof=1)
    ),
    "median": Centre(
        lambda logs: np.median(logs, axis=1),
        # a median's error is sqrt(pi / 2) times a mean's
        lambda logs: math.pi / 2 * np.nanvar(_fenced(logs), axis=1, ddof=1),
    ),
    "median, error as of a mean": Centre(
        lambda logs: np.median(logs, axis=1), lambda logs: np.nanvar(_fenced(logs), axis=1, ddof=1)
    ),
}


@dataclass
class Judged:
    """What came of one choice in one state."""

    errors: list[float] = field(default_factory=list)
    of_medians: list[float] = field(default_factory=list)
    spans: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    right: dict[float, list[int]] = field(default_factory=dict)
    twin: list[bool] = field(default_factory=list)
    time_spans: list[float] = field(default_factory=list)
    time_covered: list[bool] = field(default_factory=list)

    def tell(self, beyond: float, true: float, low: float, high: float) -> None:
        """Count a verdict where the truth is beyond so much: right, wrong, asked."""
        if abs(true) > math.log(beyond):
            same = -math.log1p(MARGIN) <= low and high <= math.log1p(MARGIN)
            told = 0 if same else 1 if low > 0 else -1 if high < 0 else 0
            counts = self.right.setdefault(beyond, [0, 0, 0])
            counts[0] += told * true > 0
            counts[1] += told * true < 0 or same
            counts[2] += 1


def intervals(logs: Array, centre: Centre, *, one_more: bool = False) -> tuple[Array, Array]:
    """Return centres and half-widths [draw, case], variances taken together in each draw."""
    count = logs.shape[1]
    variance = np.maximum(centre.variance(logs), 0.002**2)
    own = count - centre.lost
    reach = np.empty_like(variance)
    for draw, values in enumerate(variance):
        typical, worth = prior([(float(value), own) for value in values])
        drawn = (worth * typical + own * values) / (worth + own)
        error = np.sqrt(drawn * ((1 + 1 / count) if one_more else 1 / count))
        reach[draw] = quantile(0.95, worth + own) * error
    return centre.of(logs), reach


def judge(
    data: Recorded, quiet: Recorded, within: Within, centre: Centre, draws: Array, into: Judged
) -> None:
    """Draw processes, estimate, and hold it against the quiet ones that were not drawn."""
    logs = np.log(within(data.seconds))
    quiet_logs = np.log(within(quiet.seconds))
    quiet_medians = np.log(np.median(quiet.seconds, axis=-1))
    base = data.base
    others = [at for at in range(len(data.cases)) if at != base]
    drawn = logs[draws]
    ratios = (drawn - drawn[:, :, [base]])[:, :, others]
    value, reach = intervals(ratios, centre)
    times, time_reach = intervals(drawn, centre, one_more=True)
    same_state = data is quiet
    for draw in range(len(draws)):
        left = np.ones(len(quiet_logs), dtype=bool)
        if same_state:
            left[draws[draw]] = False
        true_time = np.median(quiet_logs[left], axis=0)
        true = np.median((quiet_logs - quiet_logs[:, [base]])[left], axis=0)[others]
        seen = np.median((quiet_medians - quiet_medians[:, [base]])[left], axis=0)[others]
        into.errors += list(np.abs(value[draw] - true))
        into.of_medians += list(np.abs(value[draw] - seen))
        into.spans += list(2 * reach[draw])
        into.covered += list(np.abs(value[draw] - true) <= reach[draw])
        into.time_spans += list(2 * time_reach[draw])
        into.time_covered += list(np.abs(times[draw] - true_time) <= time_reach[draw])
        for at, truth, middle_, half in zip(others, true, value[draw], reach[draw], strict=True):
            if data.cases[at] == TWIN:
                low, high = middle_ - half, middle_ + half
                inside = -math.log1p(MARGIN) <= low and high <= math.log1p(MARGIN)
                into.twin.append(not inside and (low > 0 or high < 0))
                continue
            for beyond in (1.25, 1.1):
                into.tell(beyond, truth, middle_ - half, middle_ + half)


def drawn_of(number: int, processes: int, draws: int, seed: int = 0) -> Array:
    """Return which processes are drawn: [draw, process], without putting back."""
    generator = np.random.default_rng(seed)
    return np.array([generator.permutation(number)[:processes] for _ in range(draws)])


def table(
    everything: Sequence[Recorded], *, processes: int = 10, draws: int = 100
) -> Iterator[str]:
    """Yield the lines of a table: each choice in each state."""
    yield (
        "| threads | neighbours | in a process | over processes | error of a ratio: median | 9 in "
        "10 below | against quiet medians: median | 9 in 10 below | beyond 1.25×: right / wrong | "
        "beyond 1.10×: right / wrong | twin called different | covered | span, median | 9 in 10 "
        "below | times: covered | span |"
    )
    yield "|--:|--:|:--|:--|" + "--:|" * 12
    quiet = {(d.group, d.threads): d for d in everything if not d.neighbours}
    for threads, neighbours in sorted({(d.threads, d.neighbours) for d in everything}):
        chosen = [d for d in everything if (d.threads, d.neighbours) == (threads, neighbours)]
        for name, within in WITHIN.items():
            for over, centre in OVER.items():
                into = Judged()
                for data in chosen:
                    reference = quiet.get((data.group, threads))
                    enough = len(data.seconds) > processes
                    if reference is None or not enough:
                        continue
                    asked = drawn_of(len(data.seconds), processes, draws)
                    judge(data, reference, within, centre, asked, into)
                if into.errors:
                    yield f"| {threads} | {neighbours} | {name} | {over} | " + row(into)


def row(found: Judged) -> str:
    """Return the figures of a choice, as cells."""

    def percent(values: Sequence[float], share: float) -> str:
        return f"{math.expm1(float(np.quantile(values, share))):.1%}"

    def told(beyond: float) -> str:
        right, wrong, asked = found.right.get(beyond, (0, 0, 0))
        return f"{right / max(1, asked):.1%} / {wrong}"

    cells = [
        percent(found.errors, 0.5),
        percent(found.errors, 0.9),
        percent(found.of_medians, 0.5),
        percent(found.of_medians, 0.9),
        told(1.25),
        told(1.1),
        f"{np.mean(found.twin):.1%}" if found.twin else "",
        f"{np.mean(found.covered):.2f}",
        f"{math.exp(float(np.median(found.spans))):.2f}",
        f"{math.exp(float(np.quantile(found.spans, 0.9))):.2f}",
        f"{np.mean(found.time_covered):.2f}",
        f"{math.exp(float(np.median(found.time_spans))):.2f}",
    ]
    return " | ".join(cells) + " |"
