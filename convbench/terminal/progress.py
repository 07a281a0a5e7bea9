"""A live progress display with the time that is left; plain lines where there is no terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from convbench.runs.runner import estimate_seconds

if TYPE_CHECKING:
    from rich.console import Console

    from convbench.runs.cases import Group
    from convbench.runs.record import Record


class Display:
    """Shows how far a run is. Times are guesses from each group's budget, mended as groups end."""

    def __init__(self, console: Console, groups: tuple[Group, ...], *, quiet: bool) -> None:
        """`groups` is what is left to do."""
        self.console = console
        self.quiet = quiet
        self.live = console.is_terminal and not quiet
        self._budget = {group.label: estimate_seconds((group,), startup=0.0) for group in groups}
        self._finished = 0.0
        self._current = ""
        self._began = 0.0
        self._heading = ""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            transient=True,
            disable=not self.live,
        )
        self._task = self._progress.add_task("starting", total=sum(self._budget.values()) or 1.0)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def group(self, group: Group, position: int, groups: int) -> None:
        """Report that a group begins."""
        self._heading = f"[{position}/{groups}] {group.label}"
        self._current, self._began = group.label, time.perf_counter()
        self._describe("")

    def stage(self, text: str) -> None:
        """Report what is being done in the group."""
        self._describe(text)

    def round(self, done: int, expected: int) -> None:
        """Report a finished round."""
        self._describe(f"timing, round {done} of about {expected}")

    def finished(self, records: list[Record]) -> None:
        """Report a group's records."""
        self._finished += self._budget.get(self._current, 0.0)
        self._advance(self._finished)
        if self.quiet:
            return
        counts: dict[str, int] = {}
        for record in records:
            counts[record.status] = counts.get(record.status, 0) + 1
        spent = time.perf_counter() - self._began
        words = ", ".join(f"{number} {status}" for status, number in counts.items())
        self.console.print(
            f"{self._heading}: {words}, {spent:.1f} s", markup=False, highlight=False
        )

    def _describe(self, text: str) -> None:
        if not self.live:
            return
        budget = self._budget.get(self._current, 0.0)
        inside = min(time.perf_counter() - self._began, budget)
        description: Any = f"{self._heading}  {text}".replace("[", r"\[")
        self._progress.update(self._task, description=description)
        self._advance(self._finished + inside)

    def _advance(self, seconds: float) -> None:
        self._progress.update(self._task, completed=seconds)
