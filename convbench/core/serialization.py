"""Dataclasses as JSON types and back: what a file holds is declared once, by the types.

What is annotated `Annotated[T, J]` is a `T` in Python and a `J` in a file; `Least(n)` in the place
of J bounds a number. Files have every field of a dataclass and no other, but for fields whose
metadata is `ADDED`, which older files lack; their texts are read without what steers a terminal,
since a stranger may have written them. `core.schema` describes them.
"""

from __future__ import annotations

import marshal
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, lru_cache, partial
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

_LARGEST: Final = 1e300
"""Of whole numbers: sums and ratios of them are floats too."""
Scalar: TypeAlias = bool | int | float | str | None
Read: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True)
class Least:
    """The smallest number that a field may hold, and the largest where there is one."""

    bound: float
    most: float = math.inf


Whole: TypeAlias = Annotated[int, Least(0)]
"""A number of things."""
Duration: TypeAlias = Annotated[float, Least(0, 1e9)]
"""Seconds: at most 30 years."""
Rate: TypeAlias = Annotated[float, Least(0, 1e30)]
"""Things a second."""
Speed: TypeAlias = Annotated[float, Least(1e-9, 1e30)]
"""A rate of a device, by which amounts are divided: not 0."""
Share: TypeAlias = Annotated[float, Least(0, 1)]
ADDED: Final = {"added": True}
"""Metadata of a field with a default that files of the same schema may lack: it came later."""
SPARSE: Final = {**ADDED, "sparse": True}
"""The same of a field that files have only where it is not its default: few devices tell it."""
_ALWAYS: Final = object()


class Stored:
    """A dataclass that files hold.

    recurs: a file holds many that are equal; they are read once, and share one object. Nothing may
    change what such an object holds.
    """

    recurs: ClassVar[bool] = False

    def to_json(self) -> dict[str, Any]:
        """Return every field by name, as JSON types; `json` then keeps each float exactly.

        A `SPARSE` field is left out where it has its default.
        """
        return _written(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return what `to_json` wrote.

        Raises:
            ValueError: keys are missing or unknown, a value is of the wrong kind, or the values do
                not belong together; it says which.

        """
        kind: type = cls
        try:
            found: Self = _reader(kind)(data)
        except ReadError as error:
            raise error.at(cls.__name__) from None
        return found


class ReadError(ValueError):
    """A value that is not of its type. said: what it is instead; path: to it, outermost first."""

    def __init__(self, said: str, path: tuple[str | int, ...] = (), wanted: str = "") -> None:
        """Take what is wrong, of the value at a path, and what is wanted in its place."""
        super().__init__(said, path, wanted)
        self.said, self.path, self.wanted = said, path, wanted

    def at(self, key: str | int) -> ReadError:
        """Return the same error of what holds the value under this key, or at this place."""
        return ReadError(self.said, (key, *self.path), self.wanted)

    def __str__(self) -> str:
        """Say where, as in "Samples.seconds[2]", and what."""
        steps = (
            f".{step:.200}" if str(step).isidentifier() else f"[{step!r:.200}]"
            for step in self.path
        )
        return f"{''.join(steps).removeprefix('.')} {self.said}"


def plain(value: Any) -> Any:
    """Return a dataclass as a dictionary, tuples as lists, and all else as it is."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return _written(value) if is_dataclass(value) else value


def _written(value: Any) -> dict[str, Any]:
    kind: type = type(value)
    found = ((name, getattr(value, name), default) for name, default in _defaults(kind))
    return {
        name: plain(item) for name, item, default in found if default is _ALWAYS or item != default
    }


@cache
def _defaults(cls: type) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a dataclass, each with the value that is not written."""
    return tuple(
        (item.name, item.default if item.metadata.get("sparse") else _ALWAYS)
        for item in fields(cls)
    )


def tag(cls: type) -> str:
    """Return the name of a dataclass in schemas, and in what says which it is: "trend_line"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


@cache
def hints(cls: type) -> dict[str, Any]:
    """Return the type of each field of a dataclass, or key of a typed dictionary."""
    found = get_type_hints(cls, include_extras=True)
    return {item.name: found[item.name] for item in fields(cls)} if is_dataclass(cls) else found


@cache
def needed(cls: type) -> frozenset[str]:
    """Return the names that a file must have: all of a dataclass but those that are `ADDED`."""
    if is_dataclass(cls):
        return frozenset(item.name for item in fields(cls) if not item.metadata.get("added"))
    keys: frozenset[str] = getattr(cls, "__required_keys__", frozenset(hints(cls)))
    return keys


@cache
def _reader(kind: Any) -> Read:  # noqa: PLR0911  (one line for each kind of type)
    """Return what reads a value of a type: quickly where it is as written, else piece by piece."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in _OF_TYPE:
        return _OF_TYPE[kind]
    if is_dataclass(kind) or is_typeddict(kind):
        read = partial(_object, kind)
        return partial(_recurring, {}, read) if getattr(kind, "recurs", False) else read
    if origin is Annotated:
        return _bounded(*args) if isinstance(args[1], Least) else _reader(args[1])
    if origin is Literal:
        return partial(_one_of, args)
    if origin is dict:
        return partial(_table, _reader(args[1]))
    if origin is list or args[-1:] == (Ellipsis,):
        return _array(origin, args[0])
    if origin is tuple:
        return partial(_fixed, tuple(map(_reader, args)))
    if origin in {Union, UnionType}:
        known = {one: _reader(one) for one in args if one in {bool, int, float, str}}
        return partial(_either, tuple(map(_reader, args)), known, NoneType in args)
    raise TypeError(f"{kind} is no type that a file can hold")


def _range(kind: Any) -> tuple[type, float, float] | None:
    """Return of a type of numbers what they are, and the least and the largest; None of others."""
    args = get_args(kind)
    if get_origin(kind) is Annotated and isinstance(args[1], Least) and args[0] in _ENDS:
        return args[0], args[1].bound, min(args[1].most, _ENDS[args[0]])
    return (kind, -_ENDS[kind], _ENDS[kind]) if kind in _ENDS else None


_ENDS: Final = {int: _LARGEST, float: sys.float_info.max}
_MOST_KEPT: Final = 1 << 14
"""Objects, and texts, that are kept because they may recur."""


_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""Signs that move a cursor, colour a terminal or turn the direction of reading."""


@lru_cache(_MOST_KEPT)
def harmless(text: str) -> str:
    """Return a text in which nothing steers a terminal: a stand-in for every such sign.

    Line feeds and tabs stay.
    """
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(value: object) -> str:
    return harmless(_kind(str, "text", value))


def _wrong(value: object, wanted: str) -> ReadError:
    return ReadError(f"holds {value!r:.200}; give {wanted}", wanted=wanted)


def _kind(types: type | UnionType, wanted: str, value: object) -> Any:
    if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
        raise _wrong(value, wanted)
    return value


def _integer(value: object) -> int:
    number: int = _kind(int, "a whole number", value)
    if abs(number) > _LARGEST:
        raise ReadError(f"holds a number of {number.bit_length()} bits; give a smaller one")
    return number


def _number(value: object) -> float:
    try:
        number = float(_kind(int | float, "a number", value))
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(value, "a finite number")
    return number


def _bounded(kind: Any, least: Least) -> Read:
    read = _reader(kind)
    own, low, most = _range(Annotated[kind, least]) or (None, 0.0, 0.0)

    def bounded(value: object) -> Any:
        if type(value) is own and low <= value <= most:  # type: ignore[operator]
            return value
        number = read(value)
        if number < least.bound:
            raise _wrong(value, f"{least.bound} or more")
        if number > least.most:
            raise _wrong(value, f"{least.most} or less")
        return number

    return bounded


def _one_of(known: tuple[Any, ...], value: object) -> Any:
    if type(value) is str and value in known:
        return value
    if not any(value == one and type(value) is type(one) for one in known):
        raise _wrong(value, f"one of {', '.join(map(repr, known))}")
    return value


def _array(origin: type, item: Any) -> Read:
    read, (own, low, most) = _reader(item), _range(item) or (None, 0.0, 0.0)

    positive, only, tuples = low >= 0, {own}, origin is tuple

    def array(value: object) -> Any:
        if type(value) is list:
            if not value:
                return () if tuples else []
            # where none is negative, none is larger than the sum, nor is there what is no number
            if positive and set(map(type, value)) == only:
                total = sum(value)
                if total <= most and min(value) >= low:
                    return _zeros(own, len(value)) if tuples and not total else origin(value)
        items: Sequence[Any] = _kind(list | tuple, "a list", value)
        return origin(_each(read, enumerate(items)))

    return array


@cache
def _zeros(kind: type, number: int) -> tuple[Any, ...]:
    """Return so many zeros, which are one object: what was watched is mostly 0."""
    return (kind(),) * number


def _fixed(readers: tuple[Read, ...], value: object) -> tuple[Any, ...]:
    if len(_kind(list | tuple, "a list", value)) != len(readers):
        raise _wrong(value, f"a list of {len(readers)}")
    return tuple(_each(lambda pair: pair[0](pair[1]), enumerate(zip(readers, value, strict=True))))  # type: ignore[call-overload]


def _table(read: Read, value: object) -> dict[str, Any]:
    table: dict[str, Any] = _kind(dict, "a table", value)
    try:
        return {harmless(key): read(item) for key, item in table.items()}
    except ReadError:
        pass  # once more, to say where
    return dict(zip(map(harmless, table), _each(read, table.items()), strict=True))


def _each(read: Read, items: Any) -> list[Any]:
    found = []
    for key, item in items:
        try:
            found.append(read(item))
        except ReadError as error:
            raise error.at(key) from None
    return found


@cache
def _fields(cls: type) -> dict[str, Read]:
    return {key: _reader(kind) for key, kind in hints(cls).items()}


@cache
def _quick(cls: type) -> dict[str, Read]:
    """Return the readers of the fields, those of texts without a check: all else is a TypeError."""
    return {key: harmless if read is _text else read for key, read in _fields(cls).items()}


def _object(cls: type, value: object) -> Any:
    table: dict[str, Any] = _kind(dict, "a table", value)
    known = _fields(cls)
    quick = _quick(cls)
    if len(table) == len(known) or needed(cls) <= table.keys():
        try:
            return cls(**{key: quick[key](item) for key, item in table.items()})
        except (ValueError, TypeError, KeyError):  # the last of a name that is not known
            pass  # once more, to say where
    said = []
    if lacks := sorted(needed(cls) - table.keys()):
        said.append(f"lacks {', '.join(lacks)}")
    if unknown := sorted(table.keys() - known.keys()):
        said.append(f"has {', '.join(map(repr, unknown)):.200}, which is not known")
    if said:
        raise ReadError(" and ".join(said))
    found = {}
    for key, item in table.items():
        try:
            found[key] = known[key](item)
        except ReadError as error:
            raise error.at(key) from None
    try:
        return cls(**found)
    except ValueError as error:  # values that do not belong together
        raise ReadError(f"is none: {error}") from None


def _recurring(kept: dict[bytes, Any], read: Read, value: Any) -> Any:
    """Return the object that was read of an equal value before; else read it."""
    try:
        key = marshal.dumps(value, 2)  # the quickest that tells 1 from 1.0 and from true
    except ValueError:  # no type of JSON
        return read(value)
    if key not in kept:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[key] = read(value)
    return kept[key]


def _either(
    readers: tuple[Read, ...],
    known: dict[type, Read],
    nothing: bool,  # noqa: FBT001
    value: object,
) -> Any:
    if nothing and value is None:
        return None
    if read := known.get(type(value)):  # no other type takes it
        return read(value)
    errors = []
    for read in readers:
        try:
            return read(value)
        except ReadError as error:
            errors.append(error)
    nearest = max(errors, key=lambda error: len(error.path))  # of the type it is most like
    if nearest.path or not all(error.wanted for error in errors):
        raise nearest
    kinds = dict.fromkeys([error.wanted for error in errors] + ["null"] * nothing)
    *most, last = kinds
    raise _wrong(value, f"{', '.join(most)} or {last}" if most else last)


_OF_TYPE: Final[dict[Any, Read]] = {
    Any: lambda value: value,
    bool: partial(_kind, bool, "true or false"),
    int: _integer,
    float: _number,
    str: _text,
    NoneType: partial(_kind, NoneType, "null"),
}
