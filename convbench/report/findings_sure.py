"""How sure the numbers of a run are: what its times rest on, and what its machine tells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import EVENT_TIME
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.core.errors import ConvbenchError
from convbench.report.document import Bullet
from convbench.report.doubts import blamed, remedy
from convbench.report.groups import Group, alike, timed_rows
from convbench.report.phrases import WITHIN, kinds_of, rounds_of, tied
from convbench.runs.columns_gpu import on_a_gpu
from convbench.runs.suite import parse_suite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.machine.resolution import SizeResolution
    from convbench.runs.record import Machine, Run

FEW_ROUNDS: Final = 10
"""Below this the report says that an interval rests on few rounds."""


def sureness(run: Run, all_groups: Sequence[Group], main: Group | None, doubt: str) -> Bullet:
    """Return how sure the winner is, and what the times rest on.

    doubt: why nothing is sure, see `doubts.busy`; empty where nothing speaks against it.
    """
    rows = timed_rows(all_groups)
    rounds = [rounds_of(row.record) for row in rows]
    processes = [len(row.record.judged) for row in rows]
    kinds = Counter(
        kind for group in all_groups for row in group.rows for kind in kinds_of(row.flags)
    )
    text = ""
    if doubt:
        whom = blamed(doubt)
        text = f"Not sure: {doubt}. " if whom in doubt else f"Not sure: {whom} ({doubt}). "
    text += _rounds(rounds, processes) + _fewer(run, processes)
    flagged = [f"{kind} in {show.plural(number, 'case')}" for kind, number in kinds.items()]
    text += f" Marked in the tables: {show.listing(flagged)}." if flagged else ""
    text += resolution(run.header.machine) if rounds else ""
    answer = _known(main, doubt) or (_basis(rounds, processes) if rounds else "Nothing was timed")
    return Bullet(lead="How sure", text=text, answer=answer)


def _known(main: Group | None, doubt: str) -> str:
    """Return in a few words what the clock tells of the fastest type; empty where it has none."""
    full = alike(main.timed) if main else ()
    if main is None or not full or main.baseline is None:
        return ""
    best, base = full[0], main.baseline.record.label
    by_clock = f" by {best.record.clock}" if main.apart else ""
    if doubt:
        return f"Not sure: {blamed(doubt)}. {show.capital(remedy(main.timed))}"
    if best.is_baseline:
        text = f"No type is faster than {base}{by_clock}"
    elif best.time and best.time.verdict == "faster":
        sure = show.confidence(best.time.confidence)
        text = f"{best.record.label} is faster than {base} at {sure} confidence"
    elif best.time and best.time.verdict == "same":
        text = f"{best.record.label} is as fast as {base} within {WITHIN}"
    else:
        text = f"{best.record.label} is not shown to be faster than {base}"
    near = sum(tied(row, best) for row in full[1:])
    return f"{text}; which of {near + 1} is fastest is open" if near else text


def resolution(machine: Machine) -> str:
    """Return what the machine's A/A test found, as sentences; empty where none was made."""
    if machine.failed:
        return f" The machine's A/A test failed: {machine.failed}."
    if (found := machine.resolution) is None:
        return ""
    told, events = _detectable(found.sizes), _detectable(found.events)
    clock = f", {found.clock_of_a_gpu}" if found.clock_of_a_gpu else ""
    text = (
        f" Before the run, identical code timed against itself (A/A test{clock}) was called "
        f"different in {found.excluding_one} of {found.trials} pairs (5 % is expected by chance)"
    )
    text += f"; {found.too_short} more could not be judged" if found.too_short else ""
    text += (
        f"; the smallest difference that can be detected is {show.listing(told)}"
        + (f" (by {EVENT_TIME} {show.listing(events)})" if events else "")
        + "."
        if told
        else "; it was too short to say how small a difference can be detected."
    )
    if not found.believable:
        text += (
            " That is more than chance, so the intervals are too narrow: believe only large "
            "differences, and run convbench doctor."
        )
    return text


def _detectable(sizes: Sequence[SizeResolution]) -> list[str]:
    return [
        f"{show.percent(size.smallest_difference)} at {show.seconds(size.seconds_per_call)} a call"
        for size in sizes
        if size.smallest_difference is not None
    ]


def _basis(rounds: Sequence[int], processes: Sequence[int]) -> str:
    return f"{_of(rounds, 'round', 'rounds')} over {_of(processes, 'process', 'processes')}"


def _fewer(run: Run, processes: Sequence[int]) -> str:
    """Return that a GPU's cases had fewer processes than the run was to give each; else ""."""
    planned = run.header.suite
    if not processes or not on_a_gpu(run.records):
        return ""
    wanted = planned.get("processes")
    if wanted is None:
        try:
            suite = parse_suite(planned.get("text", ""), "the run's suite")
        except ConvbenchError:  # of an older convbench, or with a plugin's types
            return ""
        wanted = max(group.timing.processes for group in suite.groups)
    if min(processes) >= wanted:
        return ""
    return (
        f" The run was to have {wanted} processes for each: its budget, or a stop, ended it before."
    )


def _of(numbers: Sequence[int], one: str, many: str) -> str:
    """Return how many there were: 12 to 24 rounds, 1 process."""
    low, high = min(numbers), max(numbers)
    return show.plural(high, one, many) if low == high else f"{low:,} to {high:,} {many}"


def _rounds(rounds: Sequence[int], processes: Sequence[int]) -> str:
    if not rounds:
        return "Nothing was timed, so nothing is said of speed."
    between = "rounds and processes" if max(processes) > 1 else "the rounds of one process"
    text = (
        f"Each case was timed in {_basis(rounds, processes)}; intervals cover the variation "
        f"between {between} on this machine."
    )
    few = [number for number in rounds if number < FEW_ROUNDS]
    none = [number for number in rounds if number < FEWEST_ROUNDS_FOR_A_VERDICT]
    if none:
        text += (
            f" {show.plural(len(none), 'case')} had fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} "
            "rounds, too few for a verdict."
        )
    elif few:
        text += f" Few rounds (below {FEW_ROUNDS}) in {show.plural(len(few), 'case')}."
    return text
