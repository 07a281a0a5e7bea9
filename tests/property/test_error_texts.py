"""What errors repeat of what they were given: not where it lies, nor Python's own advice."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from convbench.core.errors import RunError, SuiteError, first_line, one_line, quoted
from convbench.core.files import loads
from convbench.core.reading import decimal
from convbench.core.serialization import ReadError, Scalar, Whole, _reader
from convbench.runs.choices import Request, choose
from convbench.runs.store import load

RUN = Path(__file__).parents[2] / "reports" / "cpu-quick"
LONG = "1" * 5001


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_what_was_given_is_shown_whatever_it_is():
    assert quoted("a b") == "'a b'"
    assert quoted("x" * 5000) == "'" + "x" * 199
    assert quoted([1, None], 3) == "[1,"
    assert quoted(object()) == "<object object>"
    mute = f"<{__name__}.Mute, whose repr raises RuntimeError>"
    assert quoted(Mute()) == mute
    assert "RuntimeError" in quoted({"a": [Mute()]})


def test_where_an_object_lies_is_no_part_of_a_message():
    with pytest.raises(TypeError) as caught:
        pickle.dumps(x for x in ())
    assert "0x" not in one_line(caught.value)
    assert first_line(f"{object()!r} is not\npickleable") == "<object object> is not"


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (Scalar, {"a": 1}, "true or false, a whole number, a number, text or null"),
        (Whole | None, "x", "a whole number or null"),
        (Whole | str, [1], "a whole number or text"),
    ],
)
def test_every_kind_that_may_stand_there_is_named(kind, value, wanted):
    with pytest.raises(ReadError, match=re.escape(f"holds {value!r}; give {wanted}") + "$"):
        _reader(kind)(value)


def test_of_a_value_that_is_like_one_kind_the_place_within_it_is_named():
    with pytest.raises(ReadError, match=r"\[1\] holds 'x'; give a whole number"):
        _reader(tuple[int, ...] | str)([1, "x"])


def test_a_number_of_thousands_of_digits_is_said_by_its_length():
    with pytest.raises(ValueError, match=r"^it has a number of 5,001 digits$"):
        loads(f'{{"a": {LONG}}}'.encode())
    with pytest.raises(ValueError, match="5,001 digits"):
        loads(f'{{"a": -{LONG[1:]}}}'.encode())


def test_so_it_is_in_a_run(tmp_path):
    lines = (RUN / "records.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "run.json").write_bytes((RUN / "run.json").read_bytes())
    long = lines[0].replace(b'"threads": 1', f'"threads": {LONG}'.encode(), 1)
    (tmp_path / "records.jsonl").write_bytes(b"".join((long, *lines[1:])))
    with pytest.raises(RunError, match=r"line 1, is not a record \(it has a number of 5,001 dig"):
        load(tmp_path)


@pytest.mark.parametrize("words", [["--threads", LONG], ["--suite", "long.toml"]])
def test_so_it_is_on_the_command_line_and_in_a_suite(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "long.toml").write_text(f'name = "long"\nbudget = {LONG}\n')
    with pytest.raises(SuiteError) as caught:
        choose(Request(
            device="cpu",
            suite="long.toml" if "long.toml" in words else "quick",
            axes={"threads": (LONG,) if LONG in words else None},
        ))  # fmt: skip
    assert "set_int_max_str_digits" not in str(caught.value)
    assert re.search("give whole numbers|a number has too many digits", str(caught.value))


def test_text_of_digits_is_a_number_up_to_eighteen_of_them():
    assert [decimal(text) for text in ("12", "0", "9" * 18)] == [12, 0, 10**18 - 1]
    assert [decimal(text) for text in ("", "x", "-1", "1.5", "9" * 19, LONG)] == [None] * 6
