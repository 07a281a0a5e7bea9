"""The page of a sweep, and its table: reports/field/report.md and networks.csv."""

# ruff: noqa: E501  the page's sentences

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import judging
from judging import APART, BOUND, DIFFERENT, EQUAL, EXPLAINED, FAILED, REFUSED

COLUMNS = (
    "package", "name", "family", "input", "convbench", "independent", "by_hand", "preparation",
    "layers", "complete", "verdict", "why",
)  # fmt: skip
ORDER = (EQUAL, APART, BOUND, EXPLAINED, DIFFERENT, REFUSED, FAILED)
Row = dict[str, Any]


def write(out: Path, rows: list[Row], known: list[judging.Explanation] | None = None) -> int:
    """Write page and table; return 1 where a difference or a disturbance is not explained."""
    known = judging.explanations() if known is None else known
    timed = [row for row in rows if row["kind"] == "time"]
    last = {(row["package"], row["name"], row["kind"]): row for row in rows if row not in timed}
    rows = sorted(last.values(), key=lambda row: (row["package"], row["name"]))
    counts = [row for row in rows if row["kind"] == "count"]
    for row in counts:
        row["verdict"], row["explanation"] = judging.verdict(row, known)
    with (out / "networks.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(map(_line, counts))
    (out / "report.md").write_text("\n".join(_page(rows, counts, timed)) + "\n")
    wrong = [row for row in counts if row["verdict"] in {DIFFERENT, REFUSED}]
    again = [row for row in rows if row["kind"] == "again" and judging.disturbed(row)]
    for row in wrong:
        sys.stderr.write(f"{row['verdict']}: {row['package']} {row['name']}\n")
    for row in again:
        sys.stderr.write(f"{row['package']} {row['name']}: {', '.join(judging.disturbed(row))}\n")
    return int(bool(wrong or again or not counts))


def _line(row: Row) -> list[Any]:
    counted = "failed" not in row
    why = row["explanation"].why if row["explanation"] else _placeless(row.get("why", ""))
    return [
        row["package"],
        row["name"],
        row["family"],
        row.get("input", ""),
        row["ours"] if counted else "",
        row.get("macs", 0) + row.get("of_weights", 0) if "macs" in row else "",
        row["by_hand"] if counted else "",
        row["preparation"] if counted else "",
        row.get("layers", ""),
        not row["unsupported"] if counted else "",
        row["verdict"],
        why if row["verdict"] not in {EQUAL, APART} else "",
    ]


def _page(rows: list[Row], counts: list[Row], timed: list[Row]) -> Iterator[str]:
    total = Counter(row["verdict"] for row in counts)
    counted = sum(total[name] for name in ORDER) - total[FAILED] - total[REFUSED]
    minutes = sum(row["seconds"] for row in timed) / 60
    stopped = {row["package"] for row in counts} - {row["package"] for row in timed}
    yield "# Real networks, counted twice"
    yield ""
    yield (
        f"{counted:,} networks of {len({row['package'] for row in counts})} sources were made without "
        "weights and counted by `convbench.profile` and by a count that shares no code with it. "
        f"**{total[EQUAL] + total[APART]:,} are equal to the last multiplication**, "
        f"{total[BOUND]:,} end in a lower bound (`≥`) and say so, {total[EXPLAINED]:,} differ for a reason "
        f"given below, and **{total[DIFFERENT]:,} differ in silence**. It took {minutes:.0f} minutes "
        "of two processes."
    )
    yield ""
    yield "Made by `make field` (`python benchmarks/field`); a row for each network: [networks.csv](networks.csv)."
    yield ""
    if stopped:
        yield f"Stopped before all of their networks were counted: {', '.join(sorted(stopped))}."
        yield ""
    yield from _how()
    yield from _packages(counts)
    yield from _columns(counts)
    yield from _bounds(counts)
    yield from _differences(counts)
    yield from _failures(rows, counts)
    yield from _again(rows)
    yield from _versions()


def _how() -> Iterator[str]:
    yield "## How"
    yield ""
    yield (
        "Each network is made by its package's own function, in eval mode, without weights, on the meta "
        "device or, where that does not work, on the CPU, and given one input of its usual size. The "
        "independent count (`benchmarks/field/independent.py`) runs it once under a dispatch mode and adds "
        "up convolutions, transposed convolutions, matrix products and attention by closed forms. It does "
        "not know products that a model multiplies and sums itself (*by hand*), which convbench counts in a "
        "column of their own; they are taken out before the two are compared. *Preparation* is what is "
        "multiplied of weights alone, before any input: convbench keeps it out of the total, and it is put "
        "back. Each network has a process of its own, with a limit of time and of memory."
    )
    yield ""


def _packages(counts: list[Row]) -> Iterator[str]:
    yield "## What was counted"
    yield ""
    yield from _table(
        ("source", "networks", *ORDER),
        [
            (
                name,
                len(group),
                *(sum(row["verdict"] == one for row in group) or "" for one in ORDER),
            )
            for name, group in _grouped(counts, "package").items()
        ],
    )
    yield (
        "*equal, apart*: equal once products by hand and preparation are taken out. *refused*: torch runs "
        "it, convbench does not count it. *not made*: it could not be made here or run on the input that "
        "was tried."
    )
    yield ""


def _columns(counts: list[Row]) -> Iterator[str]:
    found: dict[str, list[Row]] = {}
    for row in counts:
        for place in row.get("by_hand_in", ()):
            found.setdefault(place.rpartition(".")[0], []).append(row)
    yield "## Products by hand"
    yield ""
    yield (
        "Elementwise products that a model sums itself, by the class of the module that multiplies. Which "
        "of them count is one stated rule (`convbench/counting/by_hand/contractions.py`)."
    )
    yield ""
    lines = []
    for place, group in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        shares = [_hand(row, place) / max(1, row["ours"]) for row in group]
        lines.append((f"`{place}`", len(group), _names(group), f"{100 * max(shares):.2g} %"))
    yield from _table(("module", "networks", "such as", "most of a total"), lines)
    alone = [row for row in counts if row.get("preparation")]
    if alone:
        yield f"Preparation: {len(alone)} networks, such as {_names(alone)}."
        yield ""


def _hand(row: Row, place: str) -> int:
    return sum(n for key, n in row["by_hand_in"].items() if key.rpartition(".")[0] == place)


def _bounds(counts: list[Row]) -> Iterator[str]:
    found: dict[str, list[Row]] = {}
    for row in counts:
        for name in row.get("unsupported", ()):
            found.setdefault(name, []).append(row)
    yield "## Lower bounds"
    yield ""
    if not found:
        yield "None: every operator that ran has a rule."
    else:
        yield "Operators without a counting rule, which make a total `≥`."
        yield ""
        lines = [(f"`{key}`", len(group), _names(group)) for key, group in sorted(found.items())]
        yield from _table(("operator", "networks", "such as"), lines)
        return
    yield ""


def _differences(counts: list[Row]) -> Iterator[str]:
    yield "## Differences"
    yield ""
    groups: dict[Any, list[Row]] = {}
    for row in counts:
        if row["verdict"] in {EXPLAINED, DIFFERENT, REFUSED}:
            groups.setdefault(row["explanation"] or row["verdict"], []).append(row)
    if not groups:
        yield "None."
        yield ""
        return
    lines = []
    for why, group in groups.items():
        text = (why, "**nobody knows yet**") if isinstance(why, str) else (why.right, why.why)
        shares = [_share(row) for row in group if "ours" in row]
        size = f"{max(shares, key=abs):+.2g} %" if shares else "no count"
        lines.append((_names(group, 6), len(group), size, *text))
    yield from _table(("networks", "how many", "convbench, at most", "right is", "why"), lines)


def _share(row: Row) -> float:
    return 100 * judging.difference(row) / max(1, judging.theirs(row))


def _failures(rows: list[Row], counts: list[Row]) -> Iterator[str]:
    yield "## Not made"
    yield ""
    reasons: dict[tuple[str, str], list[Row]] = {}
    for row in counts:
        if row["verdict"] == FAILED:
            reasons.setdefault((row["package"], _short(row["why"])), []).append(row)
    lines = [
        (package, len(group), why, _names(group))
        for (package, why), group in sorted(reasons.items(), key=lambda item: -len(item[1]))
    ]
    few = [line for line in lines if line[1] == 1]
    shown = [line for line in lines if line[1] > 1] + few[:20]
    yield from _table(("source", "networks", "what was said", "such as"), shown)
    if len(few) > 20:
        yield f"And {len(few) - 20} more, one network each: networks.csv."
        yield ""
    for row in rows:
        if row["kind"] == "source":
            yield f"`{row['package']}` could not be imported: {row['why']}"
            yield ""


def _again(rows: list[Row]) -> Iterator[str]:
    again = [row for row in rows if row["kind"] == "again"]
    seen = [row for row in again if "failed" not in row]
    yield "## A second look"
    yield ""
    yield (
        f"Each family's smallest network, {len(seen)} of them, was counted three times more and once with "
        "`backward=True`, on the CPU (functions that keep their results, such as positions or anchors, run the "
        "first time only), with its state compared before and after (names, order, identity and "
        "values of parameters and buffers, train flags, attributes, gradients)."
    )
    yield ""
    lines = []
    for key, text in judging.CHECKS.items():
        wrong = [row for row in seen if not row[key]]
        lines.append((text, len(wrong) or "none", _names(wrong)))
    yield from _table(("what would be wrong", "networks", "which"), lines)
    none = [row for row in seen if row.get("no_backward")]
    if none:
        yield f"Without a backward, in torch too: {_names(none, 12)}."
        yield ""
    for row in again:
        if row.get("failed") == "checked":
            yield f"**{row['name']}** could not be looked at again: {_short(row['why'])}"
            yield ""
    missing = [row for row in again if row.get("failed", "checked") != "checked"]
    if missing:
        yield f"Not looked at again (time or memory): {_names(missing, 12)}."
        yield ""


def _versions() -> Iterator[str]:
    yield "## Versions"
    yield ""
    file = Path(__file__).with_name("requirements.txt")
    names = [line.partition("==")[0] for line in file.read_text().splitlines() if "==" in line]
    found = []
    for name in ("torch", "torchvision", "timm", *names):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    yield ", ".join(found) + "."


def _placeless(text: str) -> str:
    """Return what was said without the folders of this machine: paths begin with a package."""
    return re.sub(r"/\S*?/site-packages/", "", text)


def _short(text: str) -> str:
    text = _placeless(text).replace("|", "/").replace("`", "'")
    return text if len(text) <= 100 else text[:99] + "…"


def _names(group: list[Row], most: int = 3) -> str:
    names = sorted((row["name"] for row in group), key=lambda name: (len(name), name))
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _grouped(rows: list[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _table(head: tuple[str, ...], lines: list[tuple[Any, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for line in lines:
        yield (
            "| "
            + " | ".join(str(cell).replace("|", "/").replace("\n", " ") for cell in line)
            + " |"
        )
    yield ""
