"""One case asked of one counter, in a process that does nothing else."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

from convbench.audit.case import CASES, Case, CaseError
from convbench.audit.verdicts import Cell, Verdict, judge
from convbench.core.errors import one_line
from convbench.counting.base import COUNTERS, Counter, Refusal

_WORDS: Final = 160


def ask(case: Case, tool: Counter) -> Cell:
    """Ask a counter that is loaded for the count of one case, and judge the answer."""
    from convbench.audit.state import changes, take
    from convbench.counting.census import declared, samples

    empty = Cell(case=case.id, counter=tool.label, verdict="refuses", known=case.known)
    try:
        module, inputs = case.build()
        spare, spare_inputs = case.build()
    except CaseError as error:
        return replace(empty, verdict="not built", why=str(error))
    if case.backward and not tool.backward:
        return replace(empty, verdict="forward only", why="it counts no backward pass")
    extras = declared(tool, spare, spare_inputs)
    before = take(module)
    verdict: Verdict
    value, macs = None, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = tool.count(module, inputs, backward=case.backward)
    except Exception as error:  # noqa: BLE001  a tool may fail in any way, and that is the finding
        refused = isinstance(error, (Refusal, NotImplementedError)) or _says_unsupported(error)
        verdict, why = "refuses" if refused else "crashes", _shortened(one_line(error))
    else:
        value = said.value
        verdict, macs, why = judge(
            case.known,
            value,
            unit=tool.unit,
            parts=said.parts,
            extras=extras,
            unknown=tuple(sorted(said.unknown)),
            samples=samples(tool, inputs),
        )
    return replace(
        empty,
        verdict=verdict,
        value=value,
        macs=macs,
        why=why,
        changed=changes(before, take(module)),
    )


def _says_unsupported(error: Exception) -> bool:
    """Tell whether the tool itself raised, with an error class of its own."""
    home = type(error).__module__.partition(".")[0]
    return home not in {"builtins", "torch"}


def _shortened(text: str) -> str:
    return text if len(text) <= _WORDS else text[: _WORDS - 1] + "…"


class Answer(NamedTuple):
    """What a process says. version: of the counter, empty where it is not installed.

    imported: modules that were imported meanwhile, so that the next process need not do it.
    """

    version: str
    cell: Cell
    imported: tuple[str, ...] = ()


def before_fork(name: str, case_id: str, modules: Sequence[str]) -> None:
    """Import what takes longer to import than to ask: in the process that others are forked from.

    modules: what an earlier one had to import; some need not exist here.
    """
    del case_id
    list(CASES)
    if COUNTERS[name].warm:
        _loaded(COUNTERS[name])
    for module in modules:
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)


def answer(
    name: str, case_id: str, modules: Sequence[str], *, tell: Callable[[Any], None]
) -> Answer:
    """Ask a counter about a case, for `clock.processes`; modules: as in `before_fork`.

    A tool that cannot be imported has a cell that says why.
    """
    del modules, tell
    known = set(sys.modules)
    tool, case = COUNTERS[name], CASES[case_id]
    if why := _loaded(tool):
        return Answer("", absent(tool, case, why))
    cell = ask(case, tool)
    apart = None if tool.warm else tool.package
    imported = (new for new in sys.modules if new not in known)
    return Answer(
        tool.version, cell, tuple(new for new in imported if new.partition(".")[0] != apart)
    )


def absent(tool: Counter, case: Case, why: str) -> Cell:
    """Return the cell of a counter that cannot be imported."""
    return Cell(
        case=case.id, counter=tool.label, verdict="not installed", known=case.known, why=why
    )


def missing(tool: Counter) -> str:
    """Say, without importing a counter, that there is no such package; "" where there is one."""
    package = tool.imports.partition(".")[0]
    if not package or importlib.util.find_spec(package):
        return ""
    return f"ModuleNotFoundError: No module named {package!r}"


def _loaded(tool: Counter) -> str:
    """Import a counter; return why it could not be, "" where it could."""
    import torch

    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tool.load()
    except Exception as error:  # noqa: BLE001  a tool that cannot be imported is not there
        return _shortened(one_line(error))
    return ""
