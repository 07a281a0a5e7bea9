"""Files of runs, changed in every way: refused in one line, or read, shown and written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest_root import ROOT
from fuzz.fuzzing import (
    change,
    changed,
    check_message,
    check_text,
    cuts,
    damaged,
    fuzzed,
    paths_of,
)
from hypothesis import event, given
from hypothesis import strategies as st

from convbench.comparing.command import Asked as Compared
from convbench.comparing.command import answer as compare
from convbench.core.errors import ConvbenchError
from convbench.core.files import dumps
from convbench.history.command import Asked as Followed
from convbench.history.command import answer as follow
from convbench.report.contents import contents
from convbench.report.renderers import RENDERERS
from convbench.runs.choices import Request
from convbench.runs.frame import frame
from convbench.runs.job import decide, dry_run
from convbench.runs.record import Run
from convbench.runs.store import HEADER, RECORDS, load

REAL = ROOT / "reports" / "cpu-quick"


def _documents() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the header of a real run, and some lines of its records: types, a network, more."""
    lines = [json.loads(line) for line in (REAL / RECORDS).read_text().splitlines()]
    whole = [line for line in lines if "more" not in line]
    first = whole[0]["group"]
    some = [
        next(line for line in whole if line["group"] == first and line["name"] == name)
        for name in ("standard", "depthwise", "bottleneck")
    ]
    some.append(next(line for line in whole if line["kind"] == "network"))
    cases = [line["case"] for line in some]
    more = [line for line in lines if line.get("more") in {cases[0], cases[2]}][:6]
    header = json.loads((REAL / HEADER).read_text())
    for line in (
        *some,
        *more,
    ):  # fewer rounds and modules: cheaper, and the rest is drawn more often
        for samples in line["samples"]:
            for name, entries in samples.items():
                if isinstance(entries, list):
                    samples[name] = entries[:3]
        for tally in line.get("tallies", {}).values():
            tally["by_module"] = dict(list(tally["by_module"].items())[:2])
    return header, [*some, *more]


HEAD, LINES = _documents()
LATER = {**HEAD, "started": "2026-12-01T03:00:00+00:00"}


OF_HEAD = paths_of(HEAD)
OF_LINES = [(place, *path) for place, line in enumerate(LINES) for path in paths_of(line)]


ORDERS = {
    "turned": lambda lines: lines[::-1],
    "twice": lambda lines: [*lines, *lines],
    "first twice": lambda lines: [lines[0], *lines],
    "last first": lambda lines: [lines[-1], *lines[:-1]],
    "without the first": lambda lines: lines[1:],
    "without the second": lambda lines: [lines[0], *lines[2:]],
    "in one": lambda lines: [b"".join(lines).replace(b"\n", b" ") + b"\n"],
    "none": lambda lines: [],
    "torn": lambda lines: [*lines[:-1], lines[-1][: len(lines[-1]) // 2]],
    "without the end": lambda lines: [*lines[:-1], lines[-1][:-1]],
    "with empty ones": lambda lines: [line + b"\n" for line in lines],
}


seldom_cut = st.integers(0, 7).flatmap(lambda number: st.none() if number else cuts)
seldom_ordered = st.sampled_from([None] * 20 + [*ORDERS])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with a run as it was, and a folder for what is drawn."""
    home = tmp_path_factory.mktemp("files") / "runs"
    for name, header in (("before", HEAD), ("drawn", LATER)):
        (home / name).mkdir(parents=True)
        (home / name / HEADER).write_text(json.dumps(header))
        (home / name / RECORDS).write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return home


def pages(run: Run, form: str) -> None:
    for content in RENDERERS[form](contents(run)).values():
        if isinstance(content, str):
            check_text(content)


def shown(document: Any) -> None:
    for content in RENDERERS["json"](document).values():
        check_text(content if isinstance(content, str) else content.decode())


def _framed(home: Path, run: Run) -> None:
    numbers = frame(run).select_dtypes("number")
    assert not numbers.isin([float("inf"), float("-inf")]).any(axis=None)


USES = {
    "frame": _framed,
    "json": lambda home, run: pages(run, "json"),
    "csv": lambda home, run: pages(run, "csv"),
    "compare": lambda home, run: shown(
        compare(Compared(left=home / "before", right=home / "drawn"))[0]
    ),
    "back": lambda home, run: shown(compare(Compared(left=run, right=home / "before"))[0]),
    "history": lambda home, run: shown(follow(Followed(folder=home))),
    "resume": lambda home, run: dry_run(decide(Request(resume=True, out=home / "drawn"))),
}
COSTLY = {
    "markdown": lambda home, run: pages(run, "markdown"),
    "html": lambda home, run: pages(run, "html"),
    "latex": lambda home, run: pages(run, "latex"),
    "parquet": lambda home, run: pages(run, "parquet"),
}
uses = st.sampled_from([*USES] * 12 + [*COSTLY])


def taken(home: Path, use: str) -> None:
    """Load what was drawn; where that is accepted, write it again, and use it in one way."""
    folder = home / "drawn"
    try:
        run = load(folder)
    except ConvbenchError as error:
        event("refused")
        check_message(str(error))
        return
    event("accepted")
    again = home.with_name("again")
    again.mkdir(exist_ok=True)
    (again / HEADER).write_text(dumps(run.header.to_json()))
    (again / RECORDS).write_text("".join(dumps(record.to_json()) + "\n" for record in run.records))
    same = load(again)
    assert (same.header, same.records) == (run.header, run.records)
    try:
        (USES | COSTLY)[use](home, run)
    except ConvbenchError as error:
        event(f"{use} refused")
        check_message(str(error))


@fuzzed()
@given(
    plan=st.lists(change(LINES, OF_LINES), min_size=1, max_size=3),
    order=seldom_ordered,
    cut=seldom_cut,
    use=uses,
)
def test_records(home, plan, order, cut, use):
    lines = [json.dumps(line).encode() + b"\n" for line in changed(LINES, plan)]
    written = b"".join(ORDERS[order](lines) if order else lines)
    (home / "drawn" / HEADER).write_text(json.dumps(LATER))
    (home / "drawn" / RECORDS).write_bytes(damaged(written, cut))
    taken(home, use)


@fuzzed()
@given(plan=st.lists(change(LATER, OF_HEAD), min_size=1, max_size=3), cut=seldom_cut, use=uses)
def test_headers(home, plan, cut, use):
    written = json.dumps(changed(LATER, plan)).encode()
    (home / "drawn" / HEADER).write_bytes(damaged(written, cut))
    (home / "drawn" / RECORDS).write_text("".join(json.dumps(line) + "\n" for line in LINES))
    taken(home, use)
