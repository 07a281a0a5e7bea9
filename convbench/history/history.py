"""Runs over time -> History: the changes of every case, and from which run on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from convbench.clock.samples import EVENT_TIME
from convbench.comparing.clocks import one_clock_each
from convbench.comparing.environment import Difference, environments
from convbench.comparing.judging import Limits, excuse
from convbench.comparing.tables import timed
from convbench.comparing.units import mean, members
from convbench.core.intervals import RatioInterval
from convbench.core.notebook_views import OneLine
from convbench.core.text import plural
from convbench.history.changes import Found, Level, find
from convbench.history.run_folders import Entry, Finds, Unread
from convbench.history.series import Event, Series, events, logs, series
from convbench.history.shares import Floats, take_away
from convbench.runs.frame import Row, rows
from convbench.runs.titles import Titles, titles


@dataclass(frozen=True, kw_only=True, repr=False)
class History(OneLine):
    """Runs over time.

    runs: the oldest first; a run is named by its place in them from 1 on. cases: every case.
    differences: for each run, in what its environment differs from what was last known of it;
    nothing for the first one. events: counts and cases that changed. found: change points of cases.
    alone: [case, run], the log of the time without the common shift of its group; nan where the
    group has too few cases. rows: for each run its rows by case, with the times that its own report
    has, or event times of a case whose kernels some run did not time. shares: for each group with
    enough cases (see `Series.pool`) the common shift of each run relative to the median run, a log,
    nan where unknown. moved: change points of these. titles: names of these, and of the groups.
    """

    runs: tuple[Entry, ...]
    unread: tuple[Unread, ...]
    limits: Limits
    cases: tuple[Series, ...]
    differences: tuple[tuple[Difference, ...], ...]
    events: tuple[Event, ...]
    found: Found
    alone: Floats
    rows: tuple[Mapping[str, Row], ...]
    shares: dict[str, Floats]
    moved: Found
    titles: Titles

    @property
    def in_short(self) -> str:
        """How many runs and cases there are, and in how many cases something changed."""
        runs, cases = plural(len(self.runs), "run"), plural(len(self.cases), "case")
        return f"{runs}, {cases}, {len(self.telling)} of them with a change"

    def levels(self, series: int) -> tuple[Level, ...]:
        """Return the change points of a case's time."""
        return tuple(self._levels.get(series, ()))

    def changed(self, series: int) -> tuple[Event, ...]:
        """Return the changes of a case's counts, and whether it ran."""
        return tuple(self._changed.get(series, ()))

    @cached_property
    def _levels(self) -> dict[int, list[Level]]:
        return _by_series(self.found.levels)

    @cached_property
    def _changed(self) -> dict[int, list[Event]]:
        return _by_series(self.events)

    def in_the_way(self, run: int) -> tuple[Difference, ...]:
        """Return what of the environment changed before a run, and must match."""
        return tuple(item for item in self.differences[run] if item.in_the_way)

    @cached_property
    def main_shares(self) -> list[Floats]:
        """The common shifts, without those of event times where others are of kernel times."""
        clocks = {case.pool: case.clock for case in self.cases}
        mixed = len({clocks[name] for name in self.shares}) > 1
        return [
            values
            for name, values in self.shares.items()
            if not (mixed and clocks[name] == EVENT_TIME)
        ]

    @property
    def telling(self) -> tuple[int, ...]:
        """The cases with a change, of their time or of another kind."""
        found = {level.series for level in self.found.levels}
        return tuple(sorted(found | {event.series for event in self.events}))


_OfSeries = TypeVar("_OfSeries", Level, Event)


def _by_series(several: Iterable[_OfSeries]) -> dict[int, list[_OfSeries]]:
    found: dict[int, list[_OfSeries]] = {}
    for one in several:
        found.setdefault(one.series, []).append(one)
    return found


def history(finds: Finds, limits: Limits | None = None) -> History:
    """Return the history of the runs found."""
    limits = limits or Limits()
    runs = one_clock_each([entry.run for entry in finds.runs])
    cases = series(runs)
    values = logs(cases)
    shares = take_away(values, [case.pool for case in cases])
    groups = np.array([*shares.common.values()])
    rows_of = members(case.pool for case in cases)
    named = titles(record for case in cases for record in case.records[::-1] if record is not None)
    pools = {case.pool: f"{named.groups[case.group]}, {case.clock}" for case in cases}
    whole = replace(limits, threshold=max(limits.drift, limits.threshold))
    return History(
        runs=finds.runs,
        unread=finds.unread,
        limits=limits,
        cases=cases,
        differences=_differences([entry.run.header.fingerprint for entry in finds.runs]),
        events=events(cases),
        found=find(
            shares.left,
            shares.known,
            limits,
            lambda series, *where: _excuse(
                limits, [cases[series]], *where, net=bool(shares.known[series])
            ),
        ),
        rows=tuple({row.record.case: row for row in rows(run)} for run in runs),
        alone=np.where(shares.known[:, None], mean(shares.left, axis=-1), np.nan),
        shares={group: _about_the_middle(block) for group, block in shares.common.items()},
        moved=find(
            groups,
            np.ones(len(groups), dtype=bool),
            whole,
            lambda group, *where: _excuse(
                limits, [cases[row] for row in rows_of[[*shares.common][group]]], *where, net=False
            ),
        )
        if len(groups)
        else Found(levels=(), tested=0, smallest=(np.inf, np.inf)),
        titles=replace(named, groups=pools | named.groups),
    )


def _excuse(
    limits: Limits,
    cases: Sequence[Series],
    start: int,
    split: int,
    stop: int,
    ratio: RatioInterval,
    *,
    net: bool,
) -> str:
    """Return what else may explain a ratio of two stretches of runs, as `judging.excuse` does."""
    before, after = (
        [
            record
            for case in cases
            for record in case.records[slice(*stretch)]
            if record is not None and timed(record)
        ]
        for stretch in ((start, split), (split, stop))
    )
    return excuse(before, after, ratio, limits, net=net)


def _about_the_middle(block: Floats) -> Floats:
    means = mean(block, axis=-1)
    return np.asarray(means - np.nanmedian(means))


def _differences(fingerprints: list[dict[str, Any]]) -> tuple[tuple[Difference, ...], ...]:
    """Compare each environment with what was last known of it, key by key."""
    known: dict[str, Any] = {}
    found: list[tuple[Difference, ...]] = []
    for fingerprint in fingerprints:
        before = {key: value for key, value in known.items() if key in fingerprint}
        found.append(environments(before, fingerprint) if found else ())
        known.update(fingerprint)
    return tuple(found)
