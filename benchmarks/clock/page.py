"""The page that trials of the clock are kept on: a section a trial, the newest result in each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from claim import Claim, Note

from convbench.machine.fingerprint import fingerprint

HEAD = """# What the clock claims, and whether it held

Each section is a trial of how convbench times, made by the command under its title; seeds are
fixed. What was missed is here too. A trial that is made again replaces its section.
"""
MOST_MISSES = 12
_TITLE = "## "


def add(path: Path, title: str, command: str, results: Sequence[Claim | Note], took: float) -> None:
    """Put a trial on the page, in place of its older result; the page begins where there is none.

    took: seconds.
    """
    sections = read(path)
    sections[title] = section(title, command, results, took)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEAD, *sections.values()]), encoding="utf-8")


def read(path: Path) -> dict[str, str]:
    """Return the sections of a page by their titles; what stands before the first is the head."""
    if not path.exists():
        return {}
    parts = f"\n{path.read_text(encoding='utf-8')}".split(f"\n{_TITLE}")[1:]
    return {
        part.partition("\n")[0].partition(":")[0]: f"{_TITLE}{part.strip()}\n" for part in parts
    }


def section(title: str, command: str, results: Sequence[Claim | Note], took: float) -> str:
    """Return a trial as Markdown."""
    known = fingerprint("cpu", 1)
    claims = [result for result in results if isinstance(result, Claim)]
    held = sum(claim.holds for claim in claims)
    missed = [(claim, miss) for claim in claims for miss in claim.misses[:MOST_MISSES]]
    lines = [
        f"{_TITLE}{title}: {held} of {len(claims)} held",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {took / 60:.1f} minutes, on "
        f"{known['cpu']}, {known['cores_usable']} cores, torch {known['torch']}, load "
        f"{known['load_1min']} afterwards.",
        "",
        "| claimed | came out | held |",
        "|:--|:--|:--|",
        *(
            f"| {_cell(claim.claimed)} | {_cell(claim.found)} | "
            f"{'yes' if claim.holds else '**no**'} |"
            for claim in claims
        ),
        "",
    ]
    for note in results:
        if isinstance(note, Note):
            lines += [note.text, ""]
    if missed:
        lines += [
            "<details><summary>What was missed, case by case</summary>",
            "",
            *(f"- {_short(claim)}: {miss}" for claim, miss in missed),
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _short(claim: Claim) -> str:
    return claim.claimed.partition(" (")[0]
