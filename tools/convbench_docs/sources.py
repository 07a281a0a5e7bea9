"""What the pages are made from, read once: the committed run, the audit, the code itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from convbench.report.groups import Group, groups
from convbench.runs.frame import Row, rows
from convbench.runs.record import Run
from convbench.runs.store import load
from convbench_docs.text import DocsError

RUN: Final = "reports/cpu-quick"
AUDIT: Final = "reports/counter-audit"


@dataclass(frozen=True)
class Sources:
    """The checkout that the documentation is of."""

    root: Path

    @cached_property
    def run(self) -> Run:
        """The committed run; RunError where it cannot be read."""
        return load(self.root / RUN)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Its records beside their baselines."""
        return rows(self.run)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Its groups."""
        return groups(self.run)

    @cached_property
    def machine(self) -> str:
        """The machine of the committed run, in a few words."""
        told = self.run.header.fingerprint
        cores = f"{told.get('cores_usable', '?')} cores"
        virtual = ", a virtual machine" if told.get("virtual_machine") is True else ""
        return f"{told.get('cpu', 'unknown processor')}, {cores}{virtual}, torch {told['torch']}"

    def file(self, path: str) -> str:
        """Return the text of a file of the checkout; DocsError where there is none."""
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except OSError as error:
            raise DocsError(
                f"the documentation shows {path}, which cannot be read ({error.strerror}): "
                "restore it, or take it off the page."
            ) from None
