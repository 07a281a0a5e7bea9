"""How far a run is: a line that is redrawn in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from convbench.core import text as show
from convbench.report.formats.terminal.prose import prose
from convbench.runs.cases import Group
from convbench.runs.groups import HOPELESS
from convbench.runs.groups import Progress as Stand
from convbench.runs.record import Record
from convbench.runs.titles import titles

STAGES: Final = {
    1: "First process of each group: results are checked, calls counted and timed",
    2: "Further processes of each group, in turn",
    3: "Extra processes for the groups with open verdicts, at most until the budget is spent",
}
_PERCENT: Final = 100
_MINUTE: Final = 60


class Display:
    """Shows how far a run is, in which stage, and which group is measured.

    Attributes:
        folder: where the run had to be written anew; None while it is where it was begun.

    """

    def __init__(self, console: Console, groups: Sequence[Group], *, quiet: bool) -> None:
        """Draw nothing yet."""
        self.console = console
        self.quiet = quiet
        self.folder: Path | None = None
        self.groups = groups
        self.titles = titles(case.skeleton for group in groups for case in group.cases)
        self._stage = 0
        self._what = ""
        cut = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        whole = Column(no_wrap=True)
        self._progress = Progress(
            BarColumn(bar_width=10, table_column=Column(min_width=10)),
            TextColumn("{task.fields[share]}", table_column=whole),
            TextColumn("{task.description}", table_column=cut, markup=False),
            console=console,
            transient=True,
            expand=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=None, share="")

    def __enter__(self) -> Self:
        """Say what is measured, and under which conditions, and begin to draw."""
        cases = sum(len(group.cases) for group in self.groups)
        of = f"{show.plural(cases, 'case')} in {show.plural(len(self.groups), 'group')}"
        self._say(": ".join(part for part in (of, self.titles.shared) if part))
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def progress(self, progress: Stand) -> None:
        """Report that a process is asked."""
        if progress.stage != self._stage:
            self._stage = progress.stage
            short = f"; about {progress.short}" if progress.short else ""
            self._say(f"{progress.stage}. {STAGES[progress.stage]}{short}")
        whole = progress.spent + progress.left
        done = math.floor(_PERCENT * progress.spent / whole) if whole else 0
        self._what = f"{progress.what}: {self.titles.groups[progress.group]}"
        self._progress.update(
            self._task,
            total=_PERCENT,
            completed=done,
            share=f"{done:2} %, {'at most ' * progress.guessed}{_time(progress.left)} left",
            description=self._what,
        )

    def stage(self, text: str) -> None:
        """Report what is being done."""
        what = f"{self._what}: {text}" if self._what else text
        self._progress.update(self._task, description=what)

    def finished(self, group: Group, records: list[Record]) -> None:
        """Report that a group was asked its first process in this run, and the new records."""
        words = [_counted(status, found) for status, found in _by_status(group, records).items()]
        known = len(group.cases) - len(records)
        if known:
            words.append(f"{known} measured before")
        self._say(f"{self.titles.groups[group.label]}: {', '.join(words)}", indent=3)

    def moved(self, folder: Path, why: str) -> None:
        """Report that the run goes on in a folder, and why."""
        self.folder = folder
        self.console.print(prose(why, self.console), highlight=False)

    def aside(self, folder: Path, target: Path) -> None:
        """Report that the run that was in a folder is now in another."""
        self._say(f"The run that was in {folder} is kept in {target}.")

    def _say(self, text: str, *, indent: int = 0) -> None:
        if not self.quiet:
            self.console.print(prose(text, self.console, indent=indent, hang=2), highlight=False)


def _by_status(group: Group, records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the records by what is to be said of them; more processes may come."""
    found: dict[str, list[Record]] = {}
    for record in records:
        early = record.reason == HOPELESS and len(record.samples) < group.timing.processes
        what = "not measured yet (the machine was busy)" if early else record.status
        found.setdefault(what, []).append(record)
    return found


def _counted(status: str, records: Sequence[Record]) -> str:
    text = f"{len(records)} {status}"
    if status not in {"failed", "invalid"}:
        return text
    reasons = Counter(record.reason for record in records)
    (reason, number), *others = reasons.most_common()
    rest = f", and {show.plural(len(others), 'other reason')}" if others else ""
    return f"{text} ({reason}{f' ×{number}' if number > 1 and others else ''}{rest})"


def _time(seconds: float) -> str:
    """Return a time as a clock shows it: 0:07, 12:30."""
    minutes, rest = divmod(math.ceil(seconds), _MINUTE)
    return f"{minutes}:{rest:02}"
