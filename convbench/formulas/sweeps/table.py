"""sweep: from a grid to a DataFrame.

The plans' arithmetic holds for NumPy arrays, so a sweep is a plan read once with arrays. The
combinations of the spatial fields are the rows of a part and those of the other fields its
columns, so what depends on one of them is computed once for each and not for every pair.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from convbench.convs.base import ConvType, make
from convbench.core.costs import SUMMED, peak_live
from convbench.core.errors import SpecError
from convbench.core.steps import flatten
from convbench.formulas.sweeps.grid import Grid, Part

if TYPE_CHECKING:
    import pandas as pd
COUNTS: Final = (*SUMMED, "peak_live")
"""The columns of counts, as `Cost` explains them."""
_LIMIT: Final = 2**63
_TOO_LARGE: Final = (
    "A count of this sweep passes 2**63, which 64-bit arrays cannot hold: give smaller sizes, or "
    "take the large ones one by one with convbench.cost, which has no limit."
)


def sweep(name: str, *, ratio_to: str | None = None, **grid: Any) -> pd.DataFrame:
    """Return the cost of every combination of `grid` that the type `name` fits, as a DataFrame.

    grid: fields of ConvSpec and knobs of the type, each a value or a list of values (an array and a
    range are lists). input_size, kernel_size, stride, padding and dilation take whole numbers, or
    "56x28" or (56, 28) if axes differ. An input_size of one number has one axis; all combinations
    have the same number of axes. padding also takes 'same'. out_channels can be left out if the
    type determines it. ratio_to: another type, with its default knobs: the column `ratio` has the
    multiplications divided by those of that type (NaN where that type does not fit).

    Columns: the fields of `grid` and out_channels, then COUNTS. Rows are in the order of
    itertools.product. `frame.attrs["left_out"]` has the number of combinations that do not fit
    ("number") and their reasons ("reasons": reason -> number). A million combinations take about a
    second.

    Raises UnknownNameError for an unknown type; SpecError for an unknown field or knob, an invalid
    value, too many combinations, or a count of 2**63 or more.

    >>> frame = sweep("depthwise", in_channels=[32, 64], input_size="56x56", kernel_size=[3, 5])
    >>> frame[["in_channels", "kernel_size", "out_channels", "multiplications"]].values.tolist()
    [[32, 3, 32, 839808], [32, 5, 32, 2163200], [64, 3, 64, 1679616], [64, 5, 64, 4326400]]
    """
    import pandas as pd

    base = None if ratio_to is None else make(ratio_to)
    table = Grid.of(make(name), base, grid)
    left_out: Counter[str] = Counter()
    parts = [_columns(part, base, left_out) for part in table.parts()]
    names = ("", *table.columns, *COUNTS, *([] if base is None else ["ratio"]))
    columns = {
        key: np.concatenate([part[key] for part in parts if part]) for key in names if any(parts)
    }
    rows = columns.pop("", np.empty(0, dtype=np.int64))
    frame = pd.DataFrame(columns, columns=list(names[1:]), copy=False)
    if np.any(rows[1:] < rows[:-1]):
        frame = frame.iloc[np.argsort(rows, kind="stable")].reset_index(drop=True)
    frame.attrs["type"] = name
    frame.attrs["left_out"] = {"number": left_out.total(), "reasons": dict(left_out)}
    return frame


def _columns(part: Part, base: ConvType | None, left_out: Counter[str]) -> dict[str, NDArray[Any]]:
    """Return the columns of what fits in a part, and count what does not; "" is the row's place."""
    kind = part.kind()
    possible = part.possible()
    if not possible.all():
        left_out[_impossible(part, kind, possible)] += int(np.count_nonzero(~possible))
        part = part.kept(possible)
    fits = _fits(kind, part, left_out)
    part = part.kept(fits)
    if not part.size:
        return {}
    kind = part.kind()
    shape = part.shape
    found = {
        key: np.broadcast_to(column, shape).ravel()
        for key, column in {"": part.places(), **part.fields(), **_counts(kind, part)}.items()
    }
    if base is not None:
        found["ratio"] = _ratio(found["multiplications"], base, part)
    return found


def _impossible(part: Part, kind: ConvType, possible: NDArray[Any]) -> str:
    """Return what ConvSpec says of the first combination that cannot exist."""
    try:
        part.first(~possible).spec(kind)
    except SpecError as error:
        return str(error)
    return "the slot cannot exist"


def _fits(kind: ConvType, part: Part, left_out: Counter[str] | None = None) -> NDArray[Any]:
    """Return the mask of the combinations that the type fits, and count the reasons of others."""
    fits = np.ones(part.shape, dtype=bool)
    if not part.size:
        return fits
    with np.errstate(all="ignore"):  # what fails one need may divide by zero in the next
        for index, need in enumerate(kind.needs(part.spec(kind))):
            misses = fits & ~np.asarray(need.met, dtype=bool)
            fits &= ~misses
            if misses.any() and left_out is not None:
                example = part.first(misses)
                own = example.kind()
                reason = list(own.needs(example.spec(own)))[index].reason
                left_out[reason] += int(np.count_nonzero(misses))
    return fits


def _counts(kind: ConvType, part: Part) -> dict[str, Any]:
    try:
        plan = kind.plan(part.spec(kind))
        costs = [step.cost for step in flatten(plan)]
        found = {name: _sum([getattr(cost, name) for cost in costs]) for name in SUMMED}
        found["peak_live"] = _sum([peak_live(plan)])
    except OverflowError:  # an array times a number that is itself too large
        raise SpecError(_TOO_LARGE) from None
    return found


def _sum(counts: list[Any]) -> Any:
    """Add counts; SpecError where the sum passes 2**63, which array arithmetic would not notice."""
    arrays = [np.asarray(count) for count in counts]
    low = min(int(array.min()) for array in arrays)
    bound = sum(int(array.max()) for array in arrays)
    if low < 0 or bound >= _LIMIT:
        exact = sum(array.astype(object) for array in arrays) if low >= 0 else _LIMIT
        if np.any(np.asarray(exact) >= _LIMIT):
            raise SpecError(_TOO_LARGE)
    return sum(counts)


def _ratio(multiplications: NDArray[Any], base: ConvType, part: Part) -> NDArray[Any]:
    ratio = np.full(part.shape, np.nan)
    fits = _fits(base, part)
    if fits.any():
        shared = part.kept(fits)
        divisor = np.broadcast_to(_counts(base, shared)["multiplications"], shared.shape)
        ratio[fits] = multiplications.reshape(part.shape)[fits] / divisor.ravel()
    return ratio.ravel()
