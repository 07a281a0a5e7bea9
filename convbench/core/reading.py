"""Reading TOML tables so that every mistake names the file, the key and the value."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from convbench.core.errors import SuiteError


@dataclass
class Table:
    """One table of a TOML file; keys are taken from it, and `finish` complains of those left."""

    where: str
    name: str
    data: dict[str, Any]
    taken: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The file and the table, for messages."""
        return f"{self.where}, {self.name}" if self.name else self.where

    def take(self, key: str, default: Any) -> Any:
        """Return the value of `key`, or the default."""
        self.taken.append(key)
        return self.data.get(key, default)

    def table(self, key: str) -> Table:
        """Return the table [key], empty where the file has none."""
        value = self.take(key, {})
        if not isinstance(value, dict):
            self.wrong(key, value, f"a table: write [{key}]")
        return Table(self.where, f"[{key}]", value)

    def tables(self, key: str) -> list[Table]:
        """Return the tables [[key]]."""
        value = self.take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(key, value, f"tables: write [[{key}]]")
        return [
            Table(self.where, f"[[{key}]] number {number}", item)
            for number, item in enumerate(value, start=1)
        ]

    def wrong(self, key: str, value: Any, wanted: str) -> NoReturn:
        """Raise SuiteError: this key has this value, and should have that."""
        raise SuiteError(f"{self.place}: {key} = {value!r:.200} is wrong; give {wanted}.")

    def missing(self, key: str) -> NoReturn:
        """Raise SuiteError: the key is needed."""
        raise SuiteError(f"{self.place}: {key} is missing; give it.")

    def finish(self) -> None:
        """Raise SuiteError for a key that nobody took."""
        for key, value in self.data.items():
            if key not in self.taken:
                near = difflib.get_close_matches(key, self.taken, n=1)
                hint = (
                    f"Did you mean {near[0]}?"
                    if near
                    else f"Known: {', '.join(dict.fromkeys(self.taken))}."
                )
                shown = key if key.isidentifier() else repr(key)
                said = f"{shown:.80} = {value!r:.200}"
                raise SuiteError(f"{self.place}: {said} is not a known key. {hint}")


def grid(value: Any) -> list[Any]:
    """Return the alternatives that a value stands for: a list's items, or the value alone."""
    return value if isinstance(value, list) else [value]


def read_size(table: Table, key: str, value: Any) -> Any:
    """Read "56x56" or "56×56" as (56, 56), a number as itself, 'same' as itself."""
    if isinstance(value, str) and value != "same":
        try:
            sizes = parse_size(value)
        except ValueError:
            table.wrong(key, value, 'a number, or numbers with x between, such as "56x56"')
        return sizes if len(sizes) > 1 or key == "input_size" else sizes[0]
    if key == "input_size" and isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    return value


def parse_size(text: str) -> tuple[int, ...]:
    """Read "7x7" or "7×7" as (7, 7); ValueError for anything else."""
    return tuple(int(part) for part in text.lower().replace("×", "x").split("x"))


def decimal(text: str) -> int | None:
    """Return the whole number that a text of digits is; None for all else, and beyond 18 digits."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


_MOST_DIGITS: Final = 18
"""Of a number that a text may be: Python reads no more than some thousands of them."""


def read_number(
    table: Table, key: str, default: Any, *, whole: bool, least: float | None = None
) -> Any:
    """Read a positive number, or one of at least `least`."""
    value = table.take(key, default)
    kinds = (int,) if whole else (int, float)
    low_enough = least if least is not None else 0
    good = isinstance(value, kinds) and not isinstance(value, bool) and value < float("inf")
    if not good or value < low_enough or (least is None and value == 0):
        sort = "whole number" if whole else "number"
        bound = f"a {sort} of at least {least:g}" if least is not None else f"a positive {sort}"
        table.wrong(key, value, bound)
    return value


def read_counts(table: Table, key: str) -> tuple[int, ...]:
    """Read one positive whole number, or a list of them."""
    values = grid(table.take(key, None))
    for value in values or [None]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            table.wrong(key, value, "a positive whole number, or a list of them")
    return tuple(dict.fromkeys(values))


def read_bool(table: Table, key: str, value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        table.wrong(key, value, "true or false")
    return value


def read_names(
    table: Table, key: str, default: tuple[str, ...], known: tuple[str, ...]
) -> tuple[str, ...]:
    """Read one of the known words, or a list of them."""
    values = grid(table.take(key, list(default)))
    if not values:
        table.wrong(key, values, f"one or more of {', '.join(known)}")
    for value in values:
        if value not in known:
            near = difflib.get_close_matches(str(value), known, n=1)
            hint = f"{near[0]} (known: {', '.join(known)})" if near else ", ".join(known)
            table.wrong(key, value, hint)
    return tuple(dict.fromkeys(values))
