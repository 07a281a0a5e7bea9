"""What the numbers say of the run as a whole: networks, counters, how sure, what to try next."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from convbench.doctor.resolution import Resolution
from convbench.report import format as show
from convbench.report.agreements import NOT_COUNTED, agreements
from convbench.report.caveats import named
from convbench.report.document import Bullet
from convbench.report.doubts import remedy
from convbench.report.groups import Group, alike, multiplications, telling
from convbench.report.phrases import (
    MOST_NAMES,
    TIME,
    WITHIN,
    against,
    multiplications_against,
    tallied,
    tied,
)
from convbench.report.published import figures
from convbench.runs.frame import counters
from convbench.timing.stats import FEWEST_ROUNDS_FOR_A_VERDICT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convbench.runs.frame import Row
    from convbench.runs.record import Run

FEW_ROUNDS: Final = 10
"""Below this the report says that an interval rests on few rounds."""


def networks(run: Run, all_groups: Sequence[Group]) -> Bullet | None:
    """Return the smallest network beside its baseline, and how many published figures are met."""
    group = next(iter(telling([g for g in all_groups if g.kind == "network"], 1)), None)
    if group is None or not group.derived:
        return None
    small = group.derived[0]
    text = f"{small.record.label} needs {show.count(multiplications(small))} multiplications"
    if small.baseline and not small.is_baseline and small.multiplications:
        name = small.baseline.label
        text = (
            f"{small.record.label} {multiplications_against(small.multiplications, name)} "
            f"({show.count(multiplications(small))} against "
            f"{show.count(small.baseline.cost.multiplications if small.baseline.cost else 0)})"
        )
        text += f" and {against(small.time, name)}" if small.time else f"; time: {small.no_time}"
    return Bullet(lead="Networks", text=f"In {group.label}, {text}.{_published(run)}")


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
    answer = tallied([time.verdict for _, _, time, _ in compared])
    found = [
        f"in {group.label}, {row.record.label} {against(time, base)}"
        for group, row, time, base in compared[:MOST_NAMES]
    ]
    more = f"; {len(compared) - MOST_NAMES} more below" if compared[MOST_NAMES:] else ""
    answer = _capital(answer)
    return Bullet(lead="Tests", text=f"{answer}: {'; '.join(found)}{more}.", answer=answer)


def _published(run: Run) -> str:
    compared = [item for item in figures(run) if item.meeting != "not compared"]
    if not compared:
        return ""
    missed = [f"{i.label} ({i.quantity})" for i in compared if i.meeting == "not met"]
    met = len(compared) - len(missed)
    text = f" {met} of {len(compared)} published figures are met at the precision printed"
    return f"{text}; not: {show.listing(missed, MOST_NAMES)}." if missed else f"{text}."


def counted(run: Run) -> Bullet | None:
    """Return how many counts agree with the formula, counter by counter, and which do not."""
    found = agreements(run)
    names = counters(run)
    parts = []
    apart: dict[str, None] = {}
    for index, name in enumerate(names):
        seen = [item for item in found if item.verdicts[index] != NOT_COUNTED]
        if not seen:
            continue
        agree = [item for item in seen if item.verdicts[index] == "agrees"]
        parts.append(f"{name} agrees in {len(agree)} of {len(seen)}")
        for item in seen:
            if item.verdicts[index] != "agrees":
                apart[f"{item.label} ({name}: {item.verdicts[index]})"] = None
    if not parts:
        return None
    text = f"Of the distinct cases, counted by formula and from the program, {show.listing(parts)}."
    if apart:
        text += f" Not: {show.listing(list(apart), MOST_NAMES)}; each is explained below."
    return Bullet(lead="Counters", text=text)


def sureness(run: Run, all_groups: Sequence[Group], main: Group | None, doubt: str) -> Bullet:
    """Return how sure the winner is, what the times rest on, and what is missing from the run.

    doubt: why nothing is sure, see `doubts.busy`; empty where nothing speaks against it.
    """
    rounds = [
        sum(len(process.seconds) for process in row.record.samples)
        for group in all_groups
        for row in group.timed
    ]
    processes = [len(row.record.samples) for group in all_groups for row in group.timed]
    text = _rounds(rounds, processes)
    text += resolution(run.header.machine) if rounds else ""
    status = Counter(record.status for record in run.records)
    lost = [f"{status[name]} {name}" for name in ("skipped", "failed", "invalid") if status[name]]
    text += _stops(all_groups) if rounds else ""
    kinds = Counter(
        flag.partition(":")[0] for group in all_groups for row in group.rows for flag in row.flags
    )
    flagged = [f"{kind} ({show.plural(number, 'case')})" for kind, number in kinds.items()]
    text += f" Flagged, and said at each row: {show.listing(flagged)}." if flagged else ""
    text += f" Left out: {show.listing(lost)}, with reasons below." if lost else ""
    answer = _known(main, doubt) or _basis(rounds, processes)
    return Bullet(lead="How sure", text=text, answer=answer)


def _known(main: Group | None, doubt: str) -> str:
    """Return in a few words what the clock tells of the fastest type; empty where it has none."""
    full = alike(main.timed) if main else ()
    if main is None or not full or main.baseline is None:
        return ""
    best, base = full[0], main.baseline.record.label
    if doubt:
        return f"Not sure: the machine was busy. {_capital(remedy(main.timed))}"
    if best.is_baseline:
        text = f"No type beats {base}"
    elif best.time and best.time.verdict == "faster":
        text = f"Beats {base}: sure, at 95 %"
    elif best.time and best.time.verdict == "same":
        text = f"As fast as {base}, within {WITHIN}"
    else:
        text = f"Beats {base}: not sure"
    near = sum(tied(row, best) for row in full[1:])
    return f"{text}. Which of {near + 1} is fastest: not sure" if near else text


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _stops(all_groups: Sequence[Group]) -> str:
    """Return why there are not more rounds: how many groups met their target, how many did not."""
    timed = [group for group in all_groups if group.timed]
    met = sum(
        all("target met" in row.record.samples[-1].stop_reason for row in group.timed)
        for group in timed
    )
    if not met:
        return ""
    every = "Every group" if met == len(timed) else f"{met} of {len(timed)} groups"
    return f" {every} stopped early, its ratios being as well known as was asked for."


def resolution(machine: Mapping[str, Any]) -> str:
    """Return what the machine's test of itself found, as sentences; empty where none was made."""
    if "failed" in machine:
        return f" The machine's A/A test failed: {machine['failed']}."
    if "resolution" not in machine:
        return ""
    try:
        found = Resolution.from_json(machine["resolution"])
    except (ValueError, TypeError, KeyError) as error:
        return f" What the machine's A/A test found cannot be read: {error}."
    told = [
        f"{size.smallest_difference:.1%} at {show.seconds(size.seconds_per_call)} a call"
        for size in found.sizes
        if size.smallest_difference is not None
    ]
    text = (
        f" Timed against itself before the run, this machine called {found.excluding_one} of "
        f"{found.trials} equal pairs different (5 % is chance)"
    )
    text += f"; {found.too_short} more were too short to say" if found.too_short else ""
    text += (
        f", and could tell differences of {show.listing(told)}."
        if told
        else "; the test was too short to say how small a difference it can tell."
    )
    if not found.believable:
        text += (
            " That is more than chance: its intervals are too narrow, so believe only large "
            "differences, and run `convbench doctor`."
        )
    return text


def _basis(rounds: Sequence[int], processes: Sequence[int]) -> str:
    if not rounds:
        return "Nothing was timed"
    if max(processes) > 1:
        return f"{_span(rounds)} a case in {_several(processes)} processes"
    return f"{_span(rounds)} a case in one process"


def _span(rounds: Sequence[int]) -> str:
    low, high = min(rounds), max(rounds)
    return show.plural(high, "round") if low == high else f"{low:,} to {high:,} rounds"


def _several(processes: Sequence[int]) -> str:
    fewest, most = min(processes), max(processes)
    return f"{fewest} to {most}" if fewest < most else str(most)


def _rounds(rounds: Sequence[int], processes: Sequence[int]) -> str:
    if not rounds:
        return "Nothing was timed, so the report says nothing about speed."
    span = _span(rounds)
    if max(processes) > 1:
        several = _several(processes)
        text = (
            f"A time is {TIME}; ± is where one more process would fall. Times rest on {span} a "
            f"case in {several} processes; the intervals cover the scatter between rounds and "
            "between processes, not what another machine would give."
        )
    else:
        text = (
            f"Times rest on {span} a case in one process; the intervals cover the scatter between "
            "rounds, not what changes from one process or machine to the next."
        )
    few = [number for number in rounds if number < FEW_ROUNDS]
    none = [number for number in rounds if number < FEWEST_ROUNDS_FOR_A_VERDICT]
    if none:
        text += (
            f" {show.plural(len(none), 'case')} had fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} "
            "rounds, too few to call anything faster."
        )
    elif few:
        text += f" Few rounds (below {FEW_ROUNDS}) in {show.plural(len(few), 'case')}."
    return text


def next_step(  # noqa: PLR0911  a line for each state of a run
    run: Run, main: Group | None, doubt: str
) -> Bullet | None:
    """Return what a reader may do with this, as far as the numbers carry it; doubt: as above."""
    if not run.finished:
        return _next(
            "Finish the run",
            "Finish the run first: the same command with --resume keeps what is done.",
        )
    if main is None:
        return None
    full = alike(main.timed)
    failed = [record for record in run.records if record.status == "failed"]
    ran = any(record.status == "ok" for record in run.records)
    if failed and not ran:
        return _next(
            "Mend what failed",
            f"Mend what failed first, {show.plural(len(failed), 'case')}: {failed[0].reason}.",
        )
    if not full:
        return _next(
            "Time the cases", "Time the cases: without times, nothing here says what is fast."
        )
    best, base = full[0], main.baseline
    if base is None or base.record.status != "ok" or base.seconds is None:
        return _next(
            "Time the baseline",
            "Get a time for the baseline first: without it, no ratio says what is gained.",
        )
    if len(full) == 1 and best.is_baseline:
        name = base.record.label
        return _next("Time others", f"Time another type in this slot: {name} is alone there.")
    gain = [row for row in full if row.time and row.time.verdict == "faster"]
    close = [row for row in gain if row is gain[0] or tied(row, gain[0])]
    names = show.listing([named(row.record) for row in close], MOST_NAMES)
    if doubt:
        again = _capital(remedy(main.timed))
        ahead = f"; as it stands, {names} came out faster than {base.record.label}" if gain else ""
        return _next(again, f"{again}: the machine was busy, {doubt}{ahead}.")
    if not gain:
        return _stay(best, base)
    one = "it was" if len(close) == 1 else "they were"
    again = "; which of them, their parameters or more rounds decide" if len(close) > 1 else ""
    labels = show.listing([row.record.label for row in close], 1)
    return _next(
        f"{labels} in place of {base.record.label}, then train",
        f"Try {names} in place of {base.record.label} here: {one} faster{again}. Train "
        "before you decide: this run says nothing about accuracy.",
    )


def _stay(best: Row, base: Row) -> Bullet:
    name = base.record.label
    if best.is_baseline or (best.time and best.time.verdict in {"slower", "same"}):
        return _next(
            f"Keep {name}",
            f"Keep {name} here: nothing that sees and mixes as much was faster.",
        )
    return _next(
        f"Keep {name}, time again",
        f"Keep {name} here for now, and time again with more rounds: no type that "
        "sees and mixes as much was clearly faster.",
    )


def _next(answer: str, text: str) -> Bullet:
    return Bullet(lead="Try next", text=text, answer=answer)
