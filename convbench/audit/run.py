"""Run the audit: every case against every counter, each cell in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convbench.audit.case import CASES
from convbench.audit.cell import TIME_LIMIT, failed
from convbench.audit.counter import TOOLS
from convbench.audit.result import AuditError, AuditResult, CaseInfo, CounterInfo
from convbench.audit.verdicts import Cell
from convbench.core.version import __version__

if TYPE_CHECKING:
    from typing import IO

Progress = Callable[[Cell], None]
"""Called with every cell when it is there; from several threads where there are several jobs."""
_MODULE: Final = "convbench.audit.cell"
_GRACE: Final = 60.0


def run_audit(
    counters: Sequence[str] | None = None,
    cases: Sequence[str] | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    limit: float = TIME_LIMIT,
) -> AuditResult:
    """Ask each counter for the count of each case, and judge every answer.

    counters, cases: names and ids; all where left out. jobs: counters asked at the same time.
    limit: seconds for one cell. A counter that is not installed is a column of such cells.

    Raises:
        UnknownNameError: a counter or a case that there is not.
        AuditError: nothing to ask.

    """
    tools = [TOOLS[name] for name in (TOOLS if counters is None else dict.fromkeys(counters))]
    chosen = [CASES[name] for name in (CASES if cases is None else dict.fromkeys(cases))]
    if not tools or not chosen:
        raise AuditError("An audit needs a counter and a case: name at least one of each.")
    ids = [case.id for case in chosen]
    tell = progress or (lambda _: None)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        columns = list(pool.map(lambda tool: _column(tool.name, ids, tell, limit), tools))
    return AuditResult(
        environment={
            "convbench": __version__,
            "torch": version("torch"),
            "python": platform.python_version(),
        },
        counters=tuple(
            CounterInfo(name=tool.name, version=column.version, convention=tool.convention)
            for tool, column in zip(tools, columns, strict=True)
        ),
        cases=tuple(
            CaseInfo(
                id=case.id,
                count=case.count,
                known=case.known,
                backward=case.backward,
                note=case.note,
            )
            for case in chosen
        ),
        cells=tuple(column.cells[place] for place in range(len(chosen)) for column in columns),
    )


@dataclass(frozen=True, kw_only=True)
class _Column:
    """What one counter answered, in the order asked."""

    version: str
    cells: tuple[Cell, ...]


def _column(name: str, ids: Sequence[str], tell: Progress, limit: float) -> _Column:
    """Ask one counter for every case: from a warm process that forks, or else one by one."""
    ask = _served if hasattr(os, "fork") else _one_by_one
    return ask(name, ids, tell, limit)


def _served(name: str, ids: Sequence[str], tell: Progress, limit: float) -> _Column:
    cells: list[Cell] = []
    found = ""
    while len(cells) < len(ids):
        with subprocess.Popen(  # noqa: S603  this Python, this package
            [sys.executable, "-m", _MODULE, "--serve", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(limit),
        ) as process:
            asked, answers = process.stdin, process.stdout
            if asked is None or answers is None:  # pragma: no cover  both were asked for above
                raise AuditError("The worker has no pipes: run the audit again.")
            found = _version(answers.readline()) or found
            while len(cells) < len(ids):
                cell = _exchange(asked, answers, ids[len(cells)])
                cells.append(cell or failed(ids[len(cells)], name, "the counter ended its worker"))
                tell(cells[-1])
                if cell is None:
                    break
    return _Column(version=found, cells=tuple(cells))


def _exchange(asked: IO[str], answers: IO[str], case_id: str) -> Cell | None:
    """Ask for one case; None where the worker is gone."""
    try:
        asked.write(case_id + "\n")
        asked.flush()
        line = answers.readline()
    except BrokenPipeError:
        return None
    return Cell.from_json(json.loads(line)) if line else None


def _version(line: str) -> str:
    return str(json.loads(line)["version"]) if line else ""


def _one_by_one(name: str, ids: Sequence[str], tell: Progress, limit: float) -> _Column:
    """Ask for each case from a process that is started for it alone."""
    cells, found = [], ""
    for case_id in ids:
        try:
            done = subprocess.run(  # noqa: S603  this Python, this package
                [sys.executable, "-m", _MODULE, case_id, name],
                capture_output=True,
                text=True,
                timeout=limit + _GRACE,
                check=False,
                env=_environment(limit),
            )
        except subprocess.TimeoutExpired:
            cell = failed(case_id, name, f"no answer in {limit + _GRACE:g} s")
        else:
            if done.stdout:
                data = json.loads(done.stdout)
                found = data.pop("version") or found
                cell = Cell.from_json(data)
            else:
                cell = failed(case_id, name, f"its process died (status {done.returncode})")
        cells.append(cell)
        tell(cell)
    return _Column(version=found, cells=tuple(cells))


def _environment(limit: float) -> dict[str, str]:
    """Return the environment of a worker, which has to find this same package."""
    home = str(Path(__file__).parents[2])
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH", "")])])
    return {**os.environ, "PYTHONPATH": path, "CONVBENCH_AUDIT_LIMIT": f"{limit:g}"}
