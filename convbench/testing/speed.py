"""Assertions about time: they fail only where the whole interval of the measured ratio does.

There are three outcomes. With r = time of b / time of a, and the 95 % interval of r:

    holds         the whole interval is at or above `by`
    fails         the whole interval is below `by`
    cannot tell   inconclusive: `by` lies within the interval, there is none, it spans more than a
                  factor of 2, other load disturbed most of the samples, or a GPU's clock was held
                  down in most of them, or another process used the GPU

So `by` is how many times as fast a must be: a call of a takes at most 1/by of the time of a call of
b (by=1.2: at most 83 %). Below 1 it is a limit on how much slower a may be (by=0.9: at most 11 %).
"""

from __future__ import annotations

import math
import unittest
from dataclasses import dataclass
from typing import Final, Literal

from convbench.clock.arguments import Given, MeasureError
from convbench.clock.contamination import (
    HELD,
    SEEN_THROUGH,
    SHARED,
    contaminated_share,
    held_share,
)
from convbench.clock.measurement import Measurement, MeasurementError
from convbench.clock.samples import Samples
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.core.errors import quoted
from convbench.core.intervals import WIDEST, RatioInterval
from convbench.report.doubts import CAUSES
from convbench.testing.timed import label_of, timed

Outcome = Literal["holds", "fails", "cannot tell"]

SECONDS: Final = 3.0
"""Of measuring, all processes together."""
PROCESSES: Final = 8
"""They differ, by their memory layout above all; one disturbed process of eight is an outlier."""
_OWN: Final = frozenset({"fresh", "forked"})
"""`Samples.process` of a process of its own; any other value is the reason why there was none."""
_DIGITS: Final = 4
_MOST_SHOWN: Final = 4


class CannotTellError(unittest.SkipTest):
    """The measurement is inconclusive: unittest and pytest take it for a skipped test."""


@dataclass(frozen=True, kw_only=True)
class Faster:
    """The result of measuring whether a is at least `by` times as fast as b.

    Attributes:
        by: the required ratio of speeds.
        labels: what a and b are, in words.
        measurement: what was measured, as competitors "a" and "b".
        ratio: time of b / time of a; None where no valid time was measured.
        outcome: "holds", "fails" or "cannot tell" (inconclusive).
        reason: why it is inconclusive, and what to do; empty where it is not.

    """

    by: float
    labels: tuple[str, str]
    measurement: Measurement
    ratio: RatioInterval | None
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        """Return the outcome, the times and their basis, in words."""
        words = {
            "holds": f"is at least {self.by:g} times as fast as",
            "fails": f"is less than {self.by:g} times as fast as",
            "cannot tell": f"may or may not be {self.by:g} times as fast as",
        }
        lines = [f"a ({self.labels[0]}) {words[self.outcome]} b ({self.labels[1]})."]
        if self.ratio is not None:
            where = {
                "holds": f", none of it below {self.by:g}",
                "fails": f", all of it below {self.by:g}",
            }
            lines.append(f"time of b / time of a: {self.interval}{where.get(self.outcome, '')}")
        lines += [f"{name}: {self._time(name)}" for name in ("a", "b")]
        lines.append(f"measured: {basis(self.measurement)}")
        if self.measurement.float32:
            lines.append(f"float32 work on the GPU: {self.measurement.float32}")
        lines += [f"note: {note}" for note in self.measurement.notes]
        return "\n".join([*lines, *([self.reason] if self.reason else [])])

    @property
    def interval(self) -> str:
        """The ratio with its interval, in words; the processes' ratios where it has none."""
        return show.MISSING if self.ratio is None else _words(self.ratio)

    def demand(self, *, strict: bool = False) -> None:
        """Raise AssertionError where it fails, CannotTellError where it is inconclusive.

        strict: AssertionError there too.
        """
        __tracebackhide__ = True
        if self.outcome == "fails" or (strict and self.outcome == "cannot tell"):
            raise AssertionError(str(self))
        if self.outcome == "cannot tell":
            raise CannotTellError(self.brief)

    @property
    def brief(self) -> str:
        """Why it is inconclusive, in a line."""
        return f"inconclusive: {self.reason} ({basis(self.measurement)})"

    def _time(self, name: str) -> str:
        try:
            time = show.seconds(self.measurement.interval(name))
        except MeasurementError:
            time = "no valid time"
        flags, notes = self.measurement.flags[name], self.measurement.notes
        said = "; ".join(
            flag
            for flag in flags
            if not flag.startswith("process: ") and f"{name}: {flag}" not in notes
        )  # a note has it
        return f"{time} a call{f' [{said}]' if said else ''}"


def assert_faster(
    a: Given,
    b: Given,
    by: float = 1.2,
    *,
    seconds: float = SECONDS,
    processes: int = PROCESSES,
    threads: int = 1,
    device: str = "cpu",
    grad: bool = False,
    strict: bool = False,
) -> Faster:
    """Assert that a is at least `by` times as fast as b; fail only where the whole interval does.

    Both are timed together, in seeded interleaved rounds, in processes of their own where they can
    travel (what pickles: modules, functions at the top of an importable module) and otherwise in
    this one.

    Args:
        a: a callable without arguments, or (callable, inputs) with a tensor or a tuple of them.
        b: the one that it is compared with, likewise.
        by: time of b / time of a, at least: a takes at most 1/by of b's time. Above 0.
        seconds: of measuring, all processes together; starting them comes on top.
        processes: of their own, each of which times both.
        threads: intra-op threads.
        device: "cpu", "cuda" or "cuda:<index>".
        grad: record gradients; otherwise everything runs in inference mode.
        strict: fail where it is inconclusive, too.

    Returns:
        What was found, where it holds.

    Raises:
        AssertionError: the whole interval is below `by`.
        CannotTellError: it is inconclusive; a skipped test, to unittest and to pytest.
        MeasureError: something that cannot be measured as it was given.
        MeasurementError: a or b raised, died, or gave a wrong result, and so has no time.

    """
    __tracebackhide__ = True
    found = compare_speed(
        a,
        b,
        by,
        seconds=seconds,
        processes=processes,
        threads=threads,
        device=device,
        grad=grad,
    )
    found.demand(strict=strict)
    return found


def compare_speed(
    a: Given,
    b: Given,
    by: float = 1.2,
    *,
    seconds: float = SECONDS,
    processes: int = PROCESSES,
    threads: int = 1,
    device: str = "cpu",
    grad: bool = False,
) -> Faster:
    """Measure as `assert_faster` does, and return the result, whatever it is.

    Raises MeasureError and MeasurementError as it does.
    """
    __tracebackhide__ = True
    check_by(by)
    found = timed(
        {"a": a, "b": b},
        budget=seconds,
        processes=processes,
        threads=threads,
        device=device,
        grad=grad,
    )
    if found.failures:
        raise no_time(found)
    return conclusion(found, by, labels=(label_of(a), label_of(b)))


def check_by(by: object) -> None:
    """Raise MeasureError for what is no number of times."""
    number = isinstance(by, int | float) and not isinstance(by, bool)
    if not (number and 0 < by < math.inf):  # type: ignore[operator]
        raise MeasureError(
            f"by={quoted(by)}: give how many times as fast a must be, as a finite number above "
            "0, such as 1.2"
        )


def no_time(found: Measurement) -> MeasurementError:
    """Return the error that says which competitors have no time, and why."""
    said = "; ".join(f"{name} has no time: {why}" for name, why in found.failures.items())
    return MeasurementError(f"{said}. Nothing was compared: mend it and measure again.")


def conclusion(found: Measurement, by: float, *, labels: tuple[str, str]) -> Faster:
    """Return the result that a measurement of "a" and "b" has for `by`. Measures nothing."""
    a, b = found.judged["a"], found.judged["b"]
    try:
        ratio = found.ratio("b", "a")
    except ValueError as error:  # every sample contaminated, a time of 0
        ratio, why = None, str(error)
    else:
        why = _disturbed(found)
    if ratio is None or why:
        outcome: Outcome = "cannot tell"
    else:
        outcome = judge(ratio, by, rounds=min(_rounds(a), _rounds(b)))
        if outcome == "cannot tell":
            why = _undecided(ratio, by, min(_rounds(a), _rounds(b)))
    return Faster(by=by, labels=labels, measurement=found, ratio=ratio, outcome=outcome, reason=why)


def _disturbed(found: Measurement) -> str:
    """Return what makes a measurement inconclusive whatever its interval, and what to do; or ""."""
    if any(SHARED in flags for flags in found.flags.values()):
        return f"{CAUSES[SHARED].what} meanwhile; {CAUSES[SHARED].remedy}"
    worst = max((found.judged["a"], found.judged["b"]), key=contaminated_share)
    share = contaminated_share(worst)
    if share <= SEEN_THROUGH:
        return ""
    if held_share(worst) > share / 2:
        return f"{CAUSES[HELD].what} in {show.percent(share)} of the samples; {CAUSES[HELD].remedy}"
    return (
        f"other load on the machine disturbed {show.percent(share)} of the samples; stop other "
        "work on it, or look for the cause with `convbench doctor`"
    )


def judge(ratio: RatioInterval, by: float, *, rounds: int) -> Outcome:
    """Return the outcome for the interval of time of b / time of a, from so many rounds.

    "cannot tell" for too few rounds, and for an interval that is not `RatioInterval.usable`.
    """
    if rounds < FEWEST_ROUNDS_FOR_A_VERDICT or not ratio.usable:
        return "cannot tell"
    if ratio.low >= by:
        return "holds"
    return "fails" if ratio.high < by else "cannot tell"


def _undecided(ratio: RatioInterval, by: float, rounds: int) -> str:
    if rounds < FEWEST_ROUNDS_FOR_A_VERDICT:
        return (
            f"{show.plural(rounds, 'round was', 'rounds were')} timed, and at least "
            f"{FEWEST_ROUNDS_FOR_A_VERDICT} are needed; give more seconds"
        )
    if not ratio.usable:
        return (
            f"time of b / time of a is uncertain by more than a factor of {WIDEST:g}: "
            f"{_words(ratio)}; stop other work on the machine, or give more seconds or processes"
        )
    return (
        f"time of b / time of a is {_words(ratio)}, which includes the required {by:g}; give more "
        "seconds or processes, or require less"
    )


def _words(ratio: RatioInterval) -> str:
    """Return a ratio with its interval; where it has none, with the ratio in every process."""
    value, low, high = (show.significant(x, _DIGITS) for x in (ratio.value, ratio.low, ratio.high))
    if ratio.usable:
        return f"{value} ({show.confidence(ratio.confidence)} interval {low} to {high})"
    each = [show.significant(one, _DIGITS) for one in sorted(ratio.each)]
    if len(each) > _MOST_SHOWN:
        each[_MOST_SHOWN - 1 : -1] = ["…"]
    gave = f"; processes: {', '.join(each)}" if each else ""
    return f"{value} (no interval{gave})"


def basis(found: Measurement) -> str:
    """Return the basis of a measurement: 63 rounds in 8 forked processes."""
    several = next((s for s in found.judged.values() if s), ())
    rounds = show.plural(_rounds(several), "round")
    kinds = {samples.process for samples in several}
    if not kinds <= _OWN:
        return f"{rounds} in the process of the caller"
    kind = " and ".join(sorted(kinds))
    return f"{rounds} in {show.plural(len(several), f'{kind} process', f'{kind} processes')}"


def _rounds(several: tuple[Samples, ...]) -> int:
    return sum(len(samples.seconds) for samples in several)
