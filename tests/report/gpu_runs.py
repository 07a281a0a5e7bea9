"""Runs of a scripted GPU: costs of the real types, times of an invented card. Nothing is measured.

A kernel takes at least 2 µs of the card, a launch 9 µs of the host: where a call has few
multiplications for its kernels, it is launch-bound.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from report.report_runs import header
from scripted import samples

from convbench.clock.samples import KERNEL, Samples
from convbench.runs.cases import expand
from convbench.runs.conditions import combinations
from convbench.runs.record import Record, Run
from convbench.runs.suite import parse_suite

LAUNCH = 9e-6
SHORTEST = 2e-6
KERNELS = {"standard": 1, "depthwise": 1, "pointwise": 1, "grouped": 1, "depthwise_separable": 2,
           "bottleneck": 3, "shufflenet_unit": 6, "ghost": 3}  # fmt: skip
"""Kernels of a call; of a network 60."""
SLOWER = {"depthwise": 8.0, "depthwise_separable": 4.0, "grouped": 3.0, "shufflenet_unit": 5.0}
"""How much slower a multiplication runs than one of standard."""
RATES = {"float32": 12e12, "tf32": 60e12, "bfloat16": 240e12}
"""Multiplications a second."""
LAUNCHES = {"eager": 1.0, "compile": 0.6, "cuda_graph": 0.05}
"""Of the launches of eager mode, what a mode leaves of them."""
SLOT = (
    '[[slots]]\nin_channels = 64\nout_channels = 64\ninput_size = "56x56"\nkernel_size = 3\n'
    'padding = "same"\nbatch = {}\ntypes = [{}]\n'
)
NETWORKS = (
    '[[networks]]\nnames = ["osnet_x1_0", "osnet_x0_25"]\ninput_size = "256x128"\nbatch = {}\n'
)

Edit = Callable[[Record], Record]


def of_card(record: Record, draw: random.Random, processes: int = 3) -> Record:
    """Return a record with the times of the card, of its kernels alone too."""
    if record.cost is None:
        return record
    number = KERNELS.get(record.name, 60 if record.kind == "network" else 2)
    slow = SLOWER.get(record.name, 1.0) * (1.1 if record.layout == "channels_last" else 1.0)
    work = float(record.cost.multiplications) * slow / RATES.get(record.dtype, 12e12)
    kernel = max(SHORTEST * number, work)
    issue = LAUNCH * number * LAUNCHES[record.mode]
    events = max(kernel, issue)
    main, alone = [], []
    for number in range(processes):
        luck, session = draw.lognormvariate(0, 0.004), f"{record.group} {number}"
        main.append(_process(events * luck, issue, session, draw))
        seconds = tuple(kernel * luck * draw.lognormvariate(0, 0.002) for _ in range(8))
        alone.append(_named(seconds, session, "cuda-kernel"))
    return replace(record, samples=tuple(main), also={KERNEL: tuple(alone)})


def _process(events: float, issue: float, session: str, draw: random.Random) -> Samples:
    seconds = tuple(events * draw.lognormvariate(0, 0.006) for _ in range(8))
    return replace(
        _named(seconds, session, "cuda-events"),
        host_seconds=tuple(one * 1.01 for one in seconds),
        issue_seconds=tuple(min(one, issue) for one in seconds),
        sm_clock_mhz=(1980,) * 8,
        throttle_reasons=(0,) * 8,
    )


def _named(seconds: tuple[float, ...], session: str, stopwatch: str) -> Samples:
    return samples(
        seconds, session, stopwatch=stopwatch, block=50, process="fresh", first_call=2e-3
    )


def without_kernels(*names: str) -> Edit:
    """Return what takes the kernel times of some types away, as where no graph holds them."""

    def edit(record: Record) -> Record:
        if record.name not in names:
            return record
        flag = "kernels not timed: NotCapturableError: a CUDA graph could not be captured"
        return replace(record, also={}, flags=(*record.flags, flag))

    return edit


def gpu_run(
    batches: Sequence[int] = (1,),
    types: Sequence[str] = tuple(KERNELS),
    axes: Mapping[str, tuple[str, ...]] | None = None,
    *,
    networks: bool = False,
    edit: Edit = lambda record: record,
    seed: int = 0,
) -> Run:
    """Return a run of some types at some batches under some conditions, on the card."""
    names = ", ".join(f'"{name}"' for name in types)
    text = "".join(SLOT.format(batch, names) for batch in batches)
    text += NETWORKS.format(list(batches)) if networks else ""
    suite = parse_suite(f'name = "gpu"\n{text}', "gpu.toml")
    everywhere = {**(axes or {}), "threads": (1,)}
    draw = random.Random(seed)
    records = [
        edit(of_card(replace(case.skeleton, status="ok", cost=case.cost()), draw))
        for group in expand(suite, tuple(combinations("cuda:0", everywhere)))
        for case in group.cases
        if case.misfit is None
    ]
    fingerprint = {"cpu": "An Invented CPU", "gpu": "An Invented GPU", "torch": "2.13.0"}
    known = header(suite={"name": "gpu", "device": "cuda:0"}, fingerprint=fingerprint,
                   command="python -m convbench run --suite gpu.toml --device cuda")  # fmt: skip
    return Run(header=known, records=tuple(records))


@cache
def whole_gpu_run() -> Run:
    """Return a run as a GPU has it: three data types, two layouts, three batches, networks."""
    axes = {
        "dtype": ("float32", "tf32", "bfloat16"),
        "layout": ("channels_first", "channels_last"),
    }
    return gpu_run((1, 32, 128), axes=axes, networks=True)
