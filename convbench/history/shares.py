"""The common shift of each group in each process, and the times of each case without it.

A history holds y[i, r, p]: the log of the time of case i in process p of run r. Cases of a group
share their processes, so what slows a machine or a process slows all of them. Within a group y is
split into a level of each case and a shift of each process, by medians (a median polish: Tukey,
Exploratory Data Analysis, 1977, chapter 11), which a few cases that changed, or that some runs
lack, do not influence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from convbench.comparing.units import FEWEST_FOR_A_SHIFT, members, middle

Floats = NDArray[np.float64]


_ROUNDS: Final = 4
"""Turns of the polish; the second one changes little, the fourth nothing that shows."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What was taken away.

    left: y without the shares, [case, run, process]; nan where there is no time, and in a process
    of a known group that too few of its cases ran in. known: for each case, whether its group has
    enough cases to see a share. common: for each known group the shares, [run, process].
    """

    left: Floats
    known: NDArray[np.bool_]
    common: dict[str, Floats]


def take_away(values: Floats, groups: Sequence[str]) -> Shares:
    """Take the shares of the groups away from y, [case, run, process]; nan where there is none."""
    left = values.copy()
    known = np.zeros(len(groups), dtype=bool)
    common: dict[str, Floats] = {}
    for group, rows in members(groups).items():
        shares = _polished(values[rows])
        if np.isfinite(shares).any():
            left[rows] -= shares
            known[rows] = True
            common[group] = shares
    return Shares(left=left, known=known, common=common)


def _polished(block: Floats) -> Floats:
    """Return the share of every process, [run, process]; nan where too few cases show it."""
    told = np.isfinite(block)
    told &= (told.any(axis=2).sum(axis=1) > 1)[:, None, None]  # one run alone says nothing of runs
    enough = told.sum(axis=0) >= FEWEST_FOR_A_SHIFT
    shares = np.where(enough, 0.0, np.nan)
    if not enough.any():
        return shares
    seen = np.where(told, block, np.nan)
    for _ in range(_ROUNDS):
        centres = middle((seen - shares).reshape(len(seen), -1), axis=1)
        shares = np.where(enough, middle(seen - centres[:, None, None], axis=0), np.nan)
    return shares
