"""What a rule of `advice` is, and how its condition looks at the facts.

What is missing or "unknown" is no reason to warn: `number` is then not-a-number, which no
comparison holds for, and `is_` is False.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from convbench.machine.probes.system import setting

Severity = Literal["serious", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("serious", "warning", "note")

Facts = Mapping[str, Any]


class Rule(NamedTuple):
    """When to warn of what. `cause` and `remedy` are templates over the facts."""

    name: str
    severity: Severity
    applies: Callable[[Facts], bool]
    cause: str
    remedy: str


def number(facts: Facts, key: str) -> float:
    """Return a numeric fact; not-a-number, which no comparison holds for, where it is untold."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


def is_(facts: Facts, key: str, *values: Any) -> bool:
    """Whether a fact is told and is one of these."""
    return facts.get(key) in values


def on_cpu(facts: Facts) -> bool:
    """Whether the CPU is what is timed."""
    return is_(facts, "device", "cpu")


def steal(facts: Facts) -> float:
    """Return the steal during the A/A test; that since boot where there was none."""
    during = number(facts, "aa_steal_share")
    return number(facts, "steal_share") if math.isnan(during) else during


def omp_disagrees(facts: Facts) -> bool:
    """Whether OMP_NUM_THREADS is set, and to another number than is used."""
    asked = setting(facts.get("thread_settings", ""), "OMP_NUM_THREADS").partition(",")[0]
    return asked.isdecimal() and int(asked) != number(facts, "threads") > 0


def governed(facts: Facts) -> bool:
    """Whether a governor is told that changes the clock rate."""
    told = facts.get("frequency_governor", "unknown")
    return told not in {"unknown", "performance"}
