"""History -> Document: what changed at which run, the runs, and cases from run to run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from convbench.comparing.judging import REASONS
from convbench.comparing.tables import busy, percentage
from convbench.comparing.units import FEWEST_FOR_A_SHIFT
from convbench.core import text as show
from convbench.core.intervals import factor
from convbench.history.following import case_table, data_table
from convbench.history.history import History
from convbench.history.plot import by_how_much, trend_figure
from convbench.history.tables import (
    MOST_ROWS,
    changes_table,
    environment_table,
    groups_table,
    overview_table,
    rows_of_changes,
    runs_table,
    unread_table,
)
from convbench.report.document import (
    Block,
    Bullet,
    Bullets,
    Document,
    Fold,
    Heading,
    Paragraph,
    Table,
)

MOST_CASES: Final = 6
"""Cases that a page follows run by run."""
_MOST_NAMED: Final = 4
_FEWEST_RUNS: Final = 3


def page(history: History, chosen: Sequence[int]) -> Document:
    """Return a history as a document. `chosen`: the cases to follow, of which a few are shown."""
    shown = chosen[:MOST_CASES]
    blocks: list[Block] = [
        Bullets(items=tuple(_points(history, len(chosen)))),
        *_changes(history),
        Heading(level=2, text="Runs"),
        runs_table(history),
        *_part("Changes of the environment", environment_table(history)),
        *_part("Not read", unread_table(history)),
        *_cases(history, shown),
        *_groups(history),
        *_method(history),
    ]
    return Document(title=_title(history), blocks=tuple(blocks), data=(data_table(history),))


def _title(history: History) -> str:
    first, last = history.runs[0].started, history.runs[-1].started
    runs = show.plural(len(history.runs), "run")
    days = list(dict.fromkeys(f"{time:%Y-%m-%d}" for time in (first, last)))
    return f"History of {runs}, {' to '.join(days)}"


def _points(history: History, chosen: int) -> Iterable[Bullet]:
    runs = len(history.runs)
    timed = sum(case.times > 0 for case in history.cases)
    text = f"{show.plural(runs, 'run')}, {show.plural(len(history.cases), 'case')}, {timed} timed"
    text += f"; all on {history.titles.shared}." if history.titles.shared else "."
    if history.unread:
        text += f" {show.plural(len(history.unread), 'folder')} could not be used, see below."
    yield Bullet(lead="Found", text=text)
    if runs > 1:
        yield Bullet(lead="Times", text=_times(history))
        yield Bullet(lead="Counts", text=_counts(history))
    yield from _unmeasured(history)
    yield from _doubted(history)
    yield from _whole_groups(history)
    yield from _environment(history)
    yield Bullet(lead="Detectable change", text=_power(history))
    if chosen > MOST_CASES:
        text = f"the first {MOST_CASES} of {chosen} cases; --case REGEX selects others."
        yield Bullet(lead="Shown run by run", text=text)


def _times(history: History) -> str:
    levels = history.found.levels
    if not levels:
        return (
            f"no significant change beyond {percentage(history.limits.threshold)}."
            if history.found.tested
            else "no change can be detected, see “Detectable change”."
        )
    ways = Counter(
        ("slower" if level.value > 0 else "faster", history.cases[level.series].clock)
        for level in levels
    )
    several = len({clock for _, clock in ways}) > 1
    said = [
        f"{number} {way}" + (f" ({clock})" if several else "")
        for (way, clock), number in sorted(ways.items(), reverse=True)
    ]
    runs = sorted({level.run + 1 for level in levels})
    where = show.listing([str(run) for run in runs], 8)
    cases = len({level.series for level in levels})
    return (
        f"{show.listing(said)} in {show.plural(cases, 'case')}, from run {where} on, each by more "
        f"than {percentage(history.limits.threshold)}; the probability of any false one in the "
        f"whole history is at most {percentage(1 - history.limits.confidence)}."
    )


def _counts(history: History) -> str:
    kinds = {
        "count changed": ("case changed its counts", "cases changed their counts"),
        "broken": ("case broke", "cases broke"),
        "mended": ("case runs again", "cases run again"),
    }
    said = [
        show.plural(number, *words)
        for kind, words in kinds.items()
        if (number := sum(event.change == kind for event in history.events))
    ]
    return f"{show.listing(said)}." if said else "none changed, and no case broke."


def _unmeasured(history: History) -> Iterable[Bullet]:
    found = [
        f"{show.plural(number, 'case')} in run {run}"
        for run, entry in enumerate(history.runs, start=1)
        if (number := sum(map(busy, entry.run.records)))
    ]
    if found:
        text = f"{show.listing(found, _MOST_NAMED)}, because the machine was busy."
        yield Bullet(lead="Not measured", text=text)


def _doubted(history: History) -> Iterable[Bullet]:
    groups = list(history.shares)
    found = [
        (f"{case.label} in {history.titles.groups[case.group]}", level)
        for level in history.found.doubted
        for case in [history.cases[level.series]]
    ]
    found += [(history.titles.groups[groups[one.series]], one) for one in history.moved.doubted]
    for code in dict.fromkeys(one.excuse for _, one in found):
        names = [
            f"{name} ({by_how_much(one.value)} from run {one.run + 1} on)"
            for name, one in found
            if one.excuse == code
        ]
        text = f"{show.listing(names, _MOST_NAMED)}, not counted as a change: {REASONS[code]}."
        yield Bullet(lead="Inconclusive", text=text)


def _whole_groups(history: History) -> Iterable[Bullet]:
    edge = math.log1p(max(history.limits.drift, history.limits.threshold))
    far = [
        f"run {run + 1} ({history.titles.groups[group]}: {show.times(factor(value))})"
        for group, values in history.shares.items()
        for run, value in enumerate(values)
        if math.isfinite(value) and abs(value) > edge
    ]
    if not far:
        return
    moved = len(history.moved.levels)
    lasting = f" {show.plural(moved, 'shift')} lasted, see below." if moved else ""
    yield Bullet(
        lead="Shift common to all cases of a group",
        text=(
            f"{show.listing(far, _MOST_NAMED)}, relative to the median run.{lasting} It may come "
            "from the machine or from a change that affects every case; cases are judged without "
            "it."
        ),
    )


def _environment(history: History) -> Iterable[Bullet]:
    found = [
        f"run {run + 1} ({show.listing([item.key for item in items], _MOST_NAMED)})"
        for run in range(len(history.runs))
        if (items := history.in_the_way(run))
    ]
    if found:
        yield Bullet(
            lead="Environment",
            text=(
                f"changed before {show.listing(found, _MOST_NAMED)}, in keys that must match. A "
                "change of times at the same run may come from the environment, not the program."
            ),
        )


def _power(history: History) -> str:
    """Return the smallest change that would be significant, in words."""
    runs = len(history.runs)
    last, half = history.found.smallest
    if runs == 1:
        return (
            "none, with one run alone. Two runs can be compared (`convbench compare`); from three "
            "on, a change point can be found."
        )
    if not math.isfinite(last):
        return (
            f"none in times: {show.plural(runs, 'run')} of so few cases do not show by how much "
            "unchanged cases vary between runs. Counts are exact all the same. Add runs, or cases."
        )
    size = [show.about(max(factor(value) - 1, history.limits.threshold)) for value in (last, half)]
    if runs < _FEWEST_RUNS:
        text = (
            f"{size[0]} in a typical case. With two runs alone, which of them is the usual "
            "one is not known; add a third."
        )
    else:
        text = (
            f"{size[0]} in a typical case at the latest run, and {size[1]} in the middle of "
            "the history; more in noisier cases."
        )
    few = sum(0 < case.times < min(runs, _FEWEST_RUNS) for case in history.cases)
    if few:
        runs_needed = show.plural(min(runs, _FEWEST_RUNS), "run")
        text += (
            f" {show.plural(few, 'case has', 'cases have')} times in fewer than {runs_needed}, too "
            "few to judge."
        )
    alone = sum(case.pool not in history.shares for case in history.cases if case.times > 1)
    if alone:
        text += (
            f" {show.plural(alone, 'case is', 'cases are')} in groups of fewer than "
            f"{FEWEST_FOR_A_SHIFT}, too few to separate drift of the whole run: there a change "
            f"must exceed {percentage(history.limits.drift)}."
        )
    return text


def _changes(history: History) -> tuple[Block, ...]:
    rows = rows_of_changes(history)
    if not rows:
        return ()
    more = len(rows) - MOST_ROWS
    caption = f"{more} more are in the data of --out." if more > 0 else ""
    return (
        Heading(level=2, text="What changed"),
        overview_table(history),
        *_part("Changes, by run", changes_table(rows[:MOST_ROWS], caption)),
    )


def _part(title: str, table: Table) -> tuple[Block, ...]:
    """Return a table as a part of its section, if it has any rows."""
    return (Heading(level=3, text=title), table) if table.rows else ()


def _cases(history: History, shown: Sequence[int]) -> tuple[Block, ...]:
    if not shown:
        return ()
    figure = trend_figure(history, shown)
    blocks: list[Block] = [Heading(level=2, text="Cases, run by run")]
    blocks += [figure] if figure else []
    blocks += [case_table(history, index, number) for number, index in enumerate(shown, start=1)]
    return tuple(blocks)


def _groups(history: History) -> tuple[Block, ...]:
    if not history.shares or len(history.runs) == 1:
        return ()
    return (Fold(summary="Common shifts of groups, by run", blocks=(groups_table(history),)),)


def _method(history: History) -> tuple[Block, ...]:
    if len(history.runs) == 1:
        return ()
    text = (
        "A change point is the run from which on the times of a case differ most significantly "
        "from those before, without the common shift of its group; the runs before it and from it "
        "on are then searched in the same way (binary segmentation). Significance is corrected for "
        f"all cases and all possible change points, {history.found.tested:,} comparisons (Holm's "
        "step-down test). The variance between unchanged runs is estimated from all cases "
        "together. Counts are compared exactly, from run to run; multiplications are those of one "
        "forward pass, taps on padding included."
    )
    return Heading(level=2, text="How to read this"), Paragraph(text=text)
