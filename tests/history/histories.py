"""Histories to look at: times drawn about levels that are known, as arrays or as run folders."""

import random
from dataclasses import replace

import numpy as np
from comparing import recorded

from convbench.runs.store import Store

START = "2026-01-{:02}T08:00:00+00:00"


def scattered(draw, *, runs=8, groups=2, each=20, processes=3, tail="t", between=0.003, drift=0.06):
    """Return logs of times, [case, run, process], and groups, with nothing changed.

    Cases scatter by 1 to 2 % from process to process: with a long tail (Student's t of 4), or with
    one process in twenty far off. Between runs they scatter by `between` more, some of them much
    more. Whole groups drift by `drift` from run to run, and by 1 % from process to process.
    """
    shape = (groups * each, runs, processes)
    if tail == "t":
        noise = draw.standard_t(4, shape) / np.sqrt(2)
    else:
        noise = draw.standard_normal(shape)
        noise += (draw.random(shape) < 0.05) * draw.exponential(4, shape)
    widths = draw.uniform(0.01, 0.02, (shape[0], 1, 1))
    uneasy = between * np.exp(draw.normal(0, 0.5, (shape[0], 1, 1)))
    days = drift * draw.standard_normal((groups, runs, 1))
    days = days + 0.01 * draw.standard_normal((groups, runs, processes))
    values = widths * noise + uneasy * draw.standard_normal((shape[0], runs, 1))
    values += np.repeat(days, each, axis=0) + draw.normal(-7, 1, (shape[0], 1, 1))
    return values, [f"g{index // each}" for index in range(shape[0])]


def record(number, run, *, factor=1.0, draw=None, label=None, **changes):
    """Return case `number` of 24 as run `run` has it, its times about a level of its own."""
    draw = draw or random.Random(1000 * run + number)
    level = 1e-4 * (1 + number / 7) * factor
    seconds = [level * draw.lognormvariate(0, 0.008) for _ in range(3)]
    values = {"label": label or f"type {number}", "name": f"type{number}", **changes}
    return recorded.record(values.pop("label"), values.pop("seconds", seconds), **values)


def write(folder, records, *, started, fingerprint=(), planned=None, **changes):
    """Write a run folder and return its path."""
    header = recorded.header(
        started=started,
        suite={"name": "s", "cases": len(records) if planned is None else planned},
        fingerprint={**recorded.ENVIRONMENT, "git_commit": "aaaa11112222", **dict(fingerprint)},
        **changes,
    )
    store = Store.create(folder, header)
    store.append(records)
    store.close()
    return folder


def plain(folder, runs=6, change=None, cases=24, **more):
    """Write a history; `change(number, run, record)` may return another record, or None."""
    for run in range(runs):
        records = [record(number, run) for number in range(cases)]
        if change:
            records = [change(number, run, one) for number, one in enumerate(records)]
        kept = [one for one in records if one is not None]
        write(folder / f"r{run}", kept, started=START.format(run + 1), **more)
    return folder


def slower(factor, number, since, until=99):
    """Return a change: case `number` takes `factor` as long from run `since` on."""

    def change(case, run, one):
        here = case == number and since <= run < until
        return recorded.times(one, factor) if here else one

    return change


def failed(one, reason="RuntimeError: out of memory"):
    return replace(one, samples=(), tallies={}, cost=None).failed(reason)
