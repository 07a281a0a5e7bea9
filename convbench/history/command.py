"""A history as it is asked for on the command line -> its page, and files of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from convbench.comparing.command import read_share
from convbench.comparing.judging import Limits
from convbench.core.errors import RunError
from convbench.core.files import write_files
from convbench.core.patterns import matching
from convbench.history.history import History, history
from convbench.history.page import page
from convbench.history.run_folders import find_runs
from convbench.report.document import Document
from convbench.report.renderers import RENDERERS
from convbench.runs.store import HEADER, holds_run

PAGE: Final = "history.md"
"""The page's file: not `report.md`, which is a run's."""
_NEAR: Final = 3


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A history as it is asked for on the command line."""

    folder: Path
    case: str | None = None
    threshold: str | None = None


def answer(asked: Asked) -> Document:
    """Return the page of the history.

    Raises:
        RunError: no run there, a threshold that is none, or an expression that is wrong or that no
            case's name matches.

    """
    limits = Limits(threshold=read_share("threshold", asked.threshold, Limits.threshold))
    if asked.case is not None:
        matching(asked.case, (), "--case", RunError)  # before runs are read
    found = history(find_runs(asked.folder), limits)
    return page(found, found.telling if asked.case is None else _matching(found, asked.case))


def _matching(found: History, pattern: str) -> tuple[int, ...]:
    names = [case.name for case in found.cases]
    if kept := set(matching(pattern, names, "--case", RunError)):
        return tuple(index for index, name in enumerate(names) if name in kept)
    labels = list(dict.fromkeys(case.label for case in found.cases))
    near = difflib.get_close_matches(pattern, labels, n=_NEAR, cutoff=0.4)
    hint = f"Near ones are {', '.join(near)}." if near else f"Types there: {', '.join(labels[:8])}."
    example = f" A whole name is {names[0]!r}." if names else ""
    raise RunError(f"--case {pattern!r} matches no case of these runs. {hint}{example}")


def write(document: Document, out: Path) -> Path:
    """Write the page, its figure and its data below a folder, and return the page's path.

    Raises:
        RunError: the folder is a run's, or cannot be written.

    """
    if holds_run(out):
        raise RunError(
            f"--out {out} holds a run ({HEADER}), and figures and tables of its own report: give "
            "another folder."
        )
    data = replace(document, blocks=())
    files = {**RENDERERS["csv"](data), **RENDERERS["markdown"](document)}
    files[PAGE] = files.pop("report.md")
    write_files(out, files, "give --out a folder that you may write to")
    return out / PAGE
