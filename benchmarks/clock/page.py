"""The page that trials of the clock are kept on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from trials import Claim

from convbench.runs.fingerprint import fingerprint

HEAD = """# What the clock claims, and whether it held

Each row is a claim about how convbench times, put to the test by `python benchmarks/clock`. Seeds
are fixed; "under noise" had two busy processes beside it (`--noise`). What was missed is here too.

| when | machine | trial | claim and figure | held |
|:--|:--|:--|:--|:--|
"""


def add(path: Path, found: list[tuple[str, Claim]], *, quick: bool) -> None:
    """Add rows to the page, which is begun where there is none."""
    known = fingerprint("cpu", 1)
    cores = known["cores_usable"]
    machine = f"{known['cpu']}, {cores} cores, torch {known['torch']}, load {known['load_1min']}"
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    less = " (a tenth of the trials)" if quick else ""
    rows = [
        f"| {when} | {machine} | {title}{less} | {claim.text} | "
        + ("yes |" if claim.holds else "**no** |")
        for title, claim in found
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else HEAD
    path.write_text(text + "\n".join(rows) + "\n", encoding="utf-8")
