"""Suites, as structure and as text: refused in one line, or planned in finite time."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from fuzz.fuzzing import change, changed, check_message, cuts, damaged, fuzzed, paths_of
from hypothesis import event, given
from hypothesis import strategies as st

from convbench.core.errors import ConvbenchError
from convbench.runs.choices import Request
from convbench.runs.job import decide, dry_run
from convbench.runs.suite import load_suite, parse_suite, without_comments

SUITE = {
    "name": "drawn",
    "description": "every key of a suite",
    "timing": {
        "processes": 2, "min_rounds": 3, "max_rounds": 6, "self_check": 1.5, "budget": 60,
    },
    "axes": {
        "dtype": "float32", "layout": "channels_last", "threads": [1],
        "mode": ["eager"], "direction": "forward", "cache": ["warm"], "allocator": "kept",
    },
    "slots": [
        {
            "title": "one", "in_channels": [3], "out_channels": 8, "input_size": "7x7",
            "kernel_size": [3, "1x3"], "stride": 1, "padding": "same", "dilation": 1, "batch": 2,
            "bias": True, "block": [False, True], "baseline": "standard",
            "types": ["standard", "lite", {"type": "grouped", "groups": [1, 2]}],
        },
        {
            "in_channels": 4, "out_channels": 4, "input_size": [8, "5x6"], "kernel_size": 3,
            "padding": "same", "scale": 2, "types": ["transposed"], "max_rounds": 4,
        },
    ],
    "networks": [{"names": ["osnet_x0_25"], "input_size": "64x32", "batch": [1, 2]}],
}  # fmt: skip


def toml(value: Any) -> str:
    """Return a value as TOML, tables in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)} = {toml(v)}' for key, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if value is None:
        return '"nothing"'
    return json.dumps(value).replace("\x7f", "\\u007f")


def document(suite: dict[str, Any]) -> str:
    """Return a suite as a TOML document."""
    return "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in suite.items())


def test_the_suite_that_is_changed_is_one():
    """Else every draw would be refused."""
    assert len(parse_suite(document(SUITE), "drawn.toml").groups) == 8


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return where suites are written."""
    return tmp_path_factory.mktemp("suites") / "drawn.toml"


def planned(file: Any, content: bytes) -> None:
    """Plan what was drawn; where that is accepted, its text without comments says the same."""
    file.write_bytes(content)
    try:
        job = decide(Request(suite=str(file), device="cpu", out=file.with_name("out")))
    except ConvbenchError as error:
        event("refused")
        check_message(str(error))
        return
    event("accepted")
    assert parse_suite(without_comments(file.read_text("utf-8-sig")), str(file)) == load_suite(
        str(file)
    )
    rows, seconds = dry_run(job)
    assert rows
    assert 0 <= seconds < math.inf
    for row in rows:
        for text in row:
            check_message(text)


@fuzzed(500)
@given(plan=st.lists(change(SUITE, paths_of(SUITE)), min_size=1, max_size=3))
def test_structures(file, plan):
    planned(file, document(changed(SUITE, plan)).encode("utf-8", "surrogatepass"))


@fuzzed(500)
@given(plan=st.lists(cuts, min_size=1, max_size=3))
def test_texts(file, plan):
    content = document(SUITE).encode()
    for cut in plan:
        content = damaged(content, cut)
    planned(file, content)
