"""The sweep of real networks cannot pass falsely: what differs is reported, and fails."""

import importlib
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

FIELD = Path(__file__).parents[2] / "benchmarks" / "field"
IMAGE = (1, 3, 8, 8)
MACS = 8 * 8 * 3 * 4 * 9 + 8 * 8 * 4 * 2  # the two convolutions of `made`


@pytest.fixture(scope="module")
def field():
    """The modules of the program, which is no package."""
    inside = {file.stem for file in FIELD.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in inside & sys.modules.keys()}  # of the clock's
    sys.path.insert(0, str(FIELD))
    try:
        return {n: importlib.import_module(n) for n in ("counting", "judging", "page", "running")}
    finally:
        sys.path.remove(str(FIELD))
        for name in inside:
            sys.modules.pop(name, None)
        sys.modules.update(others)


def made(last=None):
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1)]
    return nn.Sequential(*layers, last or nn.Identity()), (torch.rand(IMAGE, device="cpu"),)


def row(name, **more):
    key = {"package": "tiny", "family": "tiny", "name": name, "kind": "count"}
    return {**key, **more}


def test_two_counts_of_a_network_are_equal(field):
    found = field["counting"].counted(made)
    assert (found["ours"], found["macs"], found["layers"]) == (MACS, MACS, MACS)
    assert field["judging"].verdict(row("a", **found), []) == ("equal", None)


def test_transposed_grouped_and_attention_by_closed_forms(field):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

        def forward(self, x):
            x = self.up(x).flatten(2).transpose(1, 2)
            return self.attention(x, x, x)[0]

    found = field["counting"].counted(lambda: (Net(), (torch.rand(1, 4, 3, 3, device="cpu"),)))
    tokens = 7 * 7
    by_hand = 3 * 3 * 4 * 3 * 9 + tokens * 6 * 6 * 4 + 2 * tokens * tokens * 6
    assert found["macs"] + found["of_weights"] == by_hand
    assert found["ours"] == by_hand


@pytest.fixture
def rows(field):
    equal = field["counting"].counted(made)
    wrong = {**equal, "macs": MACS - 7, "operators": {"convolution": MACS - 7}}
    return [row("equal", **equal), row("explained", **wrong), row("wrong", **wrong)]


def explanation(field, **more):
    return field["judging"].Explanation(
        package="tiny", networks="explained", right="convbench", why="a tap is skipped", **more
    )


def test_a_difference_fails_unless_it_is_explained(field, rows, tmp_path, capsys):
    known = [explanation(field)]
    assert field["page"].write(tmp_path, rows[:2], known) == 0
    assert field["page"].write(tmp_path, rows, known) == 1
    assert "DIFFERENT: tiny wrong" in capsys.readouterr().err
    page = (tmp_path / "report.md").read_text()
    assert "**1 differ in silence**" in page
    assert "a tap is skipped" in page
    assert "nobody knows yet" in page
    table = (tmp_path / "networks.csv").read_text().splitlines()
    assert [line.split(",")[-2] for line in table[1:]] == ["equal", "explained", "DIFFERENT"]


@pytest.mark.parametrize(("more", "fits"), [
    ({"difference": 7}, True), ({"difference": 8}, False),
    ({"operators": ("convolution",)}, True), ({"operators": ("mm",)}, False),
])  # fmt: skip
def test_an_explanation_explains_its_own_difference_alone(field, rows, more, fits):
    assert explanation(field, **more).fits(rows[1]) is fits


def test_a_lower_bound_must_say_so_and_not_be_above(field, rows):
    verdict = field["judging"].verdict
    less = {**rows[2], "ours": MACS - 9}
    assert verdict(less, [])[0] == "DIFFERENT"
    assert verdict({**less, "unsupported": {"mystery.op": 1}}, [])[0] == "lower bound"
    assert verdict({**rows[2], "unsupported": {"mystery.op": 1}}, [])[0] == "DIFFERENT"


def test_what_torch_runs_and_convbench_refuses_fails(field, tmp_path):
    refused = row("a", failed="counted", why="ProfileError: no", macs=3, of_weights=0)
    assert field["page"].write(tmp_path, [refused], []) == 1


def test_a_disturbed_network_fails(field, rows, tmp_path):
    again = {**row("equal"), "kind": "again", "twice": True, "kept": False}
    again.update(kept_by_backward=True, forward=True)
    assert field["page"].write(tmp_path, rows[:1], []) == 0
    assert field["page"].write(tmp_path, [rows[0], again], []) == 1


def test_a_second_look_that_fails_is_told(field, rows, tmp_path):
    again = {**row("equal"), "kind": "again", "failed": "checked", "why": "ProfileError: no"}
    assert field["page"].write(tmp_path, [rows[0], again], []) == 1


def test_a_backward_that_torch_has_not_is_no_fault(field):
    class Overwritten(nn.Module):
        def forward(self, x):
            y = x.exp()
            return y.add_(1) * y

    found = field["counting"].again(lambda: made(Overwritten()))
    assert found["no_backward"]
    assert field["judging"].disturbed(found) == []


def test_nothing_counted_fails(field, tmp_path):
    assert field["page"].write(tmp_path, [], []) == 1


def test_a_second_look_finds_nothing_wrong(field):
    found = field["counting"].again(made)
    assert field["judging"].disturbed(found) == []
    assert found["backward"] > 0


def test_crashes_and_hangs_are_rows(field, tmp_path):
    path = tmp_path / "rows.jsonl"
    jobs = [
        field["running"].Job(row("crash"), partial(os._exit, 3)),
        field["running"].Job(row("hang"), partial(time.sleep, 600)),
        field["running"].Job(row("error"), partial(int, "x")),
        field["running"].Job(row("works"), lambda: {"macs": 1}),
    ]
    field["running"].run(jobs, path, seconds=2)
    found = {item["name"]: item for item in map(json.loads, path.read_text().splitlines())}
    assert found["crash"]["why"] == "exit status 3"
    assert found["hang"]["failed"] == "finished"
    assert found["error"]["why"].startswith("ValueError")
    assert found["works"]["macs"] == 1
