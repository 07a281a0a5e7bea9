"""The columns of a profile by module, each declared once, for every format that shows one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from convbench.core import text as show
from convbench.core.costs import FIELDS
from convbench.core.errors import ConvbenchError
from convbench.core.registry import Registry
from convbench.core.units import REAL, Kind

if TYPE_CHECKING:
    from convbench.counting.engine.profile import ModuleCost, Profile


class ColumnError(ConvbenchError):
    """A column of which this profile has no numbers."""


Needs = Literal["", "shapes", "backward"]


@dataclass(frozen=True)
class ProfileColumn:
    """A column: a value of each module, with everything inside it.

    Attributes:
        name: in data, and on the command line.
        title: a narrow heading.
        note: what it is, with its convention and its unit.
        value: what it holds, from the module and the whole.
        kind: of the values; "shapes" are the different ones of all calls, each a tuple with the
            shape of every tensor; "axes" is one number for each axis.
        needs: what must have been counted for it.

    """

    name: str
    title: str
    note: str
    value: Callable[[ModuleCost, ModuleCost], Any]
    kind: Kind | Literal["shapes", "axes"] = "count"
    needs: Needs = ""

    @property
    def numeric(self) -> bool:
        """Whether the values are single numbers."""
        return self.kind not in {"text", "shapes", "axes"}

    def text(self, value: Any, *, full: bool = False) -> str:
        """Return a value for a reader; `full`: a count with all its digits."""
        if self.kind == "shapes":
            return _shapes(value)
        if self.kind == "axes":
            return "×".join(map(str, value)) or show.MISSING
        return f"{value:,}" if full and self.kind == "count" else show.cell(value, self.kind)


def _shapes(calls: Sequence[Sequence[Sequence[int]]]) -> str:
    """Return the shapes of the first call, and how many others there are."""
    if not calls:
        return show.MISSING
    first = ["×".join(map(str, shape)) or "scalar" for shape in calls[0]]
    others = f" (first of {len(calls)})" if len(calls) > 1 else ""
    return (show.listing(first, most=2) or show.MISSING) + others


COLUMNS: Final[Registry[ProfileColumn]] = Registry("column of a profile")
"""Every column by name, in the order in which formats for data have them."""


def _share(part: ModuleCost, whole: ModuleCost) -> float:
    return part.counts.multiplications / max(whole.counts.multiplications, 1)


for _column in (
    ProfileColumn("calls", "calls", "times that it was called", lambda m, _: m.visits, "integer"),
    ProfileColumn(
        "input",
        "input",
        "shapes of the tensors that a call takes",
        lambda m, _: _distinct(call[0] for call in m.shapes),
        "shapes",
        "shapes",
    ),
    ProfileColumn(
        "output",
        "output",
        "shapes of the tensors that a call returns",
        lambda m, _: _distinct(call[1] for call in m.shapes),
        "shapes",
        "shapes",
    ),
    ProfileColumn(
        "kernel",
        "kernel",
        "taps on each axis, of layers of PyTorch that convolve or pool",
        lambda m, _: m.kernel,
        "axes",
        "shapes",
    ),
    ProfileColumn(
        "multiplications",
        "MACs",
        "multiplications forward, each with its addition (1 MAC = 2 FLOPs), taps on padding "
        "included",
        lambda m, _: m.counts.multiplications,
    ),
    ProfileColumn(
        "multiplications_valid",
        FIELDS["multiplications_valid"].title,
        "MACs forward without taps on padding",
        lambda m, _: m.counts.multiplications_valid,
    ),
    ProfileColumn(
        "flops",
        "FLOPs",
        "2 for each MAC forward; bias, normalisation and elementwise work are not in it",
        lambda m, _: 2 * m.counts.multiplications,
    ),
    ProfileColumn("share", "% of MACs", "MACs forward, of those of the whole", _share, "share"),
    ProfileColumn(
        "backward",
        "MACs backward",
        "MACs of the backward pass, which are not in the column MACs",
        lambda m, _: m.backward.multiplications,
        needs="backward",
    ),
    ProfileColumn(
        "elementwise",
        FIELDS["elementwise"].title,
        f"{FIELDS['elementwise'].note}; forward",
        lambda m, _: m.counts.normalisation + m.counts.elementwise,
    ),
    ProfileColumn(
        "parameters",
        FIELDS["parameters"].title,
        FIELDS["parameters"].note,
        lambda m, _: m.parameters,
    ),
    ProfileColumn(
        "trainable",
        "trainable",
        "those of the parameters that require a gradient",
        lambda m, _: m.parameters - m.frozen,
    ),
    ProfileColumn(
        "frozen",
        "frozen",
        "those of the parameters that require no gradient",
        lambda m, _: m.frozen,
    ),
    ProfileColumn(
        "activations",
        FIELDS["activations"].title,
        FIELDS["activations"].note,
        lambda m, _: m.counts.activations,
    ),
    ProfileColumn(
        "bytes_read",
        "read",
        "bytes of inputs and weights, each read once an operator, forward",
        lambda m, _: m.counts.bytes_read,
        "bytes",
    ),
    ProfileColumn(
        "bytes_written",
        "written",
        "bytes of outputs, each written once an operator, forward",
        lambda m, _: m.counts.bytes_written,
        "bytes",
    ),
    ProfileColumn(
        "bytes_moved",
        "moved",
        "bytes read and written: the least that an unfused program moves forward",
        lambda m, _: m.counts.bytes_moved,
        "bytes",
    ),
):
    COLUMNS.register(_column.name)(_column)
    if _column.title.lower() != _column.name:  # what a reader sees can be asked for too
        COLUMNS.alias(_column.title.lower(), _column.name)
COLUMNS.alias("params", "parameters")  # as `report --columns` has it

SHOWN: Final = (
    "multiplications", "share", "backward", "parameters", "output", "bytes_moved", "elementwise",
    "kernel",
)  # fmt: skip
"""What is shown to a reader who chose nothing; where space is short, the last are left out."""


def _distinct(shapes: Iterator[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(shapes))


def column_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a column's values."""
    column = COLUMNS[name]
    found: dict[str, Any] = {"type": "number" if column.kind in REAL else "integer", "minimum": 0}
    for _ in range({"axes": 1, "shapes": 3}.get(column.kind, 0)):
        found = {"type": "array", "items": found}
    return {**found, "description": f"{show.capital(column.note)}."}


class ModuleRow(NamedTuple):
    """A module in a table: its depth, what it is, and the values of the columns."""

    level: int
    part: ModuleCost
    values: tuple[Any, ...]


class ModuleTable(NamedTuple):
    """The modules of a profile in chosen columns, which are by name."""

    columns: dict[str, ProfileColumn]
    rows: tuple[ModuleRow, ...]


def needs_shapes(names: Sequence[str]) -> bool:
    """Tell whether columns hold what `profile` notes with shapes=True only."""
    return any(COLUMNS[name].needs == "shapes" for name in names)


def module_table(
    profile: Profile,
    columns: Sequence[str] = SHOWN,
    *,
    depth: int | None = None,
    sort: str | None = None,
) -> ModuleTable:
    """Return one row a module, the whole first, each followed by what is inside it.

    columns: names in COLUMNS; of SHOWN, and of all, those that the profile has. depth: levels below
    the whole. sort: the column by which those inside one module are put in order, the largest
    first; else they are in the order of the tree. Raises UnknownNameError for a name, ColumnError
    for a column that this profile does not have.
    """
    has = {"": True, "shapes": profile.shapes is not None, "backward": profile.differentiated}
    offered = {*SHOWN, *COLUMNS} if tuple(columns) in {SHOWN, tuple(COLUMNS)} else set()
    chosen: dict[str, ProfileColumn] = {}
    for name in (*columns, *([sort] if sort else ())):
        column = COLUMNS[name]
        if not has[column.needs]:
            if name in offered and name != sort:
                continue
            raise ColumnError(
                f"This profile has no column {name}, which needs {column.needs}=True (--"
                f"{column.needs} on the command line): profile with it, or leave the column out."
            )
        if name in columns:
            chosen[column.name] = column
    whole = profile.by_module
    by = COLUMNS[sort] if sort else None

    def rows(level: int, part: ModuleCost) -> Iterator[ModuleRow]:
        yield ModuleRow(level, part, tuple(c.value(part, whole) for c in chosen.values()))
        if depth is not None and level >= depth:
            return
        inside = part.children
        if by is not None:
            inside = tuple(sorted(inside, key=lambda m: by.value(m, whole), reverse=True))
        for child in inside:
            yield from rows(level + 1, child)

    return ModuleTable(chosen, tuple(rows(0, whole)))
