"""Comparison -> the points at the top of its page: the result, and how certain it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from convbench.clock.samples import EVENT_TIME
from convbench.clock.variances import quantile
from convbench.comparing.comparison import Comparison, Moved
from convbench.comparing.gate import STATUSES, Outcome
from convbench.comparing.judging import Judged, tally
from convbench.comparing.noise import FEWEST_FOR_A_SCALE
from convbench.comparing.tables import of_logs, percentage
from convbench.comparing.units import FEWEST_FOR_A_SHIFT
from convbench.core import text as show
from convbench.core.intervals import WORDS, RatioInterval
from convbench.report.document import Bullet

_MOST_NAMED: Final = 6
_MOST_SHIFTS: Final = 3


def points(comparison: Comparison, outcome: Outcome) -> Iterable[Bullet]:
    """Yield the points, the exit status first."""
    limits = comparison.limits
    yield Bullet(lead="Exit status", text=f"{outcome.status} ({STATUSES[outcome.status]})")
    shared = len(comparison.shared)
    alone = len(comparison.rows) - shared
    text = f"{show.plural(shared, 'case')} on both sides"
    text += f", {alone:,} on one side only" if alone else ""
    text += f"; all on {comparison.titles.shared}" if comparison.titles.shared else ""
    yield Bullet(lead="Compared", text=f"{text}. {_sides(comparison)}")
    yield Bullet(lead="Counts", text=_counts(comparison))
    if not comparison.times:
        yield Bullet(lead="Times", text="not compared, as requested.")
        return
    if found := tally(comparison.rows):
        text = f"{found}; threshold {percentage(limits.threshold)}.{_promise(comparison)}"
        yield Bullet(lead="Times", text=text)
    for name in ("slower", "faster"):
        rows = comparison.found(name)
        rows = rows[::-1] if name == "faster" else rows
        if rows:
            names = [f"{where(comparison, row)} ({_by(row)})" for row in rows if row.ratio]
            yield Bullet(lead=name.capitalize(), text=f"{show.listing(names, _MOST_NAMED)}.")
    yield from _frequency_points(comparison)
    yield from _shift_points(comparison)


def _by(row: Judged) -> str:
    """Return the ratio that a verdict rests on: where that is its group's, with the shift in it."""
    if row.raw is not None and "group" in row.reasons:
        return f"{show.ratio(row.raw)} with its group"
    return show.ratio(row.ratio) if row.ratio else show.MISSING


def _promise(comparison: Comparison) -> str:
    """Return the error rate of the verdicts and its assumptions, each sentence after a blank."""
    limits = comparison.limits
    judged = sum(row.ratio is not None for row in comparison.rows)
    if not judged:
        return ""
    steady = (
        "the machine is steady"
        if limits.absolute
        else f"drift between runs is below {percentage(limits.drift)}"
    )
    text = (
        f" If nothing changed and {steady}, the probability of any false “slower” or “faster” in "
        f"the whole comparison is at most {percentage(1 - limits.confidence)}, as far as the "
        "variation between processes shows."
    )
    if judged < FEWEST_FOR_A_SCALE:
        text += (
            f" Fewer than {FEWEST_FOR_A_SCALE} cases have times, too few to estimate by how much "
            "unchanged cases vary between runs."
        )
    known = {(item.group, item.clock) for item in comparison.moved}
    pools = {(row.pair.group, row.clock) for row in comparison.rows if row.ratio}
    small = {group for group, _ in pools - known}
    alike = " with the same kind of time" if len({clock for _, clock in pools}) > 1 else ""
    if small and not limits.absolute and not comparison.by:
        text += (
            f" {show.plural(len(small), 'group has', 'groups have')} fewer than "
            f"{FEWEST_FOR_A_SHIFT} cases{alike}, too few to separate drift of the whole run: there "
            f"a change must exceed {percentage(limits.drift)}."
        )
    return text


def _sides(comparison: Comparison) -> str:
    if comparison.by:
        return f"Ratios are {comparison.right.name} / {comparison.left.name}."
    made = []
    for word, side in (("left", comparison.left), ("right", comparison.right)):
        runs = f", {side.runs} repeats" if side.runs > 1 else ""
        torn = ", not finished" if side.unfinished else ""
        made.append(f"{word}: {side.name} (started {side.header.started}{runs}{torn})")
    return f"Ratios are right / left. {'; '.join(made)}."


def _counts(comparison: Comparison) -> str:
    changed = comparison.changed
    if not changed:
        if not comparison.counted:
            return "no case has counts on both sides."
        cases = show.plural(comparison.counted, "case that has", "cases that have")
        return f"the same in the {cases} them on both sides."
    said = [f"{where(comparison, row)} ({'; '.join(row.notes)})" for row in changed]
    cases = show.plural(len(changed), "case")
    return f"changed, or no longer running, in {cases}: {show.listing(said, _MOST_NAMED)}."


def where(comparison: Comparison, row: Judged) -> str:
    """Return the case and its slot in words, with the conditions that not all cases share."""
    return f"{row.pair.label} in {comparison.titles.groups[row.pair.group]}"


def _frequency_points(comparison: Comparison) -> Iterable[Bullet]:
    """Yield a point on clocks of a GPU that differ, where some verdict is open because of them."""
    number = sum("clock" in row.reasons for row in comparison.rows)
    if not number:
        return
    said = ", ".join(frequency.words for frequency in comparison.frequencies)
    keys = ",".join(frequency.key for frequency in comparison.frequencies)
    yield Bullet(
        lead="Clock of the GPU under load",
        text=(
            f"{said} (medians). {show.plural(number, 'case is', 'cases are')} inconclusive, since "
            "such a difference may explain the change of the time, or hide one. Lock one clock for "
            "both sides, as root with nvidia-smi -lgc MHZ (of the memory: -lmc MHZ), and measure "
            "again; if the difference of the clocks is what you want to compare, give --allow "
            f"{keys}."
        ),
    )


def shift_title(comparison: Comparison, item: Moved) -> str:
    """Return the name of a group whose shift it is; it says where that is of event times."""
    clock = f", {EVENT_TIME}" if item.clock == EVENT_TIME else ""
    return f"{comparison.titles.groups[item.group]}{clock}"


def _shift_points(comparison: Comparison) -> Iterable[Bullet]:
    """Yield a point on the groups whose common shift is not shown to be within the threshold."""
    restless = [item for item in comparison.moved if item.verdict != "same"]
    if not restless:
        return
    names = [
        f"{shift_title(comparison, item)}: {show.ratio(shift_interval(item))}, "
        f"{WORDS.get(item.verdict, item.verdict)}"
        for item in restless
    ]
    more = f"; {len(names) - _MOST_SHIFTS} more below" if names[_MOST_SHIFTS:] else ""
    yield Bullet(
        lead="Shift common to all cases of a group",
        text=(
            f"{'; '.join(names[:_MOST_SHIFTS])}{more}. It may come from the machine or from a "
            "change that affects every case, so a group is called slower only beyond the allowed "
            f"drift of {percentage(comparison.limits.drift)}; cases are judged without it."
        ),
    )


def shift_interval(item: Moved) -> RatioInterval:
    """Return the common shift of a group, right / left, with its 95 % interval over processes."""
    shift = item.shift
    reach = quantile(0.95, shift.freedom) * shift.error if shift.freedom else 0.0
    confidence = 0.95 if shift.freedom else 0.0
    return of_logs(shift.value, shift.value - reach, shift.value + reach, confidence=confidence)
