"""Warnings with remedies, from the fingerprint and the A/A test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convbench.machine.rules import RULES, SEVERITIES, Severity


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Something about this machine that harms a measurement, and what to do about it.

    Attributes:
        name: of the rule.
        severity: "serious" (do not believe the times before it is mended), "warning" (times are
            noisier or slower than they need be) or "note" (to know when reading them).
        cause: what was found, with its numbers.
        remedy: what to do.

    """

    name: str
    severity: Severity
    cause: str
    remedy: str


def advice(facts: Mapping[str, Any]) -> tuple[Advice, ...]:
    """Return what is to be said about these facts, the most serious first.

    Pure: it looks at nothing else. A fact that is missing or "unknown" raises no warning.

    Args:
        facts: a fingerprint, together with `Resolution.facts()` where there was an A/A test.

    """
    found = [
        Advice(
            name=rule.name,
            severity=rule.severity,
            cause=rule.cause.format_map(facts),
            remedy=rule.remedy.format_map(facts),
        )
        for rule in RULES
        if rule.applies(facts)
    ]
    return tuple(sorted(found, key=lambda each: SEVERITIES.index(each.severity)))
