"""What the numbers say, in sentences made from the data and from nothing else.

Every sentence states its number, its interval where it is a time, and what it counts. None says
"faster" where the interval contains 1, none says "sure" of a run on a busy machine, and none calls
a type the winner that does less than the baseline without saying what it leaves out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import TIME
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.report import findings_run as whole
from convbench.report.document import FINDINGS, Bullet, Bullets, Paragraph
from convbench.report.doubts import blamed, busy, remedy
from convbench.report.findings_batch import flips
from convbench.report.findings_launching import launch_bound
from convbench.report.findings_sure import sureness
from convbench.report.groups import (
    Group,
    alike,
    clock_of,
    conventions,
    multiplications,
    telling,
    timed_rows,
)
from convbench.report.phrases import (
    MOST_NAMES,
    WITHIN,
    against,
    both,
    less,
    named,
    rounds_of,
    tallied,
    undecided,
    verdict,
)
from convbench.report.why import answer, why
from convbench.runs.titles import titles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.core.intervals import Interval
    from convbench.runs.frame import Row
    from convbench.runs.record import Run

_SEVERAL = 2


def findings(run: Run, all_groups: Sequence[Group]) -> tuple[Paragraph | Bullets, ...]:
    """Return the opening of a report: what was run, then at most 9 points."""
    if not run.records:
        return (Paragraph(text="This run holds no cases, so there is nothing to say yet."),)
    types = [group for group in all_groups if group.kind == "type"]
    main = main_group(all_groups)
    doubt = busy(run.header.machine, all_groups)
    items: list[Bullet | None] = []
    if main is not None:
        separable = _separable(main, types)
        promise = _promise(main, types, explained=separable is not None)
        fastest = _doubted(_fastest(main), doubt)
        items += [_cheapest(main), fastest, _doubted(separable, doubt), promise]
    items += [
        launch_bound(all_groups, main),
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


def _doubted(found: Bullet | None, doubt: str) -> Bullet | None:
    """Return what was found to be faster, with the doubt first where there is one."""
    if found is None or not doubt:
        return found
    said = f"Not sure, since {blamed(doubt)}: "
    text = _BEGINS.sub(lambda word: word[0].lower(), found.text)
    return replace(found, text=said + text, answer=found.answer and said + found.answer)


_BEGINS: Final = re.compile("^(It|In|A) ")
"""Words at the beginning of a sentence that are small within one; names keep their letters."""


def main_group(all_groups: Sequence[Group]) -> Group | None:
    """Return the group of types that the findings are about; None where there are none."""
    return next(iter(telling([group for group in all_groups if group.kind == "type"], 1)), None)


def scope(run: Run, all_groups: Sequence[Group]) -> str:
    """Return one line on what was run and what the findings are about."""
    main = main_group(all_groups)
    parts = [_cases(run, all_groups), titles(run.records).shared]
    parts += [f"findings are of {main.title} unless another is named"] if main else []
    return "; ".join(part for part in parts if part)


def _cases(run: Run, all_groups: Sequence[Group]) -> str:
    status = Counter(record.status for record in run.records)
    counts = {"timed": len(timed_rows(all_groups))}
    counts |= {name: status[name] for name in ("skipped", "failed", "invalid")}
    told = show.listing([f"{number:,} {name}" for name, number in counts.items() if number])
    text = f"{show.plural(len(run.records), 'case')} in {show.plural(len(all_groups), 'group')}"
    return f"{text}: {told or 'none timed'}"


def _scope(run: Run, all_groups: Sequence[Group], main: Group | None) -> str:
    text = _cases(run, all_groups)
    shared = titles(run.records).shared
    text += f". All on {shared}. " if shared else ". "
    text += (
        "Counts are multiplications of one forward pass of the whole batch (1 MAC = 1 "
        "multiplication, taps on padding included); times are of one call."
    )
    text += "".join(f" {said}" for said in conventions(timed_rows(all_groups)))
    if main is None:
        return text
    key = ""
    if main.rows[0].record.spec is not None:
        key = " (channels in→out, kernel, input size, images in a batch)"
    return (
        f"{text} Unless another is named, what follows is about the group with the most "
        f"comparisons, {main.title}{key}. A full replacement of a convolution is a type in which "
        "every output can depend on all input channels and on the whole kernel window."
    )


def _cheapest(group: Group) -> Bullet | None:
    full = alike(group.derived)
    if not full:
        return None
    least = multiplications(full[0])
    tied = [row for row in full if multiplications(row) == least]
    need = "need" if tied[1:] else "needs"
    names = show.listing([named(row.record) for row in tied], MOST_NAMES)
    text = f"{names} {need} {show.count(least)} multiplications"
    answer = show.listing([row.record.label for row in tied], MOST_NAMES)
    answer += f": {show.count(least)} multiplications"
    base, share = group.baseline, full[0].multiplications
    if base is not None and share is not None:
        whose = f"{base.record.label} ({show.count(multiplications(base))})"
        if 0 < share < 1:
            text += f", {show.times(1 / share)} fewer than {whose}"
            answer += f", {show.times(1 / share)} fewer than {base.record.label}"
        elif full[1:]:
            text += f"; no other full replacement needs fewer than {whose}"
        else:
            text += "; it is the only full replacement here"
    ahead = [row for row in group.derived if multiplications(row) < least]
    text += f".{less(ahead, 'cheaper')}"
    return Bullet(lead="Cheapest full replacement", text=text, answer=answer)


def _fastest(group: Group) -> Bullet | None:
    full = alike(group.timed)
    best = full[0] if full else None
    if best is None or best.seconds is None or not best.record.judged:
        return None
    apart = [row for row in full if row.record.clock != best.record.clock]
    text = f"{named(best.record)} {_takes(best, best.seconds)}"
    answer = best.record.label
    if best.is_baseline:
        by_clock = f" with {best.record.clock}" if apart else ""
        text += " and is the baseline"
        text += (
            f": no other full replacement{by_clock} is faster"
            if full[1 + len(apart) :]
            else f"; no other full replacement was timed here{by_clock}"
        )
    elif best.time and best.baseline:
        base = group.baseline.seconds if group.baseline else None
        of_base = f"; {best.baseline.label} takes {show.seconds(base)}" if base else ""
        text += f"{of_base}. Timed side by side, it {against(best.time, best.baseline.label)}"
        if best.time.verdict == "faster":
            answer += f", {show.times(1 / best.time.value)} faster than {best.baseline.label}"
        elif best.time.verdict == "same":
            answer += f", as fast as {best.baseline.label} within {WITHIN}"
    for said, ties in undecided(full[1:], best):
        names = show.listing([row.record.label for row in ties], MOST_NAMES)
        text += f". It is {said} {names}"
        answer += f"; {said} {show.plural(len(ties), 'other')}"
    if apart:
        names = show.listing([row.record.label for row in apart], MOST_NAMES)
        text += f". Not compared with it: {names} ({clock_of(apart)})"
        answer += f" ({best.record.clock}; {len(apart):,} with {clock_of(apart)} not compared)"
    ahead = [row for row in group.timed if row not in full and verdict(row, best) == "faster"]
    return Bullet(
        lead="Fastest full replacement" if ahead and not best.is_baseline else "Fastest",
        text=f"{text}.{less(ahead, 'faster')}",
        answer=answer,
    )


def _takes(row: Row, seconds: Interval) -> str:
    """Return how long a call takes, or what the processes say that do not agree on it."""
    processes = show.plural(len(row.record.judged), "process", "processes")
    call = {TIME: "a call"}.get(name := clock_of([row]), f"of {name} a call")
    if show.known(seconds):
        basis = f"{show.confidence(seconds.confidence)} interval, {processes}"
        return f"takes {show.seconds(seconds)} {call} ({basis})"
    if len(seconds.each) < _SEVERAL:
        return f"takes {show.seconds(seconds)} {call} ({processes}, no interval)"
    return (
        f"takes {show.seconds(seconds.value)} {call} (the median of processes that measured "
        f"{show.spread(seconds, listed=True)}, too far apart for an interval: {remedy([row])})"
    )


def _separable(main: Group, types: Sequence[Group]) -> Bullet | None:
    pairs = [(group, row) for group in types if (row := _separable_row(group))]
    if not pairs:
        return None
    group, row = next((pair for pair in pairs if pair[0] is main), pairs[0])
    where = "It" if group is main else f"In {group.title} it"
    text = f"{where} {both(row)}."
    because = why(row)
    text += f" {because}" if because else ""
    compared = [other for _, other in pairs if other.time]
    if compared[1:]:
        text += f" Both were compared in {len(compared)} groups: it is {tallied(compared)}."
    return Bullet(lead="depthwise_separable against standard", text=text, answer=answer(row))


def _separable_row(group: Group) -> Row | None:
    row = group.find("depthwise_separable")
    if row is None or row.baseline is None or not row.multiplications:
        return None
    return row if row.baseline.name == "standard" else None


def _promise(main: Group, types: Sequence[Group], *, explained: bool) -> Bullet | None:
    """Return where the count misleads most, and why unless another point has explained a gap."""
    # By the low end of the interval: a gap that the clock is sure of, not one that noise made.
    gaps = [
        (row.time.low / row.multiplications, group, row)
        for group in types
        if group.clock == main.clock  # an event time holds launching, a kernel time none
        for row in group.compared
        if row.time and row.time.usable and row.multiplications and row.multiplications < 1
        if _told(row)
    ]
    if not gaps:
        return None
    gap, group, row = max(gaps, key=lambda item: item[0])
    text = ""
    if row.time and row.multiplications and row.baseline and gap > 1:
        where = "" if group is main else f" in {group.title}"
        text = f"The count misleads most for {named(row.record)}{where}: it {both(row)}. "
        text += "" if explained else f"{why(row)} ".lstrip()
    slow = [other for other in main.compared if _fewer_and_slower(other)]
    if not slow:
        base = main.baseline_name
        text += f"In {main.title}, no type with fewer multiplications than {base} was slower."
    elif slow != [row]:
        told = [
            f"{other.record.label} ({show.times(1 / other.multiplications)} fewer, "
            f"{show.times(other.time.value)} the time)"
            for other in slow
            if other.time and other.multiplications
        ]
        text += (
            f"Fewer multiplications and yet slower in {main.title}: "
            f"{show.listing(told, MOST_NAMES)}."
        )
    text += f" {flips(types)}"  # the ratio of the counts is the same at every batch
    return Bullet(lead="Count against time", text=text.strip())


def _told(row: Row) -> bool:
    """Tell whether both had rounds enough for an interval to say anything."""
    both = (row.record, row.baseline or row.record)
    return min(map(rounds_of, both)) >= FEWEST_ROUNDS_FOR_A_VERDICT


def _fewer_and_slower(row: Row) -> bool:
    fewer = row.multiplications is not None and 0 < row.multiplications < 1
    return fewer and row.time is not None and row.time.verdict == "slower"
