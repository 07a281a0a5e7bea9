"""The result of an audit: every cell, with what it needs to be read. No torch here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, Self

from convbench.audit.verdicts import RIGHT, SILENT, Cell
from convbench.core.errors import ConvbenchError
from convbench.core.serialization import Stored

SCHEMA: Final = 1


class AuditError(ConvbenchError):
    """An audit that cannot be run, or a result that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class CounterInfo:
    """A counter as it was asked. version: empty where it is not installed."""

    name: str
    version: str
    convention: str


@dataclass(frozen=True, kw_only=True)
class CaseInfo:
    """A case as it was asked. count: the arithmetic; known: its value."""

    id: str
    count: str
    known: int
    backward: bool
    note: str

    @property
    def family(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]


@dataclass(frozen=True, kw_only=True)
class Score:
    """How often a counter was what, over the cases that could be asked of it."""

    right: int
    by_convention: int
    flagged: int
    silent: int
    no_answer: int
    forward_only: int
    touched: int

    @property
    def asked(self) -> int:
        """Cases asked."""
        answered = self.right + self.by_convention + self.flagged + self.silent
        return answered + self.no_answer + self.forward_only


@dataclass(frozen=True, kw_only=True)
class AuditResult(Stored):
    """Every cell, case by case. environment: versions of what all counters run on."""

    schema: Literal[1] = SCHEMA
    environment: dict[str, str]
    counters: tuple[CounterInfo, ...]
    cases: tuple[CaseInfo, ...]
    cells: tuple[Cell, ...]

    def cell(self, case: str, counter: str) -> Cell:
        """Return one cell. Raises KeyError for a pair that was not asked."""
        return self._index[case, counter]

    @cached_property
    def _index(self) -> dict[tuple[str, str], Cell]:
        return {(cell.case, cell.counter): cell for cell in self.cells}

    def of_counter(self, name: str) -> tuple[Cell, ...]:
        """Return a counter's column, in the order of the cases."""
        return tuple(cell for cell in self.cells if cell.counter == name)

    def score(self, name: str) -> Score:
        """Count the verdicts of a counter."""
        column = self.of_counter(name)
        verdicts = [cell.verdict for cell in column]
        return Score(
            right=verdicts.count("right"),
            by_convention=verdicts.count("right by its convention"),
            flagged=verdicts.count("flagged"),
            silent=sum(verdict in SILENT for verdict in verdicts),
            no_answer=verdicts.count("refuses") + verdicts.count("crashes"),
            forward_only=verdicts.count("forward only"),
            touched=sum(bool(cell.changed) for cell in column),
        )

    @property
    def installed(self) -> tuple[CounterInfo, ...]:
        """The counters that are installed: most right first, then fewest silent errors."""

        def order(counter: CounterInfo) -> tuple[int, int]:
            score = self.score(counter.name)
            return -(score.right + score.by_convention), score.silent

        return tuple(sorted((item for item in self.counters if item.version), key=order))

    @property
    def agreed(self) -> tuple[str, ...]:
        """The cases that every installed counter has right."""
        names = {item.name for item in self.installed}
        wrong = {
            cell.case for cell in self.cells if cell.counter in names and cell.verdict not in RIGHT
        }
        return tuple(case.id for case in self.cases if case.id not in wrong)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` wrote. Raises AuditError for another schema, or what is none."""
        schema = data.get("schema") if isinstance(data, dict) else None
        if schema != SCHEMA:
            raise AuditError(
                f"An audit of schema {schema!r} cannot be read; this is schema {SCHEMA}: run the "
                "audit again."
            )
        try:
            return super().from_json(data)
        except ValueError as error:
            raise AuditError(f"This is no audit ({error}): run the audit again.") from None

    def text(self) -> str:
        """Return the JSON text: one cell a line, so that a change reads as one."""
        data = self.to_json()
        cells = ",\n".join("  " + json.dumps(cell, ensure_ascii=False) for cell in data["cells"])
        head = json.dumps({**data, "cells": []}, indent=1, ensure_ascii=False)
        return head.replace('"cells": []', f'"cells": [\n{cells}\n ]') + "\n"
