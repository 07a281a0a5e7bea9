"""What `convbench audit` does: list, or run and write the page. No argument parsing here."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from convbench.audit.case import CASES
from convbench.audit.page import page
from convbench.audit.result import AuditError, AuditResult
from convbench.audit.verdicts import SILENT, Cell
from convbench.core.files import read_json, write_files
from convbench.core.patterns import matching
from convbench.counting.base import COUNTERS
from convbench.report.renderers import RENDERERS

OUT: Final = Path("reports/counter-audit")
FORMATS: Final = ("markdown", "csv")


def audit_command(
    *,
    counters: Sequence[str] | None = None,
    cases: str | None = None,
    out: Path | None = None,
    only_list: bool = False,
    jobs: int = 1,
    quiet: bool = False,
    plugins: Sequence[str] = (),
    echo: Callable[[str], None] = print,
) -> int:
    """Run the audit, write its page, and return the exit status: 1 where convbench is wrong.

    counters: names; all where left out. cases: a regular expression on ids. out: the folder of
    report.md, audit.json and tables/. only_list: name the cases and counters, and run nothing.
    """
    ids = _matching(tuple(CASES), cases)
    if only_list:
        _list(ids, counters, echo)
        return 0
    from convbench.audit.run import run_audit

    done: Counter[str] = Counter()

    def progress(cell: Cell) -> None:
        done[cell.counter] += 1
        if done[cell.counter] == len(ids) and not quiet:
            sys.stderr.write(f"{cell.counter}: {len(ids)} cases asked\n")

    result = run_audit(counters, ids, jobs=jobs, progress=progress, plugins=plugins)
    folder = out or OUT
    for path in write_audit(result, folder):
        echo(str(path))
    for line in summary_lines(result):
        echo(line)
    return int(any(cell.verdict in SILENT for cell in result.of_counter("convbench")))


def write_audit(result: AuditResult, folder: Path, shown: str | None = None) -> tuple[Path, ...]:
    """Write audit.json, report.md and tables/ below the folder, and return the paths.

    shown: the folder as the page's command names it. A before.json in the folder, cells of an
    earlier convbench, is shown beside the new ones. The same result gives the same bytes.
    """
    document = page(result, shown or folder.as_posix(), _before(folder))
    files = {"audit.json": result.text().encode()}
    for name in FORMATS:
        files.update(RENDERERS[name](document))
    return write_files(folder, files, error_type=AuditError)


def _before(folder: Path) -> tuple[Cell, ...]:
    path = folder / "before.json"
    if not path.exists():
        return ()
    remedy = "it holds cells as audit.json does; take it away to have a page without it"
    held = read_json(path, remedy, AuditError)
    try:
        return tuple(Cell.from_json(cell) for cell in held["cells"])
    except (ValueError, KeyError, TypeError) as error:
        raise AuditError(f"{path} cannot be read ({error}): {remedy}.") from error


def summary_lines(result: AuditResult) -> list[str]:
    """Return one line a counter: right, flagged, silently wrong, no answer."""
    lines = []
    for item in result.installed:
        score = result.score(item.name)
        lines.append(
            f"{item.name} {item.version}: {score.right + score.by_convention} of {score.asked} "
            f"right, {score.flagged} flagged, {score.silent} silently wrong, "
            f"{score.no_answer} no answer, {score.forward_only} not asked"
        )
    return lines


def _matching(ids: tuple[str, ...], pattern: str | None) -> list[str]:
    found = matching(pattern or "", ids, "--cases", AuditError)
    if not found:
        raise AuditError(
            f"--cases {pattern!r} matches none of {len(ids)} cases: see them with --list."
        )
    return found


def _list(ids: Sequence[str], counters: Sequence[str] | None, echo: Callable[[str], None]) -> None:
    for name in counters or COUNTERS:
        tool = COUNTERS[name]
        echo(f"counter  {tool.label}  {tool.version or 'not installed'}  ({tool.convention})")
    for name in ids:
        case = CASES[name]
        echo(f"case     {name}  {case.known:,} = {case.count}")
