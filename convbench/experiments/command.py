"""`replicate` as it is asked for on the command line -> its results, and their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convbench.core.errors import RunError
from convbench.core.files import dumps, write_files
from convbench.core.version import __version__
from convbench.experiments.replication import PROCESSES, Replicated, names_of, replicate
from convbench.machine.device import resolve_device
from convbench.machine.fingerprint import fingerprint
from convbench.report.document import Code, Document, Paragraph
from convbench.report.renderers import RENDERERS
from convbench.runs.store import HEADER, holds_run

PAGE = "report.md"
DATA = "results.json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for."""

    name: str
    device: str = "auto"
    threads: int = 1
    budget: float = 30.0
    processes: int = PROCESSES
    out: Path | None = None


def answer(
    asked: Asked, told: Callable[[str], None] | None = None
) -> tuple[tuple[Replicated, ...], str]:
    """Return the results of the experiments asked for, and the device in words.

    told: is told which experiment is being timed. Raises as `replicate`, and RunError where the
    folder for the page holds a run.
    """
    if asked.out is not None and holds_run(asked.out):
        raise RunError(
            f"--out {asked.out} holds a run ({HEADER}), which has a report of its own: give "
            "another folder."
        )
    names = names_of(asked.name)
    device = resolve_device(asked.device)
    found = []
    for name in names:
        if told is not None:
            told(f"Timing {name}, for about {asked.budget:g} s …")
        found.append(
            replicate(
                name,
                device=device,
                threads=asked.threads,
                budget=asked.budget,
                processes=asked.processes,
            )
        )
    facts = fingerprint(device, asked.threads, "as asked")
    model = facts.get("cpu" if device == "cpu" else "gpu")
    return tuple(found), f"{device} ({model}, PyTorch {facts.get('torch', 'unknown')})"


def as_data(found: Sequence[Replicated], machine: str) -> dict[str, Any]:
    """Return results as JSON types."""
    return {
        "format": "convbench replicate",
        "schema": 1,
        "version": __version__,
        "machine": machine,
        "experiments": [one.to_json() for one in found],
    }


def write(page: Document, found: Sequence[Replicated], machine: str, out: Path) -> Path:
    """Write the page and the results below a folder, and return the page's path.

    RunError where the folder cannot be written.
    """
    name = found[0].name if len(found) == 1 else "all"
    again = (
        Paragraph(text="To make this page again:"),
        Code(text=f"convbench replicate {name} --out {out.as_posix()}"),
    )
    files = RENDERERS["markdown"](replace(page, blocks=(*page.blocks, *again)))
    text = dumps(as_data(found, machine), indent=1)
    write_files(out, {**files, DATA: f"{text}\n"}, "give --out a folder that you may write to")
    return out / PAGE
