"""Run the audit: every case against every counter, each cell in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from functools import partial
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
_GRACE: Final = 120.0
"""Seconds on top of a cell's, for its process to start."""


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
    names = COUNTERS if counters is None else counters
    tools = list(dict.fromkeys(COUNTERS[name] for name in names))
    chosen = [CASES[name] for name in (CASES if cases is None else dict.fromkeys(cases))]
    if not tools or not chosen:
        raise AuditError("An audit needs a counter and a case: name at least one of each.")
    ids = [case.id for case in chosen]
    tell = progress or (lambda _: None)
    ask = partial(_column, ids=ids, tell=tell, limit=limit, plugins=plugins)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        columns = list(pool.map(ask, [tool.label for tool in tools]))
    return AuditResult(
        environment={
            "convbench": __version__,
            "torch": version("torch"),
            "python": platform.python_version(),
        },
        counters=tuple(
            CounterInfo(name=tool.label, version=version, convention=str(tool.convention))
            for tool, (version, _) in zip(tools, columns, strict=True)
        ),
        cases=tuple(
            CaseInfo(**{field.name: getattr(case, field.name) for field in fields(CaseInfo)})
            for case in chosen
        ),
        cells=tuple(cells[place] for place in range(len(chosen)) for _, cells in columns),
    )


def _column(
    name: str, ids: Sequence[str], tell: Progress, limit: float, plugins: Sequence[str]
) -> tuple[str, list[Cell]]:
    """Return the version of one counter, and its answer to every case in order.

    It is asked from a warm process that forks, or each case from one of its own. A process that
    ends, or that a case holds up for too long, is followed by another one.
    """
    cells: list[Cell] = []
    found = ""
    while len(cells) < len(ids):
        with suppress(BrokenPipeError), _started(name, limit, plugins) as process:
            cell: Cell | None = None
            for case_id in ids[len(cells) :]:
                guard = Timer(limit + _GRACE, process.kill)
                guard.start()
                told, cell = _exchange(process, case_id, first=cell is None)
                guard.cancel()
                found = told or found
                cells.append(cell or failed(case_id, name, "the counter ended its worker"))
                tell(cells[-1])
                if cell is None or not FORKS:
                    break
    return found, cells


def _started(name: str, limit: float, plugins: Sequence[str]) -> subprocess.Popen[str]:
    """Start a process that answers for one counter; it has to find this same package."""
    loaded = [word for plugin in plugins for word in ("--plugin", plugin)]
    home = str(Path(__file__).parents[2])
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH", "")])])
    return subprocess.Popen(  # noqa: S603  this Python, this package
        [sys.executable, "-m", "convbench.audit.cell", *loaded, "--serve", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "CONVBENCH_AUDIT_LIMIT": f"{limit:g}"},
    )


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
