"""Reading back what was written as JSON: the right keys and kinds of values, or a ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "float": (float, int),
    "float | None": (float, int, type(None)),
    "int": (int,),
    "str": (str,),
    "bool": (bool,),
}


def checked(cls: type, data: object) -> dict[str, Any]:
    """Return the values for a dataclass whose keys and kinds are right; lists are not read."""
    name = cls.__name__
    if not isinstance(data, Mapping):
        raise ValueError(f"{name}: {data!r} is no table; give what to_json() writes")  # noqa: TRY004
    known = {field.name: str(field.type) for field in fields(cls)}
    if wrong := known.keys() ^ data.keys():
        raise ValueError(
            f"{name}: {', '.join(sorted(map(str, wrong)))} missing or unknown; give exactly the "
            "keys that to_json() writes"
        )
    for key, kind in known.items():
        kinds = _KINDS.get(kind)
        value = data[key]
        if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and kind != "bool")):
            raise ValueError(f"{name}: {key} holds {value!r}; give {kind}")
    return dict(data)


def rows(name: str, value: object) -> list[Any]:
    """Return a list as it is; ValueError for anything else."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} holds {value!r}; give a list")  # noqa: TRY004
    return list(value)
