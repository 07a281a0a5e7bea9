"""What a reader sees of a run: the intervals and times on its pages, tables and terminal output."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WIDEST = 2.0
"""An interval whose ends differ by more than this factor is no interval to show."""
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_RANGE = re.compile(
    rf"(?<![\d.,–])({_NUMBER})×?\s?–\s?({_NUMBER})(?![\d–])(?!\s(?:process|round|call))"
)
_HALF = re.compile(rf"±\s?({_NUMBER})\s?%")
_TIME = re.compile(rf"^({_NUMBER})\s(s|ms|µs|ns)\b")
_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_TIMES = ("seconds", "seconds_median", "seconds_baseline")


def wide_in_text(text: str) -> Iterator[str]:
    """Yield what stands as an interval in a text and spans more than a factor of 2.

    `±40 %` spans (1 + 0.4)². Ends are taken at their narrowest, as far as they were rounded.
    """
    for match in _RANGE.finditer(text):
        low, high = (_value(end) for end in match.groups())
        step_low, step_high = (_step(end) for end in match.groups())
        if high - step_high / 2 > WIDEST * (low + step_low / 2):
            yield _around(text, match)
    for match in _HALF.finditer(text):
        half = (_value(match[1]) - _step(match[1]) / 2) / 100
        if (1 + half) ** 2 > WIDEST:
            yield _around(text, match)


def wide_in_table(path: Path) -> Iterator[str]:
    """Yield the intervals of a CSV file, <key>_low and <key>_high, that span more than that."""
    for number, row in enumerate(_rows(path), 2):
        for key in row:
            if not key.endswith("_low"):
                continue
            low, high = row[key], row.get(f"{key[:-4]}_high", "")
            if low and high and not float(high) <= WIDEST * float(low) * (1 + 1e-9):
                where = f"{path.name}, line {number}, {key[:-4]}"
                yield f"{where}: {float(low):.3g} to {float(high):.3g}"


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A time that was printed of a case: seconds, and how exactly it stands there."""

    where: str
    group: str
    label: str
    seconds: float
    step: float = 0.0


def times_in_table(path: Path, baselines: Mapping[str, str]) -> Iterator[Printed]:
    """Yield the times in a CSV file. baselines: the baseline's label of every group."""
    for number, row in enumerate(_rows(path), 2):
        for key in _TIMES:
            group = row.get("group", "")
            label = baselines.get(group, "") if key == "seconds_baseline" else row.get("label", "")
            if row.get(key) and group and label:
                yield Printed(
                    where=f"{path.name}, line {number}", group=group, label=label,
                    seconds=float(row[key]),
                )  # fmt: skip


def times_in_page(text: str, groups: Mapping[str, set[str]]) -> Iterator[Printed]:
    """Yield the times in the tables of a page, in the column whose name begins "time".

    groups: the labels of every group, by its name on the page; a table is that of the group named
    last above it.
    """
    group, column = "", None
    for line in text.splitlines():
        if not line.startswith("|"):
            named = [name for name in groups if name in line.replace("\\|", "|")]
            group, column = max(named, key=len, default=group), None
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if column is None:
            found = [at for at, cell in enumerate(cells) if cell.startswith("time")]
            column = found[0] if found else -1
        elif column >= 0 and cells[0] in groups.get(group, ()):
            match = _TIME.match(cells[column])
            if match:
                unit = _UNITS[match[2]]
                yield Printed(
                    where="report.md", group=group, label=cells[0],
                    seconds=_value(match[1]) * unit, step=_step(match[1]) * unit,
                )  # fmt: skip


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _step(text: str) -> float:
    """Return the worth of the last digit that stands there."""
    return 10.0 ** -len(text.partition(".")[2])


def _around(text: str, match: re.Match[str]) -> str:
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.end() + 20].partition("\n")[0]
    start = max(0, match.start() - text.rfind("\n", 0, match.start()) - 1 - 60)
    return re.sub(r"\s+", " ", line[start : start + 100]).strip()
