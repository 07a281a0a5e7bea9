"""What the numbers say of the run as a whole: networks, tests, counters, what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.core import text as show
from convbench.report.agreements import NOT_COUNTED, agreements
from convbench.report.document import Bullet
from convbench.report.doubts import blamed, remedy
from convbench.report.findings_launching import bound, caution
from convbench.report.findings_launching import remedy as remedy_of_launching
from convbench.report.groups import Group, alike, multiplications, telling
from convbench.report.phrases import (
    MOST_NAMES,
    against,
    both,
    tallied,
    tied,
)
from convbench.report.published_figures import figures
from convbench.runs.frame import counters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.record import Run


def networks(run: Run, all_groups: Sequence[Group]) -> Bullet | None:
    """Return the smallest network beside its baseline, and how many published figures are met."""
    group = next(iter(telling([g for g in all_groups if g.kind == "network"], 1)), None)
    if group is None or not group.derived:
        return None
    small = group.derived[0]
    count = show.count(multiplications(small))
    text = f"{small.record.label} needs {count} multiplications"
    if small.baseline and small.baseline.cost and not small.is_baseline and small.multiplications:
        text = f"{small.record.label} {both(small)}"
    return Bullet(lead="Networks", text=f"In {group.title}: {text}.{_published(run)}")


def tests(all_groups: Sequence[Group]) -> Bullet | None:
    """Return what tests found that timed code against other code; None where none did."""
    compared = [
        (group, row, row.time, row.baseline.label)
        for group in all_groups
        if group.kind == "code"
        for row in group.paced
        if row.time and row.baseline
    ]
    if not compared:
        return None
    answer = tallied([row for _, row, _, _ in compared])
    found = [
        f"in {group.title}, {row.record.label} {against(time, base)}"
        for group, row, time, base in compared[:MOST_NAMES]
    ]
    more = f"; {len(compared) - MOST_NAMES} more below" if compared[MOST_NAMES:] else ""
    answer = show.capital(answer)
    return Bullet(lead="Tests", text=f"{answer}: {'; '.join(found)}{more}.", answer=answer)


def _published(run: Run) -> str:
    compared = [item for item in figures(run) if item.meeting != "not compared"]
    if not compared:
        return ""
    missed = [f"{i.label} ({i.quantity})" for i in compared if i.meeting == "not met"]
    met = f"{len(compared) - len(missed)} of {len(compared)}" if missed else f"All {len(compared)}"
    text = f" {met} published figures are met at the precision printed"
    return f"{text}; not: {show.listing(missed, MOST_NAMES)}." if missed else f"{text}."


def counted(run: Run) -> Bullet | None:
    """Return how many counts agree with the formula, counter by counter, and which do not."""
    found, names = agreements(run), counters(run)
    if not found:
        return None
    if not names:
        text = "No counter was run, so nothing checks the counts by formula."
        return Bullet(lead="Counters", text=text)
    shares: dict[str, list[str]] = {}
    apart: dict[str, None] = {}
    for index, name in enumerate(names):
        seen = [item for item in found if item.verdicts[index] != NOT_COUNTED]
        wrong = [item for item in seen if item.verdicts[index] != "agrees"]
        shares.setdefault(f"{len(seen) - len(wrong):,} of {len(seen):,}", []).append(name)
        apart |= {f"{item.label} ({name}: {item.verdicts[index]})": None for item in wrong}
    (share, first), *others = shares.items()
    noun = "case" if len(found) == 1 else "cases"
    text = (
        f"Counted from the program, {show.listing(first)} agree{'' if first[1:] else 's'} with the "
        f"formula in {share} distinct {noun}"
    )
    text += "".join(f", {show.listing(more)} in {of}" for of, more in others) + "."
    if apart:
        text += f" Not: {show.listing(list(apart), MOST_NAMES)}; the reasons are below."
    return Bullet(lead="Counters", text=text)


def next_step(run: Run, main: Group | None, doubt: str) -> Bullet | None:
    """Return what a reader may do with this, as far as the numbers carry it; doubt: as above."""
    answer, text = _advice(run, main, doubt)
    return Bullet(lead="Try next", text=text, answer=answer) if text else None


def _advice(  # noqa: C901, PLR0911  a line for each state of a run
    run: Run, main: Group | None, doubt: str
) -> tuple[str, str]:
    """Return what to do, in a few words and in sentences."""
    if not run.finished:
        do = "Finish the run"
        return do, f"{do} first: the same command with --resume measures what is missing."
    if main is None:
        return "", ""
    full, base = alike(main.timed), main.baseline
    failed = [record for record in run.records if record.status == "failed"]
    if failed and all(record.status != "ok" for record in run.records):
        do, number = "Mend what failed", show.plural(len(failed), "case")
        return do, f"{do} first, {number}: {failed[0].reason}."
    if not full:
        do, why = (
            ("Time a full replacement", "only types that do less than a convolution were timed")
            if main.timed
            else ("Time the cases", "without times, nothing here says what is fast")
        )
        return do, f"{do}: {why}."
    if base is None or base.record.status != "ok" or base.seconds is None:
        return "Time the baseline", (
            "Get a time for the baseline first: without it, no ratio says what is gained."
        )
    name, clock = base.record.label, base.record.clock
    beside = [row for row in full if row.record.clock == clock]
    if not beside or (full[1:] and all(row is base for row in beside)):
        return "See what launching costs", (
            f"See what launching costs: {name} has {clock} and the others have another, which do "
            "not compare, so that there is no verdict."
        )
    best = beside[0]
    by_clock = f" with {clock}" if len(beside) < len(full) else ""
    gain = [row for row in full if row.time and row.time.verdict == "faster"]
    labels = [row.record.label for row in gain if row is gain[0] or tied(row, gain[0])]
    names = show.listing(labels, MOST_NAMES)
    if len(full) == 1 and best.is_baseline:
        return "Time others", f"Time another type in this slot: {name} is the only one."
    if doubt:
        do = show.capital(remedy(main.timed))
        ahead = f" So far, {names} came out fastest, ahead of {name}." if gain else ""
        return do, f"{do}, since {blamed(doubt)}.{ahead}"
    if gain:
        names = f"one of {names}, none of them shown to be the fastest," if labels[1:] else names
        ready = [row for row in gain if row is gain[0] or tied(row, gain[0])]
        how = f", with {remedy_of_launching(ready)}" if any(map(bound, ready)) else ""
        return f"{show.listing(labels, 1)} in place of {name}{how}, then train", (
            f"Try {names} in place of {name} at the sizes of your own network, and train it before "
            f"you decide: accuracy was not measured.{caution(ready)}"
        )
    event_timed = [row for row in beside if not row.record.kernels_alone]
    if best.is_baseline or (best.time and best.time.verdict in {"slower", "same"}):
        do = f"Keep {name}"
        return do, f"{do}: no full replacement{by_clock} was faster.{caution(event_timed)}"
    return f"Keep {name}, time again", (
        f"Keep {name} for now, and time again with more rounds: no full replacement{by_clock} was "
        f"clearly faster.{caution(event_timed)}"
    )
