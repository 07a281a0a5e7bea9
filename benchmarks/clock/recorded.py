"""Rounds that are recorded: many processes of one group in one state of the machine.

Two forms are read: files of lines, one a process (`<group>-n<neighbours>-t<threads>.jsonl`, each
line `{case: {"s": [seconds of a call, one a round], "wait": [seconds waited, the same]}}`), and run
folders, whose records say the same. A run folder says nothing of neighbours: its name does, as
that of a file (`…-n<number>…`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from running import PLUGIN, SUITE, make

from convbench import load_run
from convbench.clock.samples import Samples
from convbench.runs.store import HEADER

_NAME = re.compile(r"(?P<group>.+?)-n(?P<neighbours>\d+)(-t(?P<threads>\d+))?")
_BASES = ("standard", "osnet_x1_0")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Seconds of a call: by process, case and round.

    Attributes:
        group: what was measured together.
        neighbours: busy processes beside it.
        threads: intra-op threads.
        cases: names, in the order of the array's second axis.
        seconds: of a call, [process, case, round].
        waited: seconds of a call that another had the processor, the same; 0 where untold.

    """

    group: str
    neighbours: int
    threads: int
    cases: tuple[str, ...]
    seconds: np.ndarray
    waited: np.ndarray

    @property
    def base(self) -> int:
        """Where the case is that ratios refer to."""
        return next(self.cases.index(name) for name in _BASES if name in self.cases)


def recorded(paths: list[Path]) -> Iterator[Recorded]:
    """Read files and folders of them, and run folders.

    Raises:
        SystemExit: a path with no such data, with the reason.

    """
    for path in paths:
        if (path / HEADER).exists():
            yield from _run(path)
        elif path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix == ".jsonl" or p.is_dir())
            if not inside:
                raise SystemExit(f"{path}: holds no *.jsonl and no run folder")
            yield from recorded(inside)
        elif path.stat().st_size:
            yield _lines(path)


def record(folder: Path, *, quick: bool = False) -> None:
    """Make runs of the main job's groups into the folder: each state, one thread and all cores.

    Those that are there are kept. Each takes five minutes.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for threads in sorted({1, cores or 1}):
        for neighbours, processes in enumerate((40, 24, 24)):
            make(
                folder / f"job-n{neighbours}-t{threads}",
                neighbours=neighbours,
                budget=30.0 if quick else 300.0,
                plugin=PLUGIN,
                options=(
                    "--suite", str(SUITE), "--threads", str(threads),
                    "--processes", str(processes),
                ),
            )  # fmt: skip


def as_samples(data: Recorded, process: int, case: int) -> Samples:
    """Return what was recorded of a case in one process as the estimator takes it."""
    return Samples(
        seconds=tuple(map(float, data.seconds[process, case])),
        waited_seconds=tuple(map(float, data.waited[process, case])),
        cpu_seconds=(), page_faults=(), involuntary_switches=(), block=1, first_call=None,
        warmup_calls=None, stopwatch="recorded", seed=0, threads=data.threads,
        session=str(process), stop_reason="recorded",
    )  # fmt: skip


def _named(path: Path) -> re.Match[str]:
    match = _NAME.match(path.stem)
    if match is None:
        raise SystemExit(
            f"{path}: name it <group>-n<neighbours>[-t<threads>], so that its state is known"
        )
    return match


Rounds = list[tuple[float, float]]
"""Seconds of a call, and seconds waited, one a round."""


def _lines(path: Path) -> Recorded:
    match = _named(path)
    processes: list[dict[str, Rounds]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        said = {name: one for name, one in json.loads(line).items() if name[0] != "_"}
        processes.append({name: _rounds(one["s"], one.get("wait")) for name, one in said.items()})
    return _stacked(match["group"], int(match["neighbours"]), int(match["threads"] or 1), processes)


def _run(path: Path) -> Iterator[Recorded]:
    neighbours = int(_named(path)["neighbours"])
    groups: dict[str, dict[str, dict[str, Rounds]]] = {}
    threads: dict[str, int] = {}
    for item in load_run(path).records:
        for samples in item.samples:
            process = groups.setdefault(item.group, {}).setdefault(samples.session, {})
            process[item.label] = _rounds(samples.seconds, samples.waited_seconds)
            threads[item.group] = samples.threads
    for group, processes in groups.items():
        yield _stacked(group, neighbours, threads[group], list(processes.values()))


def _rounds(seconds: Sequence[float], waited: Sequence[float] | None) -> Rounds:
    return list(zip(seconds, waited or (0.0,) * len(seconds), strict=True))


def _stacked(
    group: str, neighbours: int, threads: int, processes: list[dict[str, Rounds]]
) -> Recorded:
    """Return the processes that measured every case, each with as many rounds as all have."""
    cases = tuple(max(processes, key=len))
    whole = [one for one in processes if set(one) == set(cases)]
    rounds = min(len(values) for one in whole for values in one.values())
    both = np.array([[one[name][:rounds] for name in cases] for one in whole])
    return Recorded(
        group=group, neighbours=neighbours, threads=threads, cases=cases,
        seconds=both[..., 0], waited=both[..., 1],
    )  # fmt: skip
