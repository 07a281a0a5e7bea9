"""What stands in the terminal when a run has ended: its answer first, on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from convbench.core import text as show
from convbench.report.contents import contents
from convbench.report.document import Bullet
from convbench.report.formats.terminal.prose import prose
from convbench.runs.record import Record, Run
from convbench.runs.titles import titles

_BESIDE = 3
"""Lines of the screen that are not ours: where the report is, and the next prompt."""
_MOST_REASONS = 2


def show_ending(run: Run, console: Console) -> None:
    """Print the findings of a run and why cases have no time, in as many lines as the screen has.

    A finding is printed whole where there is room, and as its answer where there is none; one
    without an answer is then left to the report.
    """
    document = contents(run)
    head = [prose(document.title, console, style="bold"), prose(document.scope, console)]
    tail = [prose(text, console, hang=2) for text in _missing(run)]
    room = console.height - _BESIDE - sum(map(_lines, (*head, *tail)))
    for text in (*head, *_fitting(document.findings, console, room), *tail):
        console.print(text, highlight=False)


def _fitting(points: Sequence[Bullet], console: Console, room: int) -> list[Text]:
    """Return the points that have an answer, and in order as many as fit with their whole text."""
    chosen = [_point(point.lead, point.answer, console) for point in points]
    left = room - sum(map(_lines, chosen))
    for place, point in enumerate(points):
        whole = _point(point.lead, point.text, console)
        more = _lines(whole) - _lines(chosen[place])
        if more <= left:
            chosen[place], left = whole, left - more
    return [text for text in chosen if text]


def _point(lead: str, text: str, console: Console) -> Text:
    return prose(text, console, lead=f"{lead}:" if lead else "", hang=2) if text else Text()


def _missing(run: Run) -> Iterator[str]:
    """Yield whether the run is whole, and why cases have no time that could have one."""
    if not run.finished:
        cases = show.plural(len(run.records), "case")
        yield f"{cases} of the {run.header.suite['cases']:,} planned."
    told = {"failed", "invalid"}
    if not any(record.samples for record in run.records):
        told.add("skipped")
    names = titles(run.records).groups
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in run.records:
        if record.status in told:
            reasons.setdefault((record.status, record.reason), []).append(record)
    for (status, reason), found in list(reasons.items())[:_MOST_REASONS]:
        first = f"{found[0].label} in {names[found[0].group]}"
        more = f" and {len(found) - 1} more" if found[1:] else ""
        yield f"{show.capital(status)}: {first}{more}: {reason}"
    if (left := len(reasons) - _MOST_REASONS) > 0:
        yield f"{show.plural(left, 'other reason')}: see the report."


def _lines(text: Text) -> int:
    return text.plain.count("\n") + 1 if text else 0
