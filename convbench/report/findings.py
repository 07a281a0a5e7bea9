"""What the numbers say, in sentences made from the data and from nothing else.

Every sentence states its number, its interval where it is a time, and what it counts. None says
"faster" where the interval contains 1, none says "sure" of a run on a busy machine, and none calls
a type the winner that does less than the baseline without saying what it leaves out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.core.intervals import WIDEST
from convbench.report import findings_run as whole
from convbench.report.document import FINDINGS, Bullet, Bullets, Paragraph
from convbench.report.doubts import busy, remedy
from convbench.report.findings_sure import sureness
from convbench.report.groups import Group, alike, multiplications, telling, timed_rows
from convbench.report.phrases import (
    MOST_NAMES,
    WITHIN,
    against,
    basis,
    less,
    multiplications_against,
    named,
    rounds_of,
    tallied,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.core.intervals import Interval
    from convbench.runs.frame import Row
    from convbench.runs.record import Run

_SEVERAL = 2


def findings(run: Run, all_groups: Sequence[Group]) -> tuple[Paragraph | Bullets, ...]:
    """Return the opening of a report: what was run, then at most 8 points."""
    if not run.records:
        return (Paragraph(text="This run holds no cases, so there is nothing to say yet."),)
    types = [group for group in all_groups if group.kind == "type"]
    main = main_group(all_groups)
    doubt = busy(run.header.machine, all_groups)
    items: list[Bullet | None] = []
    if main is not None:
        items += [_cheapest(main), _fastest(main), _separable(main, types), _promise(main, types)]
    items += [
        whole.networks(run, all_groups),
        whole.tests(all_groups),
        whole.counted(run),
        sureness(run, all_groups, main, doubt),
        whole.next_step(run, main, doubt),
    ]
    return (
        Paragraph(text=_scope(run, all_groups, main)),
        Bullets(id=FINDINGS, items=tuple(item for item in items if item)),
    )


def main_group(all_groups: Sequence[Group]) -> Group | None:
    """Return the group of types that the findings are about; None where there are none."""
    return next(iter(telling([group for group in all_groups if group.kind == "type"], 1)), None)


def scope(run: Run, all_groups: Sequence[Group]) -> str:
    """Return one line on what was run and what the findings are about."""
    main = main_group(all_groups)
    about = f"; unless said otherwise, of the slot {main.label}" if main else ""
    number = len(timed_rows(all_groups))
    return f"{show.plural(len(run.records), 'case')}, {number:,} of them timed{about}"


def _scope(run: Run, all_groups: Sequence[Group], main: Group | None) -> str:
    text = (
        f"{show.plural(len(run.records), 'case')} in {show.plural(len(all_groups), 'group')}, "
        f"{len(timed_rows(all_groups)):,} of them timed. Counts are multiplications of one forward "
        "pass of the batch (1 MAC = 1 multiplication, taps on padding included); times are of one "
        "call."
    )
    if main is None:
        return text
    several = sum(group.kind == "type" for group in all_groups) > 1
    which = " (the group that compares most; the tables have the others)" if several else ""
    return f"{text} Unless another group is named, what follows is about {main.label}{which}."


def _cheapest(group: Group) -> Bullet | None:
    full = alike(group.derived)
    if not full:
        return None
    least = multiplications(full[0])
    tied = [row for row in full if multiplications(row) == least]
    winners = [named(row.record) for row in tied]
    need = "need" if winners[1:] else "needs"
    text = f"{show.listing(winners, MOST_NAMES)} {need} {show.count(least)} multiplications"
    base, share = group.baseline, full[0].multiplications
    if base is not None and share is not None:
        whose = f"the {show.count(multiplications(base))} of {base.record.label}"
        text += (
            f", {show.times(1 / share)} fewer than {whose}"
            if 0 < share < 1
            else f"; no type that sees and mixes as much needs fewer than {whose}"
            if len(full) > 1
            else "; it is alone in this slot"
        )
    ahead = [row for row in group.derived if multiplications(row) < least]
    more = less(ahead, "needs fewer", "need fewer")
    answer = show.listing([row.record.label for row in tied], MOST_NAMES)
    answer += f": {show.count(least)} multiplications"
    if base is not None and share is not None and 0 < share < 1:
        answer += f", {show.times(1 / share)} fewer than {base.record.label}"
    return Bullet(lead="Cheapest by count", text=f"{text}. {more}".strip(), answer=answer)


def _fastest(group: Group) -> Bullet | None:
    full = alike(group.timed)
    best = full[0] if full else None
    if best is None or best.seconds is None or not best.record.samples:
        return None
    text = f"{named(best.record)} {_takes(best, best.seconds)}"
    if best.is_baseline:
        text += ", and it is the baseline: "
        text += (
            "nothing that sees and mixes as much takes less"
            if len(full) > 1
            else "nothing else of its kind was timed here"
        )
    elif best.time and best.baseline:
        beside = "paired, process by process, it" if best.time.paired else "it"
        text += f"; {beside} {against(best.time, best.baseline.label)}"
    answer = best.record.label
    if best.time and best.baseline and best.time.verdict == "faster":
        answer += f", {show.times(1 / best.time.value)} faster than {best.baseline.label}"
    elif best.time and best.baseline and best.time.verdict == "same":
        answer += f", as fast as {best.baseline.label} within {WITHIN}"
    same, open_ = (
        [row for row in full[1:] if verdict(row, best) == one] for one in ("same", "cannot tell")
    )
    for ties, said in (
        (same, f"As fast, within {WITHIN}:"),
        (open_, "The clock cannot tell it from"),
    ):
        if ties:
            text += f". {said} {show.listing([named(row.record) for row in ties], MOST_NAMES)}"
    if same or open_:
        answer += f"; statistically tied with {show.plural(len(same) + len(open_), 'other')}"
    ahead = [row for row in group.timed if row not in full and verdict(row, best) == "faster"]
    more = less(ahead, "is faster", "are faster")
    return Bullet(lead="Fastest here", text=f"{text}. {more}".strip(), answer=answer)


def _takes(row: Row, seconds: Interval) -> str:
    """Return how long a call takes, or what the processes say that do not agree on it."""
    if show.known(seconds) or len(seconds.each) < _SEVERAL:
        return f"takes {show.seconds(seconds)} a call ({basis(row)})"
    apart = max(seconds.each) > WIDEST * min(seconds.each)
    why = "disturbed" if apart else "too far apart for an interval"
    return (
        f"takes {show.seconds(seconds.value)} a call in the middle one of its processes, which say "
        f"{show.spread(seconds, listed=True)}: {why}; {remedy([row])} ({basis(row)})"
    )


def _separable(main: Group, types: Sequence[Group]) -> Bullet | None:
    pairs = [(group, row) for group in types if (row := _separable_row(group))]
    if not pairs:
        return None
    group, row = next((pair for pair in pairs if pair[0] is main), pairs[0])
    where = "Here" if group is main else f"In {group.label}"
    text = f"{where} it {multiplications_against(row.multiplications or 0.0, 'standard')}"
    text += f" and {against(row.time, 'standard')}." if row.time else f"; time: {row.no_time}."
    verdicts = [other.time.verdict for _, other in pairs if other.time]
    if verdicts[1:]:
        text += f" Over the {len(verdicts)} groups that timed both it is {tallied(verdicts)}."
    return Bullet(lead="depthwise_separable against standard", text=text)


def _separable_row(group: Group) -> Row | None:
    row = group.find("depthwise_separable")
    if row is None or row.baseline is None or not row.multiplications:
        return None
    return row if row.baseline.name == "standard" else None


def _promise(main: Group, types: Sequence[Group]) -> Bullet | None:
    # By the low end of the interval: a gap that the clock is sure of, not one that noise made.
    gaps = [
        (row.time.low / row.multiplications, group, row)
        for group in types
        for row in group.compared
        if row.time and row.time.usable and row.multiplications and row.multiplications < 1
        if _told(row)
    ]
    if not gaps:
        return None
    gap, group, row = max(gaps, key=lambda item: item[0])
    text = ""
    if row.time and row.multiplications and row.baseline and gap > 1:
        where = "" if group is main else f" in {group.label}"
        factor, _, interval = show.times_interval(row.time).partition(" ")
        text = (
            f"The largest gap is that of {named(row.record)}{where}: it "
            f"{multiplications_against(row.multiplications, row.baseline.label)} and takes "
            f"{factor} its time {interval}, {show.times(row.time.value / row.multiplications)} the "
            "share that its count suggests. "
        )
    slow = [
        f"{other.record.label} ({show.times(1 / other.multiplications)} fewer, "
        f"{show.times(other.time.value)} the time)"
        for other in main.compared
        if other.time and other.multiplications and _fewer_and_slower(other)
    ]
    text += (
        f"In {main.label}, fewer multiplications and yet slower: {show.listing(slow, MOST_NAMES)}."
        if slow
        else f"In {main.label}, nothing with fewer multiplications was slower than the baseline."
    )
    return Bullet(lead="Promise and clock", text=text)


def _told(row: Row) -> bool:
    """Tell whether both had rounds enough for an interval to say anything."""
    both = (row.record, row.baseline or row.record)
    return min(map(rounds_of, both)) >= FEWEST_ROUNDS_FOR_A_VERDICT


def _fewer_and_slower(row: Row) -> bool:
    fewer = row.multiplications is not None and 0 < row.multiplications < 1
    return fewer and row.time is not None and row.time.verdict == "slower"
