"""The rule that turns a tool's number into a verdict."""

import pytest

from convbench.audit.verdicts import Cell, judge

BY = "right by its convention"
VERDICTS = [
    # (known, value, options, verdict, multiplications, why)
    (100, 100, {}, "right", 100, ""),
    (100, 200, {"unit": 2}, "right", 100, ""),
    (100, 100, {"unit": 2}, "wrong", 50, ""),
    (100, 0, {}, "silent zero", 0, ""),
    (100, 50, {}, "wrong", 50, ""),
    (100, 0, {"unknown": ("aten::lstm",)}, "flagged", 0, "aten::lstm"),
    (100, 0, {"unknown": ("aten::relu", "aten::view")}, "silent zero", 0, ""),
    (100, 0, {"unknown": ("aten::mul",)}, "flagged", 0, "aten::mul"),
    (100, 100, {"unknown": ("aten::lstm",)}, "right", 100, ""),
    (100, 120, {"parts": {"norm": 20}}, BY, 100, "counts norm"),
    (100, 121, {"parts": {"norm": 20}}, "wrong", 101, ""),
    (100, 110, {"extras": {"bias": 10}}, BY, 100, "counts bias"),
    (100, 110, {"extras": {"bias": 11}}, "wrong", 110, ""),
    (100, 115, {"extras": {"bias": 10, "relu": 5}}, BY, 100, "counts bias, counts relu"),
    (100, 50, {"samples": 2}, BY, 100, "is of one sample"),
    (100, 55, {"samples": 2, "extras": {"bias": 5}}, BY, 100, "counts bias, is of one sample"),
    (100, 25, {"samples": 2}, "wrong", 25, ""),
]  # fmt: skip


@pytest.mark.parametrize(("known", "value", "options", "verdict", "macs", "why"), VERDICTS)
def test_judge(known, value, options, verdict, macs, why):
    assert judge(known, value, **options) == (verdict, macs, why)


def test_a_cell_says_by_which_factor_it_is_wrong():
    cell = Cell(case="a/b", counter="c", verdict="wrong", known=100, value=400, macs=400)
    assert cell.factor == 4
    assert Cell(case="a/b", counter="c", verdict="crashes", known=100).factor is None


def test_a_cell_survives_json():
    cell = Cell(case="a/b", counter="c", verdict="wrong", known=1, macs=2.0, changed=("hooks",))
    assert Cell.from_json(cell.to_json()) == cell
