"""The grid of a sweep: its fields' values, and parts of it that plans can take as arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from convbench.convs.base import ConvType, make, upsampling
from convbench.core.arithmetic import Quantity
from convbench.core.errors import SpecError
from convbench.core.spec import PER_AXIS, ConvSpec
from convbench.formulas.sweeps.values import MOST, axes_of, entries, label, number_of

SPATIAL: Final = (*PER_AXIS, "scale")
"""The fields that make the rows of a part; all others make its columns."""
SLOT: Final = (*SPATIAL, "in_channels", "out_channels", "batch", "bias")
_NEEDED: Final = ("in_channels", "input_size", "kernel_size")


def _check_number(numbers: Iterable[int]) -> None:
    count = math.prod(numbers)
    if count > MOST:
        raise SpecError(
            f"These lists have {count:,} combinations and a sweep takes {MOST:,}: split it "
            "into several, or give fewer values."
        )


@dataclass(frozen=True)
class Grid:
    """The values of every field, in the caller's order, and how they are handed to plans."""

    kind: ConvType
    dims: int
    values: dict[str, list[Any]]
    forced: bool
    """Whether out_channels is what the type makes of in_channels."""

    @classmethod
    def of(cls, kind: ConvType, base: ConvType | None, grid: Mapping[str, Any]) -> Grid:
        """Check what the caller gives; `base` is the type of the ratio."""
        knobs = {item.name for item in fields(kind)}
        known = (*SLOT, *sorted(knobs))
        if unknown := [field for field in grid if field not in known]:
            raise SpecError(
                f"{', '.join(unknown)}: a sweep of {kind.name} has no such field. It has "
                f"{', '.join(known)}."
            )
        forced = "out_channels" not in grid and kind.forced_outputs(1) is not None
        needed = (*_NEEDED, *([] if forced else ["out_channels"]))
        if kind.upsamples:
            needed = (*needed, "scale")
        if missing := [field for field in needed if field not in grid]:
            raise SpecError(
                f"A sweep of {kind.name} needs {', '.join(missing)}: give a value or a list of "
                "values for each."
            )
        if "scale" in grid and not kind.upsamples:
            raise SpecError(
                f"scale={grid['scale']!r}: {kind.name} does not upsample. Leave it out, or sweep "
                f"{upsampling()}."
            )
        if base is not None and base.upsamples != kind.upsamples:
            raise SpecError(
                f"ratio_to={base.name!r}: {kind.name} and {base.name} never fill the same slot, as "
                "one of them upsamples. Give another type."
            )
        _check_number(number_of(field, given) for field, given in grid.items())
        values = {field: entries(field, given) for field, given in grid.items()}
        for field in knobs & set(values):
            for value in values[field]:
                make(kind.name, {field: value})  # says what is wrong with it
        _check_number(map(len, values.values()))
        return cls(kind, axes_of(values), values, forced)

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields in the table."""
        return (*self.values, *(["out_channels"] if self.forced else []))

    def parts(self) -> Iterator[Part]:
        """Yield the grid in parts in which everything but numbers is the same."""
        groups: list[list[NDArray[Any]]] = [
            [np.asarray(group) for group in self._groups(field)] for field in self.values
        ]
        for chosen in itertools.product(*groups):
            picked = dict(zip(self.values, chosen, strict=True))
            rows = _mesh({field: at for field, at in picked.items() if field in SPATIAL})
            columns = _mesh({field: at for field, at in picked.items() if field not in SPATIAL})
            yield Part(
                grid=self,
                at={
                    **{field: at[:, None] for field, at in rows.items()},
                    **{field: at[None, :] for field, at in columns.items()},
                },
            )

    def _groups(self, field: str) -> list[list[int]]:
        """Return which values of a field can be in one array."""
        values = self.values[field]
        if field == "padding":
            both = (
                [i for i, v in enumerate(values) if (v == "same") is same] for same in (False, True)
            )
            return [group for group in both if group]
        if field in SLOT and field != "bias":
            return [list(range(len(values)))]
        least = {item.name: item.metadata.get("low") for item in fields(self.kind)}.get(field)
        if least is not None and all(type(value) is int for value in values):
            return [list(range(len(values)))]
        return [[index] for index in range(len(values))]

    def labels(self, field: str) -> NDArray[Any]:
        """Return a field's values as they stand in the table."""
        values = self.values[field]
        if all(isinstance(value, int) for value in values):
            return np.asarray(values)
        labels = np.empty(len(values), dtype=object)
        labels[:] = [label(field, value) for value in values]
        return labels


@dataclass(frozen=True)
class Part:
    """Combinations of a grid: for each field the positions of its values, which broadcast."""

    grid: Grid
    at: dict[str, NDArray[Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return np.broadcast_shapes((1, 1), *(at.shape for at in self.at.values()))

    @property
    def size(self) -> int:
        """Number of combinations."""
        rows, columns = self.shape
        return rows * columns

    def kept(self, mask: NDArray[Any]) -> Part:
        """Return the combinations where the mask holds: whole rows and columns if it allows."""
        if mask.all():
            return self
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        if mask[np.ix_(rows, columns)].all():
            at = {
                field: at[rows if len(at) > 1 else slice(None)][
                    :, columns if at.shape[1] > 1 else slice(None)
                ]
                for field, at in self.at.items()
            }
        else:
            where = np.nonzero(mask)
            at = {
                field: np.broadcast_to(at, mask.shape)[where][:, None]
                for field, at in self.at.items()
            }
        return Part(self.grid, at)

    def number(self, field: str, axis: int = 0) -> Quantity:
        """Return a field's numbers, on one axis where it has several: an int or an array."""
        values = self.grid.values[field]
        numbers = np.asarray(
            [v[axis] if isinstance(v, tuple) else 0 if v == "same" else v for v in values]
        )
        found = numbers[self.at[field]]
        first = int(found.flat[0])
        return first if np.all(found == first) else found

    def kind(self) -> ConvType:
        """Return the type with this part's knobs."""
        slot, values = set(SLOT), self.grid.values
        knobs: dict[str, Any] = {}
        for field in values:
            if field not in slot:
                at = self.at[field]
                first = values[field][int(at.flat[0])]
                knobs[field] = first if np.all(at == at.flat[0]) else self.number(field)
        return make(self.grid.kind.name, knobs)

    def spec(self, kind: ConvType) -> ConvSpec:
        """Return the slot, of arrays; SpecError where one of them cannot exist."""
        slot: dict[str, Any] = {}
        for field in self.grid.values:
            if field == "bias":
                slot[field] = self.grid.values[field][int(self.at[field].flat[0])]
            elif field in PER_AXIS:
                first = self.grid.values[field][int(self.at[field].flat[0])]
                per_axis = range(self.grid.dims)
                slot[field] = (
                    first if first == "same" else tuple(self.number(field, a) for a in per_axis)
                )
            elif field in SLOT:
                slot[field] = self.number(field)
        if self.grid.forced:
            slot["out_channels"] = kind.forced_outputs(slot["in_channels"])
        return ConvSpec(**slot)

    def first(self, mask: NDArray[Any]) -> Part:
        """Return the first combination where the mask holds, alone."""
        place = np.unravel_index(int(np.argmax(mask)), mask.shape)
        return Part(
            self.grid,
            {
                field: np.broadcast_to(at, mask.shape)[place].reshape(1, 1)
                for field, at in self.at.items()
            },
        )

    def possible(self) -> NDArray[Any]:
        """Return the mask of the slots that can exist: those with an output, and one stride."""
        found = np.ones(self.shape, dtype=bool)
        upsamples = "scale" in self.grid.values
        for axis in range(self.grid.dims):
            size, kernel, stride, dilation, padding = (
                self.number(field, axis) if field in self.grid.values else default
                for field, default in _DEFAULTS.items()
            )
            if upsamples:
                found &= np.equal(stride, 1)
            if self._is_same():
                continue
            reach = dilation * (kernel - 1) + 1
            if upsamples:
                found &= (size - 1) * self.number("scale") - 2 * padding + reach >= 1
            else:
                found &= size + 2 * padding >= reach
        return found

    def _is_same(self) -> bool:
        at = self.at.get("padding")
        return at is not None and self.grid.values["padding"][int(at.flat[0])] == "same"

    def places(self) -> Quantity:
        """Return where each combination stands in the order of itertools.product."""
        place: Quantity = 0
        for field, values in self.grid.values.items():
            place = place * len(values) + self.at[field]
        return place

    def fields(self) -> dict[str, Quantity]:
        """Return the values of every field as they stand in the table."""
        found = {field: self.grid.labels(field)[self.at[field]] for field in self.grid.values}
        if self.grid.forced:
            found["out_channels"] = self.kind().forced_outputs(self.number("in_channels"))
        return found


_DEFAULTS: Final = {"input_size": 1, "kernel_size": 1, "stride": 1, "dilation": 1, "padding": 0}


def _mesh(at: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the combinations of positions, the last field's changing fastest."""
    grids = np.meshgrid(*at.values(), indexing="ij")
    return {field: grid.ravel() for field, grid in zip(at, grids, strict=True)}
