"""One table of a run by itself, in the columns that a paper or a slide wants.

`run -> one_table -> OneTable`, which the formats of `renderers.TABLES` write as one file each. It
is made of the run's rows, so that it does not depend on how a report lays out its tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from convbench.clock.samples import NO_KERNELS
from convbench.clock.samples import TIME as CALL
from convbench.core import text as show
from convbench.core.errors import UnknownNameError
from convbench.core.intervals import WORDS, Interval, RatioInterval
from convbench.core.units import Kind
from convbench.report.contents import contents
from convbench.report.document import Column, Table
from convbench.report.findings import main_group
from convbench.report.groups import groups
from convbench.report.intervals import Written, table_note
from convbench.report.phrases import WITHIN
from convbench.runs.columns import COLUMNS, LISTED, TIME, derived
from convbench.runs.frame import columns_of
from convbench.runs.launching import CONVENTIONS
from convbench.runs.titles import slot_title, titles

if TYPE_CHECKING:
    from convbench.report.groups import Group
    from convbench.runs.frame import Row
    from convbench.runs.record import Run

MAIN: Final = "main"
"""The group of types that the findings of a report are about."""
DEFAULT: Final = ("type", "macs", "params", "time", "ratio", "verdict")
"""Keys of the columns that a table of a group has unless a user asks for others."""
_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_UNIT_NAMES: Final = {**dict(zip(_UNITS, _UNITS, strict=True)), "us": "µs"}
_DIGITS: Final[dict[Kind, int]] = {"seconds": 3, "count": 4, "bytes": 3}
"""Digits of the kinds whose unit stands in the head of a column."""
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_THOUSAND: Final = 1000
_IN_FULL: Final = 1_000_000
"""Counts that are all below are shown in full."""


@dataclass(frozen=True, kw_only=True)
class OneTable:
    """A table by itself.

    Attributes:
        raw: its values, for formats that are for data; a time is in the unit that was asked for.
        shown: as it is read: the head of a column names its unit, a value has what is known around
            it.
        note: what its numbers are and how sure they are, in sentences; may be empty.

    """

    raw: Table
    shown: Table
    note: str


class _Choice(NamedTuple):
    """A column that can be asked for: its name, what it holds of a row, and what that is."""

    name: str
    kind: Kind
    value: Callable[[Row], Any]
    note: str = ""


_Filled: TypeAlias = tuple[Column, list[Any]]
"""A column and its values."""


def _counted(name: str, key: str, *, times: int = 1, note: str = "") -> _Choice:
    def value(row: Row) -> Any:
        found = derived(row.record)[key]
        return None if found is None else times * found

    kind: Kind = "bytes" if LISTED[key].kind == "bytes" else "count"
    return _Choice(name, kind, value, note or LISTED[key].note)


def _beside(row: Row) -> float | RatioInterval | None:
    """Return the ratio of times; 1 for the baseline itself, where it was timed."""
    return 1.0 if row.is_baseline and row.seconds else row.time


def _verdict(row: Row) -> str | None:
    found = COLUMNS["verdict"].value(row)
    return WORDS.get(found, found) if found else None


def _speedup(row: Row) -> float | RatioInterval | None:
    found = _beside(row)
    return found.inverse() if isinstance(found, RatioInterval) else found


_TIME: Final = _Choice("time", "seconds", lambda row: row.seconds, f"of one call, {TIME}")
CHOICES: Final[dict[str, _Choice]] = {
    "type": _Choice("type", "text", lambda row: row.record.label),
    "slot": _Choice("slot", "text", lambda row: slot_title(row.record)),
    "macs": _counted("MACs", "multiplications", note="multiplications of one forward pass"),
    "flops": _counted(
        "FLOPs", "multiplications", times=2, note="two for each MAC, taps on padding included"
    ),
    "params": _counted("parameters", "parameters"),
    "bytes": _counted("bytes moved", "bytes_moved"),
    "macs_ratio": _Choice("MACs ÷ baseline", "ratio", lambda row: row.multiplications),
    "params_ratio": _Choice("parameters ÷ baseline", "ratio", lambda row: row.parameters),
    "time": _TIME,
    **dict.fromkeys(_UNITS, _TIME),
    "ratio": _Choice("time ÷ baseline", "ratio", _beside, "below 1 is faster"),
    "speedup": _Choice("speed-up", "ratio", _speedup, "time of baseline ÷ time"),
    "verdict": _Choice(
        "verdict", "text", _verdict,
        "faster or slower where the whole interval of the ratio lies on one side of 1, same where "
        f"it lies within {WITHIN} of 1, else inconclusive",
    ),
    "gives_up": _Choice("gives up", "text", lambda row: row.record.caveat.text or None),
}  # fmt: skip
"""Columns by the keys that a user writes, beside those of the run's frame."""


def one_table(run: Run, name: str = MAIN, keys: Sequence[str] = ()) -> OneTable:
    """Return a table of a run by itself.

    Args:
        run: what is reported.
        name: "main", the readable or the short name of a group, or the id of a table that a report
            of the run has once, such as "overview".
        keys: of its columns, in their order; none for those of `DEFAULT`, or all that the report's
            table has. A table of a group has those of `CHOICES` and the columns of the run's frame.

    Raises:
        UnknownNameError: a table or column that there is not; the message lists those there are.

    """
    keys = list(dict.fromkeys(keys))
    found = groups(run)
    named = titles(run.records)
    by_name = {named.groups[group.label]: group for group in found}
    if first := main_group(found) or next(iter(found), None):
        by_name = {MAIN: first, **by_name}
    short = {group.label: group for group in found}
    if group := by_name.get(name) or short.get(name):
        identity = MAIN if name == MAIN else re.sub(r"\W+", "-", named.groups[group.label])
        what = "convolution types, " if group.kind == "type" else ""
        under = f" ({named.shared})" if named.shared else ""
        caption = f"Cost and time of {what}{named.groups[group.label]}{under}"
        return _of_group(run, group, keys or DEFAULT, {"id": identity, "caption": caption})
    tables = [block for block in contents(run).walk() if isinstance(block, Table)]
    whole = {table.id: table for table in tables if not table.part}
    if name not in whole:
        known = "; ".join([*by_name, *whole])
        raise UnknownNameError(f"This run has no table {name!r}. Its tables: {known or 'none'}.")
    return _of_report(whole[name], keys)


def _of_report(table: Table, keys: Sequence[str]) -> OneTable:
    own = [column.key for column in table.columns]
    _check(keys, own, f"The table {table.id} has {', '.join(own)}.")
    places = [own.index(key) for key in keys or own]
    chosen = replace(
        table,
        columns=tuple(table.columns[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in table.rows),
    )
    return OneTable(raw=chosen, shown=chosen, note=table_note(chosen))


def _check(keys: Sequence[str], known: Collection[str], has: str) -> None:
    if missing := [key for key in keys if key not in known]:
        near = [name for key in missing for name in get_close_matches(key, known)]
        hint = f" Did you mean {show.listing(near)}?" if near else ""
        named = show.listing([repr(key) for key in missing])
        raise UnknownNameError(f"There is no column {named}.{hint} {has}")


def _of_group(run: Run, group: Group, keys: Sequence[str], named: dict[str, str]) -> OneTable:
    frame = {
        column.name: _Choice(column.name.replace("_", " "), column.kind, column.value, column.note)
        for column in columns_of(run)
    }
    known = {**frame, **{key: _by(group.clock, choice) for key, choice in CHOICES.items()}}
    has = f"A group has {', '.join(CHOICES)}, and every column of the run's tables/cases.csv."
    _check(keys, known, has)
    rows = [*group.timed, *(row for row in group.derived if not row.seconds)]
    made = [_column(known[key], key, rows, group.baseline_name) for key in keys]
    raw = _table(named, [one for one, _ in made])
    left_out = len(group.rows) - len(rows)
    missing = f" Left out: {show.plural(left_out, 'case')}, skipped or failed." if left_out else ""
    apart = [
        f"{row.record.label} ({row.record.clock} {show.seconds(row.seconds)}{_because(row)})"
        for row in group.apart
        if row.seconds
    ]
    if apart:
        missing += f" Not compared, for want of {group.clock}: {show.listing(apart)}."
    return OneTable(
        raw=raw,
        shown=_table(named, [one for _, one in made]),
        note=table_note(raw) + missing,
    )


def _by(clock: str, choice: _Choice) -> _Choice:
    """Return a choice that names the clock of a GPU where it is a time, or a ratio of times.

    A time by another clock is no value of such a column, and its verdict says which clock it is.
    """
    if clock == CALL:
        return choice
    if choice.value is _verdict:
        return choice._replace(value=lambda row: _verdict(row) or _not_compared(row, clock))
    if not choice.name.startswith("time"):
        return choice
    named = choice._replace(name=choice.name.replace("time", clock, 1))
    if choice is not _TIME:
        return named
    told = [f"{name}: {what}" for name, what in CONVENTIONS.items() if name == clock]
    return named._replace(
        value=lambda row: row.seconds if row.record.clock == clock else None,
        note="; ".join([choice.note, *told]),
    )


def _because(row: Row) -> str:
    return f"; {NO_KERNELS}{row.kernels_untimed}" if row.kernels_untimed else ""


def _not_compared(row: Row, clock: str) -> str | None:
    apart = row.seconds and row.record.clock != clock
    return f"not compared: {row.record.clock}" if apart else None


def _table(named: dict[str, str], columns: Sequence[_Filled]) -> Table:
    return Table(
        **named,
        columns=tuple(column for column, _ in columns),
        rows=tuple(zip(*(values for _, values in columns), strict=True)),
    )


def _column(choice: _Choice, key: str, rows: Sequence[Row], base: str) -> tuple[_Filled, _Filled]:
    """Return a column as raw values, and as it is read."""
    name = choice.name.replace("baseline", base)
    values = [choice.value(row) for row in rows]
    raw = Column(name=name, key=key, kind=choice.kind, note=choice.note.replace("baseline", base))
    if key in _UNITS:
        values = [None if value is None else _divided(value, _UNITS[key]) for value in values]
        raw = replace(raw, kind="ratio")
    unit, scale = (_UNIT_NAMES[key], 1.0) if key in _UNITS else _unit(choice.kind, values)
    shown = Column(name=f"{name} ({unit})" if unit else name, key=key, kind=choice.kind)
    digits = _DIGITS.get(choice.kind, 0)
    texts = [_written(value, scale, digits) if unit else value for value in values]
    return (raw, values), (shown, texts)


def _unit(kind: Kind, values: Sequence[Any]) -> tuple[str, float]:
    """Return the unit that the middle one of the values has, and how much of theirs it is."""
    found = [value.value if isinstance(value, Interval) else value for value in values if value]
    if kind not in _DIGITS or not found:
        return "", 1.0
    if kind == "seconds":
        scale, unit = show.unit_of(median(found))
        return unit, scale
    if kind == "count" and max(found) < _IN_FULL:
        return "", 1.0
    power = min((len(f"{median(found):.0f}") - 1) // 3, len(_PREFIXES) - 1)
    return _PREFIXES[power] + ("B" if kind == "bytes" else ""), float(_THOUSAND**power)


def _divided(value: float | Interval, by: float) -> float | Interval:
    if not isinstance(value, Interval):
        return value / by
    each = tuple(one / by for one in value.each)
    ends = {name: getattr(value, name) / by for name in ("value", "low", "high")}
    return replace(value, each=each, **ends)


def _written(value: float | Interval | None, scale: float, digits: int) -> Written | None:
    """Return a number without its unit, which the head of the column names: 0.258, ± 0.013.

    What is behind it has the digits that the number has, and is rounded up.
    """
    if value is None:
        return None
    found = _divided(value, scale)
    if not isinstance(found, Interval):
        return Written(show.rounded(found, digits))
    text = show.rounded(found.value, digits)
    if show.known(found):
        decimals = len(text.partition(".")[2])
        last = 10.0 ** (int(f"{found.value:.{digits - 1}e}".partition("e")[2]) - digits + 1)
        half = max(found.high - found.value, found.value - found.low) / last
        return Written(text, f"± {math.ceil(half - 1e-9) * last:,.{decimals}f}")
    ends = " … ".join(show.rounded(end(found.each), digits) for end in (min, max) if found.each[1:])
    return Written(text, f"(processes: {ends})" if ends else "")
