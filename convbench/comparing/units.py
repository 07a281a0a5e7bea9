"""Times of cases by unit, a process or a run, as tables without outliers.

A table is [case, unit]: the log of the time of a call, nan where a unit has none of the case. Units
of a group are shared by its cases, though not by all of them: a run that has swept over all cases
may go on with some of them in more processes.

- An outlier, as `clock.estimates` has it, was **disturbed** and is left out: a unit in what all
  cases of the group share in it, or a unit in one case. At most a quarter of a case's units are
  left out, so of three none: more are not outliers, and their scatter counts.
- The effect of a unit on **all** cases is estimated where FEWEST_FOR_A_SHIFT cases have the unit. A
  case that lacks it is corrected for it: cases compare that do not share all units.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convbench.clock.estimates import near
from convbench.clock.samples import Samples, of_process

Array: TypeAlias = "NDArray[np.float64]"
FEWEST_FOR_A_SHIFT: Final = 8
_FOR_ONE_LEFT_OUT: Final = 4
"""Units for each one that may be left out."""
_ROUNDS: Final = 3
"""Turns of taking cases and units apart; one is enough where every unit has every case."""


def of_processes(cases: Sequence[Sequence[Samples]]) -> Array:
    """Return the table of processes: a row a case, a column a process."""
    rows: list[dict[Hashable, float]] = [
        {one.session: math.log(of_process(one)) for one in case} for case in cases
    ]
    return _table(rows)


def of_runs(cases: Sequence[Sequence[Sequence[Samples]]]) -> Array:
    """Return the table of runs, of each without its disturbed processes; cases are given by run."""
    columns: list[dict[Hashable, float]] = [{} for _ in cases]
    for run in range(max(map(len, cases), default=0)):
        having = [row for row, by_run in enumerate(cases) if run < len(by_run) and by_run[run]]
        if having:
            centres, _ = centred(calm(of_processes([cases[row][run] for row in having])))
            for row, value in zip(having, centres.tolist(), strict=True):
                columns[row][run] = value
    return _table(columns)


def _table(rows: Sequence[dict[Hashable, float]]) -> Array:
    places = {
        name: place for place, name in enumerate(dict.fromkeys(n for row in rows for n in row))
    }
    table = np.full((len(rows), len(places)), np.nan)
    for number, row in enumerate(rows):
        for name, value in row.items():
            table[number, places[name]] = value
    return table


def members(groups: Iterable[str]) -> dict[str, list[int]]:
    """Return for each group the places of its cases, of which the groups are given in order."""
    found: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        found.setdefault(group, []).append(place)
    return found


def calm(table: Array) -> Array:
    """Return the table with nan for the units that were disturbed."""
    found = table.copy()
    seen = shared(table)
    common = np.where(seen, middle(table - middle(table, axis=1)[:, None], axis=0), 0.0)
    found[:, np.flatnonzero(seen)[_far(common[seen])]] = np.nan
    for row, rest in zip(found, found - common, strict=True):
        told = np.flatnonzero(np.isfinite(rest))
        row[told[_far(rest[told])]] = np.nan
    return found


def _far(logs: Array) -> NDArray[np.bool_]:
    """Tell which of the logs lie far from the others; none where they are too many for that."""
    most = len(logs) // _FOR_ONE_LEFT_OUT
    far = ~np.array(near(logs.tolist()) if most else [True] * len(logs), dtype=bool)
    return far if far.sum() <= most else np.zeros(len(logs), dtype=bool)


def shared(table: Array) -> NDArray[np.bool_]:
    """Tell of every unit whether enough cases have it to estimate its effect on all of them."""
    return np.asarray(np.isfinite(table).sum(axis=0) >= FEWEST_FOR_A_SHIFT)


def centred(table: Array) -> tuple[Array, Array]:
    """Return where each case lies in the average unit, and the table about that."""
    seen = shared(table)
    centres = mean(table, axis=1)
    for _ in range(_ROUNDS if seen.any() else 0):
        common = np.where(seen, middle(table - centres[:, None], axis=0), 0.0)
        centres = mean(table - common, axis=1) + common[seen].mean()
    return centres, table - centres[:, None]


def mean(table: Array, axis: int) -> Array:
    """Return means of what is there; nan where nothing is."""
    told = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(told, table, 0.0).sum(axis=axis) / told.sum(axis=axis))


def middle(table: Array, axis: int) -> Array:
    """Return medians of what is there; nan where nothing is."""
    if not table.shape[axis]:
        return np.full(np.delete(table.shape, axis), np.nan)
    ordered = np.sort(table, axis=axis)  # what is missing goes last
    number = (~np.isnan(table)).sum(axis=axis, keepdims=True)
    low, high = (
        np.take_along_axis(ordered, place, axis=axis)
        for place in (np.maximum(number - 1, 0) // 2, number // 2)
    )
    return np.asarray(np.squeeze((low + high) / 2, axis=axis))


def middle_of_others(table: Array) -> Array:
    """Return for every row the medians, column by column, of what all other rows have."""
    order = np.argsort(table, axis=0)
    ordered = np.take_along_axis(table, order, axis=0)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(table))[:, None], axis=0)
    told = ~np.isnan(table)
    number = told.sum(axis=0) - told
    last = len(table) - 1
    low, high = (
        # of the others, what comes after the row itself has one place less than of all
        np.take_along_axis(ordered, np.minimum(place + (told & (place >= ranks)), last), axis=0)
        for place in (np.maximum(number - 1, 0) // 2, number // 2)
    )
    return np.where(number > 0, (low + high) / 2, np.nan)
