"""Paths side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from convbench.core.arithmetic import Quantity, maximum, minimum
from convbench.core.costs import Cost, Reach, Step, path_reach


@dataclass(frozen=True, kw_only=True)
class Branches(Step):
    """Sequences of steps that all read the same input.

    keeps_input: 1 where the input itself is needed after the paths (a path that is empty keeps it
    too), 0 where it is not; an indicator for sweeps and formulas.
    """

    paths: tuple[tuple[Step, ...], ...]
    keeps_input: Quantity = 0

    @property
    def cost(self) -> Cost:
        """The sum of all paths."""
        return sum((step.cost for path in self.paths for step in path), start=Cost())

    @property
    def reach(self) -> Reach | None:
        """From the first element that any path sees to the last; every path has one stride."""
        reaches = [found for path in self.paths if (found := path_reach(path))]
        if not reaches:
            return None
        widest = reaches[0]
        for other in reaches[1:]:
            widest = tuple(
                (minimum(a, c), maximum(b, d), jump)
                for (a, b, jump), (c, d, _) in zip(widest, other, strict=True)
            )
        return widest

    @property
    def formula(self) -> str:
        """The paths' formulas, added."""
        return " + ".join(step.formula for path in self.paths for step in path if step.formula)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input of the paths, and the largest that they hold beside it.

        The input stays while a path that has not begun, or what follows the paths, still needs it.
        """
        entered = [path for path in self.paths if path]
        if not entered:
            return 0, 0
        inputs = entered[0][0].live[0]
        afterwards = 1 if len(entered) < len(self.paths) else self.keeps_input
        held: Quantity = 0
        peak: Quantity = 0
        for turn, path in enumerate(entered):
            needed = 1 if turn < len(entered) - 1 else afterwards
            for position, step in enumerate(path):
                reads, writes = step.live
                kept = inputs * needed if position else 0
                peak = maximum(peak, held + kept + reads + writes - inputs)
            held = held + path[-1].live[1]
        return inputs, peak


def flatten(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Lay the paths of branches one after another, for listing and drawing."""
    flat: list[Step] = []
    for step in steps:
        if isinstance(step, Branches):
            for path in step.paths:
                flat.extend(flatten(path))
        else:
            flat.append(step)
    return tuple(flat)
