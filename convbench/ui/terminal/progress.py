"""A live progress display with the time that is left; plain lines where there is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from convbench.runs.cases import Group
    from convbench.runs.record import Record


class Display:
    """Shows how much of a run's budget is spent, and on what.

    Attributes:
        folder: where the run had to be written anew; None while it is where it was begun.

    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        """Draw nothing yet."""
        self.console = console
        self.quiet = quiet
        self.live = console.is_terminal and not quiet
        self.folder: Path | None = None
        self._what = ""
        self._progress = Progress(
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not self.live,
        )
        self._task = self._progress.add_task("starting", total=None)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def progress(self, spent: float, budget: float, what: str) -> None:
        """Report seconds spent of those there are, and what is being timed."""
        self._what = what
        if self.live:
            self._progress.update(self._task, total=max(budget, spent), completed=spent)
            self._describe(what)

    def stage(self, text: str) -> None:
        """Report what is being done."""
        if self.live:
            self._describe(f"{self._what}: {text}" if self._what else text)

    def finished(self, group: Group, records: list[Record]) -> None:
        """Report the records of a group that was measured for the first time."""
        if self.quiet:
            return
        counts: dict[str, int] = {}
        for record in records:
            counts[record.status] = counts.get(record.status, 0) + 1
        words = ", ".join(f"{number} {status}" for status, number in counts.items())
        self.console.print(f"{group.label}: {words}", markup=False, highlight=False)

    def moved(self, folder: Path, why: str) -> None:
        """Report that the run goes on in a folder, and why."""
        self.folder = folder
        self.console.print(why, markup=False, highlight=False)

    def _describe(self, text: str) -> None:
        description: Any = text.replace("[", r"\[")
        self._progress.update(self._task, description=description)
