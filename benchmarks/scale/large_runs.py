"""Runs of any size, made from recorded ones: real records at other batches and conditions.

A group of a recorded run is repeated at every batch and condition. What a count or a time has to do
with the batch is kept: counts of work grow with it, parameters do not. Times are the recorded ones
times the batch, with a factor for each process and each round from a seeded generator; so what was
calm, disturbed or far apart in the recorded run is so here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from convbench.core.files import dumps
from convbench.runs.conditions import Condition, combinations
from convbench.runs.record import Header
from convbench.runs.store import HEADER, RECORDS, load

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "reports" / "cpu-quick"
PROCESSES = 2
_ROUNDS = 6
"""Rounds of a process, at most: a case is then 5.6 kB in two lines."""
_PROCESS, _ROUND = 0.01, 0.01
"""Standard deviation of the log of the time, of a whole process and of a round."""
_CHANGED = 0.02
"""Share of the groups of a changed run in which one type takes `_SLOWER` times as long."""
_SLOWER = 1.3
_PER_IMAGE = frozenset({"parameters", "receptive_field", "peak_live"})
"""What of a cost is not proportional to the batch; of peak_live the weights are a part."""
_TIMES = ("seconds", "cpu_seconds", "waited_seconds", "host_seconds", "issue_seconds")


@dataclass(frozen=True, kw_only=True)
class Large:
    """A run to be made.

    records: how many cases. seed: of the generator; two runs of different seeds are repeats of one
    another. started: ISO 8601. changed: whether some cases take longer than in runs that are not.
    """

    records: int
    seed: int = 0
    started: str = "2026-01-01T00:00:00+00:00"
    changed: bool = False


def write(run: Large, folder: Path) -> int:
    """Write the run as `convbench run` does, a line for each process; return its size in bytes."""
    folder.mkdir(parents=True)
    header = _recorded()[0]
    suite = {**header.suite, "name": "large", "cases": run.records}
    told = replace(header, suite=suite, started=run.started)  # type: ignore[arg-type]
    (folder / HEADER).write_text(dumps(told.to_json(), indent=2) + "\n", encoding="utf-8")
    later: list[str] = []
    with (folder / RECORDS).open("w", encoding="utf-8") as file:
        for record in islice(_records(run), run.records):
            first, more = record["samples"][:1], record["samples"][1:]
            file.write(dumps({**record, "samples": first}) + "\n")
            said = {name: record[name] for name in ("status", "reason", "flags")}
            later += [
                dumps({"more": record["case"], **said, "samples": [samples], "also": {}})
                for samples in more
            ]
        file.writelines(f"{line}\n" for line in later)
    return (folder / RECORDS).stat().st_size


@cache
def _recorded() -> tuple[Header, tuple[tuple[dict[str, Any], ...], ...]]:
    """Return a header, and groups of records: those of a calm run and those of a busy one."""
    sys.path.insert(0, str(ROOT / "tests"))
    from report.noisy import noisy_run

    calm = load(RECORDED)
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for place, run in enumerate((calm, noisy_run())):
        for record in run.records:
            groups.setdefault((record.group, place), []).append(record.to_json())
    return calm.header, tuple(map(tuple, groups.values()))


def _records(run: Large) -> Iterator[dict[str, Any]]:
    """Yield records of one group after another, without an end."""
    _, groups = _recorded()
    axes = {
        "dtype": ("float32", "bfloat16"),
        "layout": ("channels_first", "channels_last"),
        "threads": (1, 2),
    }
    conditions = tuple(combinations("cpu", axes))
    number = 0
    for turn in count():
        for condition in conditions:
            for place, group in enumerate(groups):
                batch = 1 + len(groups) * turn + place  # no two templates ever make one slot
                yield from _group(run, number, group, batch, condition)
                number += 1


def _group(
    run: Large, number: int, group: Sequence[dict[str, Any]], batch: int, condition: Condition
) -> Iterator[dict[str, Any]]:
    draw = np.random.default_rng((run.seed, number))
    several = draw.normal(0, _PROCESS, PROCESSES)
    changed = run.changed and number % round(1 / _CHANGED) == 0
    place = group[0]["slot"].removesuffix(" b1") + f" b{batch}"
    what = "" if group[0]["kind"] == "type" else "networks "
    label = f"{what}{place} · {condition.label}"
    for index, record in enumerate(group):
        told = {**record, **condition.values, "group": label, "slot": place}
        told["case"] = f"{told['label']} | {label}"
        told["input_shape"] = [batch, *told["input_shape"][1:]]
        if told["spec"]:
            told["spec"] = {**told["spec"], "batch": batch}
        if told["baseline"]:
            told["baseline"] = f"{told['baseline'].partition(' | ')[0]} | {label}"
        if told["cost"]:
            told["cost"] = {
                name: value if name in _PER_IMAGE else value * batch
                for name, value in told["cost"].items()
            }
        told["tallies"] = {name: _of_batch(tally, batch) for name, tally in told["tallies"].items()}
        told["ran"] = {**told["ran"], "threads": str(condition.threads)} if told["ran"] else {}
        scale = batch * (_SLOWER if changed and index == 1 else 1.0)
        told["samples"] = [
            _samples(samples, draw, float(scale * np.exp(several[process])), condition)
            | {"session": f"{run.seed:04x}{number:06x}{process:02x}"}
            for process, samples in enumerate(told["samples"][:PROCESSES])
        ]
        yield told


def _of_batch(tally: dict[str, Any], batch: int) -> dict[str, Any]:
    if "macs" not in tally:
        return tally
    more = {
        name: {key: value * batch for key, value in tally[name].items()}
        for name in ("by_operator", "by_module", "elementwise")
    }
    return {**tally, "macs": tally["macs"] * batch, **more}


def _samples(
    samples: dict[str, Any], draw: np.random.Generator, scale: float, condition: Condition
) -> dict[str, Any]:
    """Return the first rounds of a process, each time with its own factor."""
    rounds = {
        name: value[:_ROUNDS] if isinstance(value, list) else value
        for name, value in samples.items()
    }
    factors = scale * np.exp(draw.normal(0, _ROUND, len(rounds["seconds"])))
    rounds |= {name: (np.array(rounds[name]) * factors).tolist() for name in _TIMES if rounds[name]}
    return {**rounds, "threads": condition.threads}
