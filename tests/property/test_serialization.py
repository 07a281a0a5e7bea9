"""Any value of a dataclass comes back from its file as it was, and its schema says so."""

import json
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypedDict

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.core.errors import RunError
from convbench.core.files import loads, read_json, write_file
from convbench.core.schema import Schemas
from convbench.core.serialization import (
    ADDED,
    SPARSE,
    Duration,
    Least,
    ReadError,
    Scalar,
    Stored,
    Whole,
    plain,
)


@dataclass(frozen=True)
class Leaf(Stored):
    """A leaf. count: how many."""

    count: Annotated[int, Least(1)]


class Named(TypedDict):
    """Something with a name."""

    name: str


class Loose(Named, total=False):
    """The same, and maybe a number."""

    number: float


@dataclass(frozen=True)
class Tree(Stored):
    """One field of every kind."""

    word: str
    yes: bool
    way: Literal["up", "down"]
    times: tuple[Duration, ...]
    pair: tuple[str, Whole]
    maybe: Leaf | None
    either: Leaf | str
    scalars: dict[str, Scalar]
    leaves: dict[str, tuple[Leaf, ...]]
    loose: Loose
    array: list[str | int]
    shown: Annotated[object, int] = field(default=0)


leaves = st.builds(Leaf, st.integers(min_value=1))
finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]) | st.sampled_from("\n\t")
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), finite, text)
durations = st.floats(min_value=0, max_value=1e9)
trees = st.builds(
    Tree,
    word=text,
    yes=st.booleans(),
    way=st.sampled_from(["up", "down"]),
    times=st.lists(durations).map(tuple),
    pair=st.tuples(text, st.integers(min_value=0)),
    maybe=st.none() | leaves,
    either=leaves | text,
    scalars=st.dictionaries(text, scalars),
    leaves=st.dictionaries(text, st.lists(leaves).map(tuple)),
    loose=st.fixed_dictionaries({"name": text}, optional={"number": finite}),
    array=st.lists(text | st.integers()),
    shown=st.integers(),
)
CHECK = jsonschema.Draft202012Validator(Schemas().whole(Tree, id="tree:1", title="A tree"))


@given(trees)
def test_what_is_written_is_read_back_and_valid(tree):
    written = tree.to_json()
    assert Tree.from_json(loads(json.dumps(written).encode())) == tree
    CHECK.validate(written)


GOOD = Tree(
    word="a", yes=True, way="up", times=(0.5,), pair=("a", 1), maybe=Leaf(1), either="b",
    scalars={"x": 1}, leaves={"k": (Leaf(2),)}, loose={"name": "n"}, array=[1, "a"],
).to_json()  # fmt: skip
ANY_SCALAR = "give true or false, a whole number, a number, text or null"
WRONG = [
    # key, what it holds, and what is said of it
    ("word", 1, "Tree.word holds 1; give text"),
    ("yes", 1, "Tree.yes holds 1; give true or false"),
    ("way", "left", "Tree.way holds 'left'; give one of 'up', 'down'"),
    ("times", [0.5, -1.0], "Tree.times[1] holds -1.0; give 0 or more"),
    ("times", [0.5, 2e9], "Tree.times[1] holds 2000000000.0; give 1000000000.0 or less"),
    ("times", [float("inf")], "Tree.times[0] holds inf; give a finite number"),
    ("times", [0.5, float("nan"), 1.5], "Tree.times[1] holds nan; give a finite number"),
    ("times", [0.5, True], "Tree.times[1] holds True; give a number"),
    ("pair", ["a"], "Tree.pair holds ['a']; give a list of 2"),
    ("pair", ["a", 1.5], "Tree.pair[1] holds 1.5; give a whole number"),
    ("maybe", {}, "Tree.maybe lacks count"),
    ("maybe", {"count": 0}, "Tree.maybe.count holds 0; give 1 or more"),
    ("either", {"count": "x"}, "Tree.either.count holds 'x'; give a whole number"),
    (
        "scalars",
        {"x": []},
        f"Tree.scalars.x holds []; {ANY_SCALAR}",
    ),
    (
        "scalars",
        {"a\nb": []},
        f"Tree.scalars['a\\nb'] holds []; {ANY_SCALAR}",
    ),
    ("leaves", {"k": [{"count": 1, "b": 2}]}, "Tree.leaves.k[0] has 'b', which is not known"),
    ("loose", {"number": 1}, "Tree.loose lacks name"),
    ("shown", None, "Tree.shown holds None; give a whole number"),
]


@pytest.mark.parametrize(("key", "value", "says"), WRONG)
def test_what_is_wrong_is_told_by_its_place_and_no_schema_takes_it(key, value, says):
    with pytest.raises(ReadError) as caught:
        Tree.from_json({**GOOD, key: value})
    assert str(caught.value) == says
    if "finite" not in says:  # no JSON has it
        assert not CHECK.is_valid({**GOOD, key: value})


STEERING = [*"\0\a\b\v\f\r\x1b\x7f\x9b", *"\u200e\u200f\u202a\u202e\u2028\u2066\u2069\u061c"]


@pytest.mark.parametrize("sign", STEERING, ids=lambda sign: f"{ord(sign):x}")
def test_texts_are_read_without_what_steers_a_terminal(sign):
    """Values and keys, at every depth."""
    held = Tree.from_json(
        {**GOOD, "word": f"a{sign}b", "scalars": {f"k{sign}": f"v{sign}"}, "array": [f"{sign}x"]}
    )
    assert held.word == "a\N{REPLACEMENT CHARACTER}b"
    assert sign not in str(held.to_json())
    assert Tree.from_json({**GOOD, "word": "a\n\tb"}).word == "a\n\tb"


def test_a_whole_number_that_no_float_can_hold_is_refused():
    with pytest.raises(ReadError, match=r"Tree\.shown holds a number of 1329 bits; give a smaller"):
        Tree.from_json({**GOOD, "shown": 10**400})
    with pytest.raises(ReadError, match=r"Tree\.scalars\.x holds a number of 1329 bits"):
        Tree.from_json({**GOOD, "scalars": {"x": -(10**400)}})


@dataclass(frozen=True)
class Often(Stored):
    """A value that recurs."""

    recurs: ClassVar[bool] = True
    numbers: tuple[Duration, ...]
    yes: bool | Whole


def test_equal_values_that_recur_are_one_object_and_no_two_types_are_equal():
    """A run has some thousand costs and tallies for a hundred thousand cases."""
    told = {"numbers": [1.0, 2.0], "yes": 1}
    first, second = (Often.from_json(loads(json.dumps(told).encode())) for _ in range(2))
    assert first is second
    assert type(Often.from_json({**told, "yes": True}).yes) is bool
    assert type(Often.from_json({**told, "yes": 1}).yes) is int
    assert Often.from_json({**told, "numbers": (1.0, 2.0)}) == first, "no list, and as good"
    zeros = [Often.from_json({"numbers": [0.0] * 3, "yes": yes}).numbers for yes in (1, 2)]
    assert zeros[0] is zeros[1]
    with pytest.raises(ReadError, match=r"Often\.numbers\[1\] holds 'x'; give a number"):
        Often.from_json({**told, "numbers": [1.0, "x"]})
    with pytest.raises(ReadError, match=r"Often\.numbers holds <object"):
        Often.from_json({**told, "numbers": object()})


def test_a_type_that_no_file_can_hold_is_an_error_of_the_program():
    @dataclass
    class Holder(Stored):
        values: set[int]

    for use in (Schemas().of, lambda kind: kind.from_json({"values": []})):
        with pytest.raises(TypeError, match="no type that a file can hold"):
            use(Holder)


def test_a_dictionary_of_tuples_is_plain():
    assert plain({"a": (Leaf(1), (2,))}) == {"a": [{"count": 1}, [2]]}


# --- files -----------------------------------------------------------------------------------


def test_a_file_that_cannot_be_moved_to_its_place_leaves_the_old_one_and_nothing_else(
    tmp_path, monkeypatch
):
    target = write_file(tmp_path / "below" / "a.txt", "old")

    errors = {
        30: r"a\.txt cannot be written \(no\): give more",
        28: r"a\.txt cannot be written \(no\): free space on the disk of .*a\.txt, then try again",
    }
    for number, words in errors.items():

        def fails(self, other, number=number):
            raise OSError(number, "no")

        monkeypatch.setattr("pathlib.Path.replace", fails)
        with pytest.raises(RunError, match=words):
            write_file(target, "new", "give more")
    assert target.read_text() == "old"
    assert [item.name for item in target.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"{", "not whole JSON"), (b"\xff", "not whole JSON"),
     (b"[NaN]", "NaN is no number of JSON"), (b'"\\ud800"', "not whole JSON"),
     (b'{"a": 1, "b": [{"c": 1, "c": 2}]}', "it has the key 'c' 2 times")],
)  # fmt: skip
def test_a_file_that_is_no_json_says_why_and_what_to_do(tmp_path, content, says):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=rf"a\.json .*{says}.*: make it again\."):
        read_json(path, "make it again")


def test_a_byte_order_mark_before_json_is_no_part_of_it(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": "é"}', encoding="utf-8-sig")
    assert read_json(path, "make it again") == {"a": "é"}


@dataclass(frozen=True)
class Sparse(Stored):
    """A leaf, and what few have."""

    leaf: Leaf
    seen: tuple[Whole, ...] = field(default=(), metadata=SPARSE)
    said: str = field(default="", metadata=ADDED)


def test_what_few_have_is_written_only_where_it_is_not_its_default():
    plainest = Sparse(Leaf(1))
    assert plainest.to_json() == {"leaf": {"count": 1}, "said": ""}
    assert plain([Sparse(Leaf(1), seen=(2,))]) == [{"leaf": {"count": 1}, "seen": [2], "said": ""}]
    for one in (plainest, Sparse(Leaf(1), seen=(2,), said="so")):
        assert Sparse.from_json(one.to_json()) == one
