"""Run the audit: every case against every counter, each cell in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from threading import Timer
from typing import Final

from convbench.audit.case import CASES
from convbench.audit.cell import FORKS, TIME_LIMIT, failed
from convbench.audit.result import AuditError, AuditResult, CaseInfo, CounterInfo
from convbench.audit.verdicts import Cell
from convbench.core.version import __version__
from convbench.counting.base import COUNTERS

Progress = Callable[[Cell], None]
"""Called with every cell when it is there; from several threads where there are several jobs."""
_MODULE: Final = "convbench.audit.cell"
_GRACE: Final = 120.0


def run_audit(
    counters: Sequence[str] | None = None,
    cases: Sequence[str] | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    limit: float = TIME_LIMIT,
    plugins: Sequence[str] = (),
) -> AuditResult:
    """Ask each counter for the count of each case, and judge every answer.

    counters, cases: names and ids; all where left out. jobs: counters asked at the same time.
    limit: seconds for one cell. plugins: to be loaded in every process. A counter that is not
    installed is a column of such cells.

    Raises:
        UnknownNameError: a counter or a case that there is not.
        AuditError: nothing to ask.

    """
    tools = [COUNTERS[name] for name in (COUNTERS if counters is None else dict.fromkeys(counters))]
    chosen = [CASES[name] for name in (CASES if cases is None else dict.fromkeys(cases))]
    if not tools or not chosen:
        raise AuditError("An audit needs a counter and a case: name at least one of each.")
    ids = [case.id for case in chosen]
    tell = progress or (lambda _: None)
    worker = _Worker(plugins=tuple(plugins), limit=limit)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        columns = list(pool.map(lambda tool: _column(tool.label, ids, tell, worker), tools))
    return AuditResult(
        environment={
            "convbench": __version__,
            "torch": version("torch"),
            "python": platform.python_version(),
        },
        counters=tuple(
            CounterInfo(name=tool.label, version=column.version, convention=str(tool.convention))
            for tool, column in zip(tools, columns, strict=True)
        ),
        cases=tuple(
            CaseInfo(**{field.name: getattr(case, field.name) for field in fields(CaseInfo)})
            for case in chosen
        ),
        cells=tuple(column.cells[place] for place in range(len(chosen)) for column in columns),
    )


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """How a process is started that asks: what it loads first, and its seconds for one cell."""

    plugins: tuple[str, ...]
    limit: float

    def command(self, *words: str) -> list[str]:
        """Return the command line, which ends in the words."""
        loaded = [word for name in self.plugins for word in ("--plugin", name)]
        return [sys.executable, "-m", _MODULE, *loaded, *words]

    @property
    def environment(self) -> dict[str, str]:
        """The environment: the process has to find this same package."""
        home = str(Path(__file__).parents[2])
        path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH", "")])])
        return {**os.environ, "PYTHONPATH": path, "CONVBENCH_AUDIT_LIMIT": f"{self.limit:g}"}


@dataclass(frozen=True, kw_only=True)
class _Column:
    """What one counter answered, in the order asked."""

    version: str
    cells: tuple[Cell, ...]


def _column(name: str, ids: Sequence[str], tell: Progress, worker: _Worker) -> _Column:
    """Ask one counter for every case: from a warm process that forks, or each from one of its own.

    A process that ends, or that a case holds up for too long, is followed by another one.
    """
    cells: list[Cell] = []
    found = ""
    while len(cells) < len(ids):
        with subprocess.Popen(  # noqa: S603  this Python, this package
            worker.command("--serve", name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=worker.environment,
        ) as process:
            cell: Cell | None = None
            for case_id in ids[len(cells) :]:
                guard = Timer(worker.limit + _GRACE, process.kill)
                guard.start()
                version, cell = _exchange(process, case_id, first=cell is None)
                guard.cancel()
                found = version or found
                cells.append(cell or failed(case_id, name, "the counter ended its worker"))
                tell(cells[-1])
                if cell is None or not FORKS:
                    break
    return _Column(version=found, cells=tuple(cells))


def _exchange(
    process: subprocess.Popen[str], case_id: str, *, first: bool
) -> tuple[str, Cell | None]:
    """Ask for one case, and hear the version first; None where the worker is gone."""
    asked, answers = process.stdin, process.stdout
    if asked is None or answers is None:  # pragma: no cover  both were asked for above
        raise AuditError("The worker has no pipes: run the audit again.")
    line = answers.readline() if first else ""
    version = str(json.loads(line)["version"]) if line else ""
    try:
        asked.write(case_id + "\n")
        asked.flush()
        line = answers.readline()
    except BrokenPipeError:
        line = ""
    return version, Cell.from_json(json.loads(line)) if line else None
