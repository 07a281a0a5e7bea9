"""A comparison as it is asked for on the command line or in Python -> its page and outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from convbench.comparing.comparison import Comparison, compare
from convbench.comparing.environment import check_allowed
from convbench.comparing.gate import Gate, Outcome, gate, outcome
from convbench.comparing.judging import Limits
from convbench.comparing.matching import BY, check_apart, nearest, split
from convbench.comparing.page import page
from convbench.comparing.sides import Side, load_side, side
from convbench.core.errors import RunError, quoted
from convbench.report.document import Document
from convbench.runs.record import Run

_SHARE: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A comparison as somebody asks for it; None is "as the gate has it"."""

    left: Path | Run
    right: Path | Run | None = None
    by: str | None = None
    gate: str | None = None
    threshold: str | float | None = None
    drift: str | float | None = None
    strict: bool = False
    absolute: bool = False
    partial: bool = False
    allow: tuple[str, ...] = ()


def answer(asked: Asked) -> tuple[Document, Outcome]:
    """Return the page of the comparison and how it ends; raises as `found` does."""
    preset = _preset(asked)
    comparison = found(asked)
    gated = comparison.by is None or asked.gate is not None
    strict = asked.strict or preset.strict
    ended = outcome(comparison, strict=strict, gated=gated, partial=asked.partial)
    return page(comparison, _with_hint(ended, comparison)), ended


def found(asked: Asked) -> Comparison:
    """Return the comparison.

    Raises:
        RunError: a folder that holds no run, or an option that does not fit it.

    """
    preset = _preset(asked)
    limits = Limits(
        threshold=read_share("threshold", asked.threshold, preset.threshold),
        drift=read_share("drift", asked.drift, preset.drift),
        absolute=asked.absolute,
    )
    allowed = check_allowed(asked.allow)
    left, right, by = _sides(asked)
    return compare(left, right, limits=limits, by=by, allowed=allowed, times=preset.times)


def _preset(asked: Asked) -> Gate:
    return gate(asked.gate) if asked.gate is not None else Gate(what="")


def _side(given: Path | Run) -> Side:
    if isinstance(given, Path):
        return load_side(given)
    return side(str(given.path or "a run in memory"), [given])


def _sides(asked: Asked) -> tuple[Side, Side, str | None]:
    left = _side(asked.left)
    if asked.by is None:
        if asked.right is None:
            raise RunError(
                f"compare {left.name}: one run is given. Give a second one, or --by AXIS to "
                f"compare two conditions within it; the axes are {', '.join(BY)}."
            )
        return left, _side(asked.right), None
    by, _, text = asked.by.partition("=")
    if by not in BY:
        raise RunError(f"--by {asked.by:.200}: no such axis; the axes are {', '.join(BY)}.")
    values = tuple(part.strip() for part in text.split(",") if part.strip()) or None
    if asked.right is None:
        return (*split(left, by, values), by)
    if values is not None:
        raise RunError(
            f"--by {asked.by} with two runs: each run has a value of its own; give --by {by}, or "
            "one run alone."
        )
    right = _side(asked.right)
    check_apart(left, right, by)
    return left, right, by


def read_share(name: str, text: str | float | None, otherwise: float) -> float:
    """Read 5%, 5 % or 0.05; RunError for what is no share between 0 and 1."""
    if text is None:
        return otherwise
    given = text.strip() if isinstance(text, str) else quoted(text)
    read = _SHARE.fullmatch(given)
    value = float(read[1]) / (100 if read[2] else 1) if read else -1.0
    if not 0 < value < 1:
        raise RunError(
            f"--{name} {given:.200} is not between 0 and 100 %: give it as 5% or as 0.05."
        )
    return value


def _with_hint(ended: Outcome, comparison: Comparison) -> Outcome:
    """Add what to do where the sides are incomparable."""
    if not comparison.shared:
        near = nearest(comparison.rows_apart)
        hint = (
            f"Their cases differ in conditions alone: {near}."
            if near
            else "Give two runs of the same suite."
        )
        return replace(ended, why=f"{ended.why} {hint}")
    if comparison.times and comparison.in_the_way:
        keys = ",".join(item.key for item in comparison.in_the_way)
        return replace(
            ended,
            why=f"{ended.why} Counts are compared all the same. If that difference is what you "
            f"want to compare, give --allow {keys}.",
        )
    return ended
