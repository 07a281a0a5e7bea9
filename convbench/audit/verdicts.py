"""From what a tool said to a verdict, by rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Final, Literal

from convbench.core.serialization import Stored
from convbench.counting.zero_cost import is_zero_by_rule, plain_name

Verdict = Literal[
    "right",
    "right by its convention",
    "flagged",
    "wrong",
    "silent zero",
    "refuses",
    "crashes",
    "forward only",
    "not installed",
    "not built",
]

RIGHT: Final = frozenset({"right", "right by its convention"})
SILENT: Final = frozenset({"wrong", "silent zero"})
_MAY_MULTIPLY: Final = frozenset({"mul", "multiply", "prod"})
"""Elementwise by rule, yet a contraction can be written with them, so naming them is a warning."""


@dataclass(frozen=True, kw_only=True)
class Cell(Stored):
    """One case asked of one counter.

    known: the multiplications. value: the tool's number in its own unit. macs: that number as
    multiplications, without what the tool itself says is none. why: a named convention, operators
    that the tool says it does not know, or an error's first line. changed: what was left changed.
    """

    case: str
    counter: str
    verdict: Verdict
    known: int
    value: Annotated[int | None, int | float | None] = None
    macs: Annotated[float | None, int | float | None] = None
    why: str = ""
    changed: tuple[str, ...] = ()

    @property
    def factor(self) -> float | None:
        """How many times too many multiplications; None without a number."""
        return None if self.macs is None else self.macs / self.known


def judge(
    known: int,
    value: int,
    *,
    unit: int = 1,
    parts: Mapping[str, int] | None = None,
    extras: Mapping[str, int] | None = None,
    unknown: tuple[str, ...] = (),
    samples: int = 1,
) -> tuple[Verdict, float, str]:
    """Return the verdict on a tool's number, the multiplications it stands for, and why.

    unit: the tool's operations for one multiply-accumulate. parts: what the tool lists apart as no
    multiply-accumulate. extras: what it declares to count beside them without listing it, each all
    or nothing. samples: the batch, for a tool whose number is the mean of one sample.

    A number is right by a convention only where what is declared explains the whole difference.
    """
    if value == known * unit:
        return "right", known, ""
    listed = {name: number for name, number in (parts or {}).items() if number}
    rest = value - sum(listed.values())
    for several in sorted({1, samples}):
        for names, extra in _subsets(extras or {}):
            if (rest - extra) * several == known * unit:
                said = [f"counts {name}" for name in (*listed, *names)]
                said += ["is of one sample"] if several > 1 else []
                return "right by its convention", known, ", ".join(said)
    macs = rest / unit
    warned = tuple(name for name in unknown if _may_multiply(name))
    if warned:
        return "flagged", macs, ", ".join(warned)
    if macs == 0:
        return "silent zero", 0.0, ""
    return "wrong", macs, ""


def _subsets(extras: Mapping[str, int]) -> list[tuple[tuple[str, ...], int]]:
    """Return every choice of extras that are not zero, the smaller choices first."""
    given = {name: number for name, number in extras.items() if number}
    return [
        (names, sum(given[name] for name in names))
        for size in range(len(given) + 1)
        for names in combinations(given, size)
    ]


def _may_multiply(operator: str) -> bool:
    """Tell whether an operator that a tool does not know could hide multiplications."""
    name = plain_name(operator)
    return name in _MAY_MULTIPLY or not is_zero_by_rule(operator)
