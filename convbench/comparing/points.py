"""Comparison -> the points at the top of its page: what it came to, and how sure that is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from convbench.clock.variances import quantile
from convbench.comparing.gate import STATUSES
from convbench.comparing.noise import FEWEST_FOR_A_SCALE
from convbench.core import text as show
from convbench.core.intervals import RatioInterval
from convbench.report.document import Bullet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.comparing.comparison import Comparison, Moved
    from convbench.comparing.gate import Outcome
    from convbench.comparing.judging import Judged

_MOST_NAMED: Final = 6


def points(comparison: Comparison, outcome: Outcome) -> Iterable[Bullet]:
    """Yield the points, the exit status first."""
    limits = comparison.limits
    yield Bullet(lead="Exit status", text=f"{outcome.status} ({STATUSES[outcome.status]})")
    shared = len(comparison.shared)
    alone = len(comparison.rows) - shared
    text = f"{show.plural(shared, 'case')} on both sides"
    text += f", {alone:,} on one side only" if alone else ""
    yield Bullet(lead="Compared", text=f"{text}. {_sides(comparison)}")
    yield Bullet(lead="Counts", text=_counts(comparison))
    if not comparison.times:
        yield Bullet(lead="Times", text="not judged, as was asked.")
        return
    tally = Counter(row.verdict for row in comparison.rows if row.verdict)
    if tally:
        said = [f"{tally[name]} {name}" for name in ("slower", "faster", "same", "cannot tell")]
        text = (
            f"{', '.join(said)}; threshold {show.share(limits.threshold)}. {_promise(comparison)}"
        )
        yield Bullet(lead="Times", text=text)
    for name in ("slower", "faster"):
        rows = comparison.found(name)
        rows = rows[::-1] if name == "faster" else rows
        if rows:
            names = [f"{_where(row)} ({show.ratio(row.ratio)})" for row in rows if row.ratio]
            yield Bullet(lead=name.capitalize(), text=f"{show.listing(names, _MOST_NAMED)}.")
    yield from _shift_points(comparison)


def _promise(comparison: Comparison) -> str:
    """Return what the verdicts rest on, and what nothing here can see."""
    limits = comparison.limits
    calm = (
        "Where the machine is calm"
        if limits.absolute
        else f"Where whole runs drift by less than {show.share(limits.drift)}"
    )
    text = (
        f"{calm} and nothing changed, the chance of any slower or faster in the whole table is at "
        f"most {show.share(1 - limits.confidence)}, as far as processes show how they differ"
    )
    judged = sum(row.ratio is not None for row in comparison.rows)
    if judged < FEWEST_FOR_A_SCALE:
        text += "; with so few rows it cannot be seen how cases differ from run to run"
    known = {item.group for item in comparison.moved}
    small = {row.pair.group for row in comparison.rows if row.ratio} - known
    if small and not limits.absolute:
        text += (
            f". In {show.plural(len(small), 'group')} no common shift can be taken away, so a "
            f"change must be beyond {show.share(limits.drift)} to be called one"
        )
    return f"{text}."


def _sides(comparison: Comparison) -> str:
    if comparison.by:
        return f"Ratios are {comparison.right.name} / {comparison.left.name}."
    made = []
    for word, side in (("left", comparison.left), ("right", comparison.right)):
        runs = f", {side.runs} runs together" if side.runs > 1 else ""
        torn = ", not finished" if side.unfinished else ""
        made.append(f"{word}: {side.name} (started {side.header.started}{runs}{torn})")
    return f"Ratios are right / left. {'; '.join(made)}."


def _counts(comparison: Comparison) -> str:
    changed = comparison.changed
    if not changed:
        return f"the same in all {comparison.counted:,} cases that have them on both sides."
    said = [f"{_where(row)} ({'; '.join(row.notes)})" for row in changed]
    return f"changed or broken in {len(changed)}: {show.listing(said, _MOST_NAMED)}."


def _where(row: Judged) -> str:
    return f"{row.pair.label} at {row.pair.sides[-1].slot}"


def _shift_points(comparison: Comparison) -> Iterable[Bullet]:
    restless = [item for item in comparison.moved if item.verdict != "same"]
    if not restless:
        return
    names = [
        f"{item.group} ({show.ratio(shift_interval(item))}: {item.verdict})" for item in restless
    ]
    yield Bullet(
        lead="Moved as a whole",
        text=(
            f"{show.listing(names, 3)}. All cases of a group share their processes, so one run "
            "cannot tell a slow machine from a change that slows them all. A group is called "
            f"slower beyond {show.share(comparison.limits.drift)}, which is what runs may drift."
        ),
    )


def shift_interval(item: Moved) -> RatioInterval:
    """Return what moved a whole group, right / left, with its 95 % interval over processes."""
    shift = item.shift
    reach = quantile(0.95, shift.freedom) * shift.error if shift.freedom else 0.0
    return RatioInterval.of_logs(
        shift.value,
        shift.value - reach,
        shift.value + reach,
        confidence=0.95 if shift.freedom else 0.0,
        paired=False,
        verdict="cannot tell",
    )
