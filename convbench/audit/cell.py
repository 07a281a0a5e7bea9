"""One case asked of one counter, in a process that does nothing else.

    python -m convbench.audit.cell CASE COUNTER        one cell, as JSON on standard output
    python -m convbench.audit.cell --serve COUNTER     a line of JSON for each case id on input

Before either, --plugin FILE.py, repeatable, brings a counter of one's own.

Importing a tool takes longer than asking it. So `--serve` imports torch and the tool, and uses
nothing of them: each case is answered by a fork, in a process of its own that nobody shares, and
that is ended when it takes too long. A fork also tells which modules it had to import, and those
are imported before the next one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
import warnings
from dataclasses import replace
from typing import Any, Final

from convbench.audit.case import CASES, Case, CaseError
from convbench.audit.verdicts import Cell, Verdict, judge
from convbench.core.errors import one_line
from convbench.core.plugins import load_plugin
from convbench.counting.base import COUNTERS, Counter, Refusal

FORKS: Final = hasattr(os, "fork")
"""Whether this system can fork; else every cell has a process that is started for it."""
TIME_LIMIT: Final = 60.0
"""Seconds that one cell may take."""
_WORDS: Final = 160
_READ: Final = 1 << 16


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


def load(name: str) -> tuple[Counter, str]:
    """Return a counter, imported, and why it could not be ("" where it could)."""
    import torch

    torch.set_num_threads(1)
    tool = COUNTERS[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tool.load()
    except Exception as error:  # noqa: BLE001  a tool that cannot be imported is not there
        return tool, _shortened(one_line(error))
    return tool, ""


def answer(case_id: str, tool: Counter, missing: str) -> Cell:
    """Return the cell of one case, for a counter that may be missing."""
    case = CASES[case_id]
    if missing:
        return Cell(
            case=case.id,
            counter=tool.label,
            verdict="not installed",
            known=case.known,
            why=missing,
        )
    return ask(case, tool)


def serve(name: str, limit: float) -> None:
    """Answer the case ids on standard input, each from a fork of this process if it can fork."""
    with _quiet() as out:
        tool, missing = load(name) if COUNTERS[name].warm else (COUNTERS[name], None)
        list(CASES)
        out.write(json.dumps({"version": "" if missing else tool.version}) + "\n")
        out.flush()
        for line in sys.stdin:
            asked = line.strip()
            cell = _forked(asked, tool, missing, limit) if FORKS else answer(asked, *load(name))
            out.write(json.dumps(cell.to_json()) + "\n")
            out.flush()


def _forked(case_id: str, tool: Counter, missing: str | None, limit: float) -> Cell:
    """Answer one case in a fork; missing is None for a tool that the fork itself has to import."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        code, known = 1, set(sys.modules)
        try:
            if missing is None:
                tool, missing = load(tool.name)
            cell = answer(case_id, tool, missing).to_json()
            told = {**cell, "imported": [name for name in sys.modules if name not in known]}
            with os.fdopen(writing, "w", encoding="utf-8") as out:
                json.dump(told, out)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    data, late = _read_all(reading, limit)
    os.close(reading)
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if data and not late:
        told = json.loads(data)
        names = told.pop("imported")
        _import([name for name in names if tool.warm or name.partition(".")[0] != tool.package])
        return Cell.from_json(told)
    return failed(
        case_id,
        tool.label,
        f"no answer in {limit:g} s" if late else f"its process died (status {status})",
    )


def _import(names: list[str]) -> None:
    """Import what a fork had to import, so that the next one need not; some need not exist here."""
    for name in names:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(name)


def failed(case_id: str, name: str, why: str) -> Cell:
    """Return the cell of a process that gave no answer."""
    known = CASES[case_id].known
    return Cell(case=case_id, counter=name, verdict="crashes", known=known, why=why)


def _read_all(descriptor: int, limit: float) -> tuple[bytes, bool]:
    """Read until the other end closes; True where that took longer than the limit."""
    data, end = b"", time.monotonic() + limit
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return data, True
        piece = os.read(descriptor, _READ)
        if not piece:
            return data, False
        data += piece


def _quiet() -> Any:
    """Point standard output and error at nothing, and return the real output as a file.

    Tools print, and what they print is not JSON.
    """
    sys.stdout.flush()
    real = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)
    return real


def main(words: list[str]) -> None:
    """Run what the command line asks for; see the top of this module."""
    while words[0] == "--plugin":
        _, name, *words = words
        load_plugin(name)
    limit = float(os.environ.get("CONVBENCH_AUDIT_LIMIT", TIME_LIMIT))
    if words[0] == "--serve":
        serve(words[1], limit)
        return
    with _quiet() as out:
        tool, missing = load(words[1])
        cell = answer(words[0], tool, missing)
        data = {**cell.to_json(), "version": "" if missing else tool.version}
        out.write(json.dumps(data) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
