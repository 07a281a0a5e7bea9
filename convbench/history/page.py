"""History -> Document: what changed and from when on, the runs, and cases over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.history.following import case_table, data_table
from convbench.history.plot import trend_figure
from convbench.history.tables import (
    MOST_ROWS,
    changes_table,
    environment_table,
    groups_table,
    moved_table,
    rows_of_changes,
    runs_table,
    unread_table,
)
from convbench.report.document import Bullet, Bullets, Document, Fold, Heading, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convbench.history.history import History
    from convbench.report.document import Block, Table

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
        *_part("What changed of the environment", environment_table(history)),
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
    text = f"{show.plural(runs, 'run')}, {show.plural(len(history.cases), 'case')}, {timed} timed."
    if history.unread:
        text += f" {_left_out(history)}"
    yield Bullet(lead="Found", text=text)
    yield Bullet(lead="Times", text=_times(history))
    yield Bullet(lead="Counts", text=_counts(history))
    yield from _whole_groups(history)
    yield from _environment(history)
    yield Bullet(lead="What can be told", text=_power(history))
    if chosen > MOST_CASES:
        text = f"the first {MOST_CASES} of {chosen} cases; --case REGEX chooses others."
        yield Bullet(lead="Shown run by run", text=text)


def _left_out(history: History) -> str:
    folders = show.plural(len(history.unread), "folder")
    verb = "is" if len(history.unread) == 1 else "are"
    return f"{folders} beside them {verb} not read, see below."


def _times(history: History) -> str:
    levels = history.found.levels
    if not levels:
        return (
            f"no change beyond {show.share(history.limits.threshold)} is sure."
            if history.found.tested
            else "nothing can be told, see below."
        )
    slower = sum(level.value > 0 for level in levels)
    said = [f"{slower} slower"] if slower else []
    said += [f"{len(levels) - slower} faster"] if slower < len(levels) else []
    runs = sorted({level.run + 1 for level in levels})
    where = show.listing([str(run) for run in runs], 8)
    cases = len({level.series for level in levels})
    return (
        f"{show.listing(said)} in {show.plural(cases, 'case')}, from run {where} on: beyond "
        f"{show.share(history.limits.threshold)}, and at most "
        f"{show.share(1 - history.limits.confidence)} chance of any false one in the whole history."
    )


def _counts(history: History) -> str:
    kinds = {"count changed": "count changed", "broken": "no longer ran", "mended": "ran again"}
    said = [
        f"{number} {text}"
        for kind, text in kinds.items()
        if (number := sum(event.change == kind for event in history.events))
    ]
    return f"{show.listing(said)}." if said else "none changed, and no case broke."


def _whole_groups(history: History) -> Iterable[Bullet]:
    edge = math.log1p(max(history.limits.drift, history.limits.threshold))
    far = [
        f"run {run + 1} ({group}: {show.times(math.exp(value))})"
        for group, values in history.shares.items()
        for run, value in enumerate(values)
        if math.isfinite(value) and abs(value) > edge
    ]
    if not far:
        return
    moved = len(history.moved.levels)
    lasting = f" {moved} of such moves lasted." if moved else ""
    yield Bullet(
        lead="Moved as a whole",
        text=(
            f"{show.listing(far, _MOST_NAMED)}, against the middle run.{lasting} All cases of a "
            "group share their processes, so a slow day of the machine cannot be told from a "
            "change that slows them all; cases are judged without it."
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
                f"changed before {show.listing(found, _MOST_NAMED)} in what must match. A change "
                "of time there may be the environment's and not the program's."
            ),
        )


def _power(history: History) -> str:
    """Say from what size on a change would have been found."""
    runs = len(history.runs)
    last, half = history.found.smallest
    if runs == 1:
        return (
            "one run has nothing to be compared with. What is here is what the run says; a second "
            "one can be compared (`convbench compare`), a third confirms which of them is usual."
        )
    if not math.isfinite(last):
        return (
            f"nothing of times: {show.plural(runs, 'run')} of so few cases do not show how far "
            "unchanged runs lie apart. Counts are exact all the same. Add runs, or cases."
        )
    size = [show.share(max(math.expm1(value), history.limits.threshold)) for value in (last, half)]
    if runs < _FEWEST_RUNS:
        text = (
            f"with two runs only that they differ, from about {size[0]} on in a typical case; no "
            "third run says which of them is usual."
        )
    else:
        text = (
            f"in a typical case a change is sure from about {size[0]} on at the latest run, and "
            f"from {size[1]} half way; noisier cases need more."
        )
    few = sum(0 < case.times < min(runs, _FEWEST_RUNS) for case in history.cases)
    if few:
        text += f" {show.plural(few, 'case')} with times in fewer runs cannot be judged."
    alone = sum(case.group not in history.shares for case in history.cases if case.times > 1)
    if alone:
        text += (
            f" {show.plural(alone, 'case')} in small groups: there a machine's day cannot be seen, "
            f"so only what is beyond {show.share(history.limits.drift)} is called a change."
        )
    return text


def _changes(history: History) -> tuple[Block, ...]:
    rows = rows_of_changes(history)
    blocks: list[Block] = []
    if rows:
        more = len(rows) - MOST_ROWS
        caption = f"{more} more are in the data." if more > 0 else ""
        blocks += [Heading(level=2, text="What changed"), changes_table(rows[:MOST_ROWS], caption)]
    if history.moved.levels:
        blocks += [Heading(level=2, text="Whole groups that moved, and stayed"),
                   moved_table(history)]  # fmt: skip
    return tuple(blocks)


def _part(title: str, table: Table) -> tuple[Block, ...]:
    """Return a table below the one of runs, if it has any rows."""
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
    return (Fold(summary="What moved whole groups, run by run", blocks=(groups_table(history),)),)


def _method(history: History) -> tuple[Block, ...]:
    if len(history.runs) == 1:
        return ()
    text = (
        "A change point is where the runs before differ most surely from the runs after, once what "
        "moved their whole group is taken away: runs are split in two there, and each part again "
        f"(binary segmentation). All cases and all splits, {history.found.tested:,} comparisons, "
        "are held against each (Holm's step-down test); how far unchanged runs lie apart is learnt "
        "from all cases together. Counts are compared exactly, from run to run."
    )
    return Heading(level=2, text="How to read this"), Paragraph(text=text)
