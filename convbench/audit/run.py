"""Run the audit: every case against every counter, each cell in a process of its own."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from threading import Event, Timer
from typing import Final

from convbench.audit.case import CASES
from convbench.audit.cell import Answer, absent, missing
from convbench.audit.result import AuditError, AuditResult, CaseInfo, CounterInfo
from convbench.audit.verdicts import Cell
from convbench.clock.conversation import ProcessError
from convbench.clock.processes import Nursery
from convbench.core.version import __version__
from convbench.counting.base import COUNTERS

Progress = Callable[[Cell], None]
"""Called with every cell when it is there; from several threads where there are several jobs."""
TIME_LIMIT: Final = 60.0
"""Seconds that one cell may take."""
_START: Final = 120.0
"""Seconds on top of that until the first answer: cells are forked from a process that starts."""


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
    """Return the version of one counter, and its answer to every case in order."""
    version, cells = "", list[Cell]()
    imported: tuple[str, ...] = ()
    if why := missing(COUNTERS[name]):
        cells = [absent(COUNTERS[name], CASES[case_id], why) for case_id in ids]
        for cell in cells:
            tell(cell)
        return version, cells
    with Nursery(allocator="system", plugins=plugins) as nursery:
        for case_id in ids:
            wait = limit if version else limit + _START
            said = _asked(nursery, wait, name, case_id, imported)
            version, imported = version or said.version, said.imported
            cells.append(said.cell)
            tell(said.cell)
    return version, cells


def _asked(
    nursery: Nursery, wait: float, name: str, case_id: str, imported: tuple[str, ...]
) -> Answer:
    """Return what a process says of one case; a crash where it says nothing in so many seconds."""
    late = Event()

    def end() -> None:
        late.set()
        nursery.interrupt()

    guard = Timer(wait, end)
    guard.start()
    try:
        said: Answer = nursery.ask("convbench.audit.cell:answer", name, case_id, imported)
    except ProcessError as error:
        why = f"no answer in {wait:g} s" if late.is_set() else str(error)
        known = CASES[case_id].known
        return Answer("", Cell(case=case_id, counter=name, verdict="crashes", known=known, why=why))
    else:
        return said
    finally:
        guard.cancel()
        guard.join()
