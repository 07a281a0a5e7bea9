"""Suites: TOML files of grids, and the cases they expand to. No torch here."""

from __future__ import annotations

import difflib
import itertools
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from convbench.convs.base import TYPES, ConvType, make
from convbench.core.errors import SuiteError, UnknownNameError
from convbench.core.files import opened
from convbench.core.reading import (
    Table,
    grid,
    read_bool,
    read_counts,
    read_names,
    read_number,
    read_size,
)
from convbench.core.spec import ConvSpec
from convbench.networks.base import NETWORKS
from convbench.runs.conditions import AXES

LEAST_SELF_CHECK: Final = 1.0
MOST_SELF_CHECK: Final = 3600.0
MOST_PROCESSES: Final = 100
MOST_ROUNDS: Final = 1_000_000
MOST_SECONDS: Final = 86400.0
LEAST_SECONDS: Final = 5.0
MOST_CASES: Final = 100_000
"""Of a run: to expand so many took 40 s, and a day, the longest budget, has 0.9 s for each."""
_MOST_TEXT: Final = 100_000
_MOST_BYTES: Final = 4 * _MOST_TEXT
SATURATE: Final = "saturate"
"""A batch that doubles, see `runs.saturation`."""
BATCHES: Final = tuple(2**power for power in range(11))
"""What is tried of it, in this order: 1 to 1024."""
BUILT_IN: Final = ("quick", "default", "full", "gpu", "example")
_SLOT_NUMBERS: Final = ("in_channels", "out_channels", "batch", "scale")
_SLOT_SIZES: Final = ("input_size", "kernel_size", "stride", "padding", "dilation")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How often a group is measured, as far as the budget of the run allows.

    processes: each measures the whole group; where verdicts are open there are more.
    min_rounds, max_rounds: in each process.
    """

    processes: int = 10
    min_rounds: int = 4
    max_rounds: int = 16


@dataclass(frozen=True, kw_only=True)
class SlotGroup:
    """One slot and all that compete in it; saturates: its batch is one of those that double."""

    spec: ConvSpec
    competitors: tuple[ConvType, ...]
    block: bool
    baseline: str | None
    timing: Timing
    saturates: bool = False

    @property
    def cases(self) -> int:
        """How many cases it has under one condition."""
        return len(self.competitors)


@dataclass(frozen=True, kw_only=True)
class NetworkGroup:
    """Networks that get the same input; saturates: as of a slot."""

    names: tuple[str, ...]
    size: tuple[int, ...]
    batch: int
    timing: Timing
    saturates: bool = False

    @property
    def cases(self) -> int:
        """How many cases it has under one condition."""
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What a run does: groups, each measured for every data type and layout."""

    name: str
    description: str
    groups: tuple[SlotGroup | NetworkGroup, ...]
    axes: dict[str, tuple[Any, ...]]
    """What the file says of axes; those it does not name have one value, the default."""
    self_check: float = 2.0
    """Seconds for the machine to be measured against itself before anything else; 0 for none."""
    budget: float | None = None
    """Seconds for the whole run under one condition; None for as long as its groups suggest."""

    @property
    def spatial_axes(self) -> int:
        """The most spatial axes that one of its slots or networks has."""
        return max(
            group.spec.dims if isinstance(group, SlotGroup) else len(group.size)
            for group in self.groups
        )

    @property
    def cases(self) -> int:
        """How many cases there are under one condition, those that do not fit included."""
        return sum(group.cases for group in self.groups)


def load_suite(name: str) -> Suite:
    """Read a built-in suite by name, or a TOML file by path.

    Raises UnknownNameError for a name that is neither, SuiteError naming file, key and value.
    """
    return parse_suite(suite_text(name), name)


def suite_text(name: str) -> str:
    """Return the TOML text of a built-in suite or a file; raises as `load_suite` does."""
    if name in BUILT_IN:
        return (Path(__file__).parent / "suites" / f"{name}.toml").read_text(encoding="utf-8")
    if not name.endswith(".toml"):
        near = difflib.get_close_matches(name, BUILT_IN, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(BUILT_IN)}."
        raise UnknownNameError(
            f"There is no suite {name!r:.200}. {hint} A suite of your own is a file that "
            "ends in .toml."
        )
    try:
        with opened(Path(name)) as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise SuiteError(f"Suite {name} is longer than a suite may be: give a shorter one.")
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SuiteError(f"Suite {name} cannot be read: {why}. Check the path.") from None


_TOML_PARTS: Final = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*''', re.DOTALL
)
"""Strings of every kind of TOML, in which a # begins no comment; and comments."""
_LONG_KEY: Final = re.compile(r"(?:\.\s*+[\w-]*+\s*+){32}")
"""A dotted key, its strings taken out, of more parts than any: tomllib takes their square."""


def without_comments(text: str) -> str:
    """Return TOML text without its comments: what a run keeps of its suite."""
    return _TOML_PARTS.sub(lambda part: "" if part[0][0] == "#" else part[0], text)


def parse_suite(text: str, where: str) -> Suite:
    """Read a suite from TOML text; `where` names it in messages."""
    table = Table(where, "", _toml(text, where))
    name = table.take("name", Path(where).stem)
    if not isinstance(name, str) or not name or any(c in name for c in "/\\\0") or name[0] == ".":
        table.wrong("name", name, "a plain word: the run's folder is named by it")
    chosen = read_axes(table.table("axes"))
    timing_table = table.table("timing")
    timing = _timing(timing_table, Timing())
    self_check = read_number(timing_table, "self_check", 2.0, whole=False, least=0)
    if self_check and not LEAST_SELF_CHECK <= self_check <= MOST_SELF_CHECK:
        bounds = f"{LEAST_SELF_CHECK:g} to {MOST_SELF_CHECK:g}"
        timing_table.wrong("self_check", self_check, f"0 for none, or {bounds}")
    budget = timing_table.take("budget", None)
    if budget is not None:
        budget = read_number(timing_table, "budget", budget, whole=False, least=LEAST_SECONDS)
        if budget > MOST_SECONDS:
            timing_table.wrong("budget", budget, f"at most {MOST_SECONDS:g}")
    timing_table.finish()
    groups = _groups(table, timing)
    description = str(table.take("description", ""))
    table.finish()
    if not groups:
        raise SuiteError(f"{where} has no [[slots]] and no [[networks]]: give it one of them.")
    return Suite(
        name=name,
        description=description,
        groups=groups,
        axes=chosen,
        self_check=float(self_check),
        budget=None if budget is None else float(budget),
    )


def _toml(text: str, where: str) -> dict[str, Any]:
    """Read TOML; SuiteError for what is none, and for what would take minutes to read."""
    if len(text) > _MOST_TEXT:
        raise SuiteError(
            f"{where} has {len(text):,} characters and may have {_MOST_TEXT:,}: give a shorter one."
        )
    try:
        if _LONG_KEY.search(_TOML_PARTS.sub("", text)):
            raise ValueError("a key has more than 32 parts")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        if "set_int_max_str_digits" in why:
            why = "a number has too many digits"
        raise SuiteError(f"{where} is not TOML: {why}. Mend that line.") from None


def read_axes(table: Table) -> dict[str, tuple[Any, ...]]:
    """Read the values of axes, each once; SuiteError for an axis or a value that there is not."""
    found = {
        axis: read_counts(table, axis) if known is None else read_names(table, axis, (), known)
        for axis, known in AXES.items()
        if table.take(axis, None) is not None
    }
    table.finish()
    return found


def _groups(table: Table, timing: Timing) -> tuple[SlotGroup | NetworkGroup, ...]:
    """Expand the tables [[slots]] and [[networks]]; SuiteError for more than MOST_CASES."""
    found: list[SlotGroup | NetworkGroup] = []
    cases = 0
    for key, expanded in (("slots", _slots), ("networks", _networks)):
        for part in table.tables(key):
            for group in expanded(part, timing):
                found.append(group)
                cases += group.cases
                if cases > MOST_CASES:
                    raise _too_many(part)
    return tuple(found)


def _too_many(table: Table) -> SuiteError:
    return SuiteError(
        f"{table.place} brings the suite above {MOST_CASES:,} cases, the most of a run: give "
        "shorter lists."
    )


def _timing(table: Table, default: Timing) -> Timing:
    values = {
        item.name: read_number(
            table,
            item.name,
            getattr(default, item.name),
            whole=isinstance(getattr(Timing, item.name), int),
        )
        for item in fields(Timing)
    }
    timing = Timing(**values)
    for key, most in (("processes", MOST_PROCESSES), ("max_rounds", MOST_ROUNDS)):
        if (value := getattr(timing, key)) > most:
            table.wrong(key, value, f"at most {most:,}")
    if timing.max_rounds < timing.min_rounds:
        table.wrong("max_rounds", timing.max_rounds, f"at least min_rounds ({timing.min_rounds})")
    return timing


def _slots(  # noqa: C901  one key after another
    table: Table, default: Timing
) -> Iterator[SlotGroup]:
    """Expand one [[slots]] table: every combination of its lists."""
    table.take("title", "")
    timing = _timing(table, default)
    blocks = [
        read_bool(table, "block", value) for value in grid(table.take("block", default=False))
    ]
    baseline = table.take("baseline", None)
    if baseline is not None:
        _known(table, "baseline", baseline)
    competitors = _competitors(table)
    if baseline is not None and baseline not in {name for name, _ in competitors}:
        table.wrong("baseline", baseline, "one of the slot's own types")
    saturates = table.take("batch", 1) == SATURATE
    choices: dict[str, list[Any]] = {}
    for key in _SLOT_NUMBERS + _SLOT_SIZES + ("bias",):
        if (value := table.take(key, None)) is None:
            continue
        reader = read_size if key in _SLOT_SIZES else lambda _table, _key, item: item
        if value == []:
            table.wrong(key, value, "one value or more")
        if saturates and key == "batch":
            value = list(BATCHES)
        choices[key] = [reader(table, key, item) for item in grid(value)]
    table.finish()
    for key in ("in_channels", "out_channels", "input_size", "kernel_size"):
        if key not in choices:
            table.missing(key)
    for combination in itertools.product(*choices.values()):
        try:
            spec = ConvSpec(**dict(zip(choices, combination, strict=True)))
        except ValueError as error:
            raise SuiteError(f"{table.place}: {error}") from None
        for block in blocks:
            yield SlotGroup(
                spec=spec,
                competitors=tuple(make(n, {**knobs, "block": block}) for n, knobs in competitors),
                block=block,
                baseline=baseline,
                timing=timing,
                saturates=saturates,
            )


def _competitors(table: Table) -> list[tuple[str, dict[str, Any]]]:
    """Read `types`: "all", or a list of names and of tables {type = …, knob = value or list}."""
    given = table.take("types", "all")
    if given == "all":
        return [(name, {}) for name in TYPES]
    if not isinstance(given, list) or not given:
        table.wrong("types", given, '"all", or a list of type names and tables')
    kinds: dict[ConvType, tuple[str, dict[str, Any]]] = {}
    for entry in given:
        knobs = dict(entry) if isinstance(entry, dict) else {"type": entry}
        name = knobs.pop("type", None)
        _known(table, "types", name)
        if "block" in knobs:
            table.wrong("types", entry, "block = true in the slot, for all its types")
        _check_values(table, knobs)
        if math.prod(len(grid(value)) for value in knobs.values()) > MOST_CASES:
            raise _too_many(table)
        for values in itertools.product(*(grid(value) for value in knobs.values())):
            chosen = dict(zip(knobs, values, strict=True))
            try:
                kinds.setdefault(make(name, chosen), (name, chosen))
            except (ValueError, TypeError) as error:
                raise SuiteError(f"{table.place}, types: {error}") from None
    return list(kinds.values())


def _check_values(table: Table, knobs: dict[str, Any]) -> None:
    for key, value in knobs.items():
        if value == []:
            table.wrong(key, value, "one value or more")
        if any(isinstance(one, dict | list) for one in grid(value)):
            table.wrong(key, value, "a number, text, true or false, or a list of these")


def _known(table: Table, key: str, name: Any) -> None:
    if not isinstance(name, str):
        table.wrong(key, name, "the name of a convolution type")
    try:
        TYPES[name]
    except UnknownNameError as error:
        raise SuiteError(f"{table.place}, {key}: {error}") from None


def _networks(table: Table, default: Timing) -> Iterator[NetworkGroup]:
    """Expand one [[networks]] table."""
    table.take("title", "")
    timing = _timing(table, default)
    given = table.take("names", "all")
    names = [name for name in NETWORKS if NETWORKS[name].in_all] if given == "all" else given
    if not isinstance(names, list) or not names:
        table.wrong("names", given, '"all", or a list of network names')
    for name in names:
        if not isinstance(name, str):
            table.wrong("names", name, "the name of a network, in quotes")
        try:
            NETWORKS[name]
        except UnknownNameError as error:
            raise SuiteError(f"{table.place}, names: {error}") from None
    sizes = [read_size(table, "input_size", v) for v in grid(table.take("input_size", "224x224"))]
    given = table.take("batch", 1)
    saturates = given == SATURATE
    batches = BATCHES if saturates else grid(given)
    table.finish()
    for size, batch in itertools.product(sizes, batches):
        if not isinstance(size, tuple) or len(size) != 2 or min(size) < 1:  # noqa: PLR2004  H, W
            table.wrong("input_size", size, 'a size such as "256x128"')
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            table.wrong("batch", batch, f'a whole number of at least 1, or "{SATURATE}" alone')
        yield NetworkGroup(
            names=tuple(dict.fromkeys(names)),
            size=size,
            batch=batch,
            timing=timing,
            saturates=saturates,
        )
