"""Dataclasses as JSON types and back: every key and the kind of every value is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

_WANTED: Final[dict[type, tuple[str, tuple[type, ...]]]] = {
    float: ("a number", (int, float)),
    int: ("a whole number", (int,)),
    str: ("text", (str,)),
    bool: ("true or false", (bool,)),
}
_Stored = TypeVar("_Stored")


def written(value: Any) -> dict[str, Any]:
    """Return a dataclass with its fields by name, tuples as lists; `json` keeps floats exactly."""
    return {item.name: _written(getattr(value, item.name)) for item in fields(value)}


def _written(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return written(value) if is_dataclass(value) else value


def read(cls: type[_Stored], data: object) -> _Stored:
    """Return the dataclass that `written` wrote: of numbers, text, tuples and such dataclasses.

    Raises:
        ValueError: keys without a default are missing or keys are unknown, a value is of the wrong
            kind, or the values do not belong together (see the class).

    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{cls.__name__}: {data!r} is no table; give what to_json() writes")  # noqa: TRY004
    own: Any = cls
    kinds, needed = _known(own)
    faults = {"missing": needed - data.keys(), "unknown": data.keys() - kinds.keys()}
    if any(faults.values()):
        said = [f"{', '.join(sorted(map(str, of)))} {what}" for what, of in faults.items() if of]
        raise ValueError(
            f"{cls.__name__}: {'; '.join(said)}; give exactly the keys that to_json() writes"
        )
    return cls(
        **{name: _value(f"{cls.__name__}: {name}", data[name], kinds[name]) for name in data}
    )


@cache
def _known(cls: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the kind of every field, and the fields without a default."""
    needed = frozenset(item.name for item in fields(cls) if item.default is MISSING)
    return get_type_hints(cls), needed


def _value(where: str, value: Any, kind: Any) -> Any:
    inner = get_args(kind)
    if type(None) in inner:
        return None if value is None else _value(where, value, inner[0])
    if get_origin(kind) is not tuple:
        return _plain(where, [value], kind)[0] if kind in _WANTED else read(kind, value)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} holds {value!r}; give a list")  # noqa: TRY004
    if inner[0] in _WANTED:
        return _plain(where, value, inner[0])
    return tuple(read(inner[0], item) for item in value)


def _plain(where: str, values: Sequence[Any], kind: type) -> tuple[Any, ...]:
    wanted, kinds = _WANTED[kind]
    for value in values:
        # a bool is an int to Python, and never a duration
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{where} holds {value!r}; give {wanted}")
    return tuple(map(float, values)) if kind is float else tuple(values)
