"""How sure the numbers of a run are: what its times rest on, and what its machine tells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.report.document import Bullet
from convbench.report.doubts import remedy
from convbench.report.groups import Group, alike, timed_rows
from convbench.report.phrases import WITHIN, rounds_of, tied
from convbench.runs.columns import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.record import Machine, Run

FEW_ROUNDS: Final = 10
"""Below this the report says that an interval rests on few rounds."""


def sureness(run: Run, all_groups: Sequence[Group], main: Group | None, doubt: str) -> Bullet:
    """Return how sure the winner is, what the times rest on, and what is missing from the run.

    doubt: why nothing is sure, see `doubts.busy`; empty where nothing speaks against it.
    """
    rows = timed_rows(all_groups)
    rounds = [rounds_of(row.record) for row in rows]
    processes = [len(row.record.samples) for row in rows]
    text = _rounds(rounds, processes)
    text += resolution(run.header.machine) if rounds else ""
    status = Counter(record.status for record in run.records)
    lost = [f"{status[name]} {name}" for name in ("skipped", "failed", "invalid") if status[name]]
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
        return f"Not sure: the machine was busy. {show.capital(remedy(main.timed))}"
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


def resolution(machine: Machine) -> str:
    """Return what the machine's test of itself found, as sentences; empty where none was made."""
    if machine.failed:
        return f" The machine's A/A test failed: {machine.failed}."
    if (found := machine.resolution) is None:
        return ""
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
            "differences, and run convbench doctor."
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
