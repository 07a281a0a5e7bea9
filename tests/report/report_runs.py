"""Synthetic runs: costs of the real types, invented times. Nothing is measured here."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

from convbench.clock.samples import Samples
from convbench.convs.base import TYPES, make
from convbench.core.costs import Cost
from convbench.core.spec import ConvSpec
from convbench.counting.tally import Convention, Tally, Unavailable
from convbench.runs.record import Header, Record, Run

CONVENTIONS = {
    "fvcore": Convention(
        unit="1 per multiply-accumulate",
        elementwise="batch norm 2 per element",
        source="fvcore 0.1",
    ),
    "torch": Convention(
        unit="2 per multiply-accumulate", elementwise="nothing", source="torch 2.13"
    ),
}
MACHINE = "cpu · float32 · channels_first · 2 threads"
SLOTS = (
    ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3),
    ConvSpec(in_channels=64, out_channels=64, input_size=(56, 56), kernel_size=3, padding="same"),
    ConvSpec(
        in_channels=32, out_channels=16, input_size=(28, 28), kernel_size=3, scale=2, padding="same"
    ),
)
# Named here, and not taken from the registry, so that a new type changes no golden page.
NAMES = [
    "bottleneck",
    "depthwise",
    "depthwise_separable",
    "dilated",
    "dynamic",
    "flattened",
    "ghost",
    "grouped",
    "inverted_residual",
    "lite",
    "partial",
    "pointwise",
    "pointwise_grouped",
    "resize_conv",
    "shuffled_grouped",
    "shufflenet_unit",
    "spatially_separable",
    "standard",
    "subpixel",
    "transposed",
]
# Invented: how much slower a multiplication of this type runs than one of standard.
SLOW = {
    "depthwise": 9.0,
    "depthwise_separable": 3.3,
    "lite": 3.25,
    "flattened": 4.4,
    "ghost": 1.4,
    "grouped": 1.6,
    "shuffled_grouped": 1.7,
    "shufflenet_unit": 14.0,
    "inverted_residual": 2.4,
    "pointwise": 1.2,
    "spatially_separable": 1.75,
    "dynamic": 1.1,
    "resize_conv": 1.2,
}
NETWORKS = (
    ("osnet_x1_0", 1.0, 978_875_392, 2_169_508, "978.9 M"),
    ("osnet_x0_75", 0.75, 571_752_192, 1_285_754, "571.8 M"),
    ("osnet_x0_5", 0.5, 272_899_328, 630_034, "272.9 M"),
    ("osnet_x0_25", 0.25, 82_314_880, 201_864, "82.3 M"),
    ("osnet_ibn_x1_0", 1.0, 978_875_392, 2_170_532, "900 M"),
    ("osnet_full_x1_0", 1.0, 3_123_456_789, 6_869_028, ""),
)


def samples(
    middle: float,
    *,
    rounds: int = 25,
    session: str = "s",
    draw: random.Random,
    scatter: float = 0.02,
) -> Samples:
    """Return samples around `middle` seconds, with a spike now and then."""
    seconds = tuple(
        middle * draw.lognormvariate(0, scatter) * (1.5 if draw.random() < 0.04 else 1.0)
        for _ in range(rounds)
    )
    return Samples(
        seconds=seconds,
        cpu_seconds=seconds,
        page_faults=(0,) * rounds,
        involuntary_switches=(0,) * rounds,
        block=max(1, int(0.01 / middle)),
        first_call=4 * middle + 2e-4,
        warmup_calls=3,
        stopwatch="wall",
        seed=0,
        threads=2,
        session=session,
        stop_reason="the intervals are narrow enough",
    )


def processes(
    middle: float, *, session: str, draw: random.Random, rounds: int = 8
) -> tuple[Samples, ...]:
    """Return what three processes said, each with its own luck."""
    return tuple(
        samples(
            middle * draw.lognormvariate(0, 0.01),
            rounds=rounds,
            session=f"{session} {number}",
            draw=draw,
        )
        for number in range(3)
    )


def tally(counter: str, macs: int, **more: Any) -> Tally:
    """Return a tally of one operator."""
    values: dict[str, Any] = {
        "by_operator": {"conv": macs},
        "by_module": {"": macs},
        "convention": CONVENTIONS[counter],
        **more,
    }
    return Tally(counter=counter, macs=macs, **values)


def type_group(
    spec: ConvSpec, draw: random.Random, *, machine: str = MACHINE, names: tuple[str, ...] = ()
) -> list[Record]:
    """Return a record of every type in a slot: skipped where it does not fit."""
    group = f"{spec.label} · {machine}"
    base = "transposed" if spec.scale else "standard"
    return [
        _type_record(name, spec, group, base, draw)
        for name in names or NAMES
        if TYPES[name].upsamples == (spec.scale is not None)
    ]


def _type_record(name: str, spec: ConvSpec, group: str, base: str, draw: random.Random) -> Record:
    conv = make(name)
    _, dtype, layout, _ = (part.strip() for part in group[len(spec.label) :].strip(" ·").split("·"))
    record = Record(
        case=f"{group}/{name}",
        group=group,
        slot=spec.label,
        kind="type",
        name=name,
        label=conv.label,
        knobs=conv.knobs(),
        caveat=conv.caveat,
        spec=spec,
        input_shape=spec.input_shape,
        device="cpu",
        dtype=dtype,
        layout=layout,
        threads=2,
        baseline=f"{group}/{base}",
        status="ok",
        ran={"backend": "mkldnn"},
    )
    if reason := conv.fits(spec):
        return replace(record, status="skipped", reason=reason)
    cost = conv.cost(spec)
    macs = int(cost.multiplications)
    middle = 4e-6 + macs * SLOW.get(name, 1.0) / 60e9 + (cost.reads + cost.writes) * 4e-11
    return replace(
        record,
        cost=cost,
        tallies={"fvcore": tally("fvcore", macs), "torch": tally("torch", macs)},
        samples=processes(middle, session=group, draw=draw),
    )


def network_group(draw: random.Random, machine: str = MACHINE) -> list[Record]:
    """Return records of OSNet by width, with published figures."""
    group = f"osnet @256×128 b1 · {machine}"
    found = []
    for name, width, macs, parameters, printed in NETWORKS:
        elements = parameters * 20
        found.append(
            Record(
                case=f"{group}/{name}",
                group=group,
                slot="256×128 b1",
                kind="network",
                name=name,
                label=name,
                knobs={"width": width},
                spec=None,
                input_shape=(1, 3, 256, 128),
                device="cpu",
                dtype="float32",
                layout="channels_first",
                threads=2,
                baseline=f"{group}/osnet_x1_0",
                status="ok",
                cost=Cost(
                    multiplications=macs,
                    multiplications_valid=int(macs * 0.98),
                    additions=macs,
                    parameters=parameters,
                    elementwise=elements,
                    reads=elements,
                    writes=elements,
                    activations=elements,
                ),
                tallies={"fvcore": tally("fvcore", macs), "torch": tally("torch", macs)},
                samples=processes(2e-3 + macs / 25e9, session=group, rounds=4, draw=draw),
                published={"multiplications": (printed, "arXiv:1905.00953v5, Table 6")}
                if printed
                else {},
            )
        )
    return found


def header(**changes: Any) -> Header:
    """Return a header of an invented machine."""
    values: dict[str, Any] = {
        "version": "0.1.0",
        "suite": {"name": "quick"},
        "seed": 0,
        "command": "python -m convbench run --suite quick --device cpu",
        "started": "2025-01-31T12:00:00Z",
        "fingerprint": {
            "cpu": "An Invented CPU @ 2.0 GHz",
            "cores": 2,
            "torch": "2.13.0",
            "cuda": None,
            "onednn": True,
        },
        **changes,
    }
    return Header(**values)


@cache
def whole_run(seed: int = 0) -> Run:
    """Return a run as the quick suite gives it: three slots, OSNet, and what can go wrong."""
    draw = random.Random(seed)
    records = [record for spec in SLOTS for record in type_group(spec, draw)]
    records += network_group(draw)
    return Run(header=header(), records=tuple(_spoil(record) for record in records))


def _spoil(record: Record) -> Record:  # noqa: PLR0911  (a line for each way to go wrong)
    """Give some records what real ones may have: a failure, an unknown operator, a flag."""
    big = record.slot == SLOTS[1].label
    macs = int(record.cost.multiplications) if record.cost else 0
    if big and record.name == "dynamic":
        short = tally(
            "fvcore", macs // 2, unsupported={"aten::softmax": 1, "aten::_convolution": 2}
        )
        return replace(record, tallies={**record.tallies, "fvcore": short})
    if big and record.name == "inverted_residual":
        failed = replace(record, samples=(), tallies={})
        return failed.failed("RuntimeError: out of memory")
    if big and record.name == "ghost":
        return replace(record, status="invalid", reason="the output is not finite")
    if big and record.name == "bottleneck":
        return replace(record, flags=("2 samples far from the others",))
    if record.name == "transposed":
        wide = tally("torch", macs * 4)
        return replace(record, tallies={**record.tallies, "torch": wide})
    if record.name == "osnet_ibn_x1_0":
        missing = Unavailable("instance norm cannot be traced")
        return replace(record, tallies={**record.tallies, "fvcore": missing})
    return record


@cache
def many_groups(seed: int = 1) -> Run:
    """Return a run as long as the full suite: 60 groups of a few types each."""
    draw = random.Random(seed)
    records = []
    for channels in (32, 64, 128, 256, 512):
        for side in (7, 14):
            spec = ConvSpec(
                in_channels=channels,
                out_channels=channels,
                input_size=(side, side),
                kernel_size=3,
                padding="same",
            )
            for dtype in ("float32", "bfloat16", "float16"):
                for layout in ("channels_first", "channels_last"):
                    machine = f"cpu · {dtype} · {layout} · 2 threads"
                    records += type_group(spec, draw, machine=machine)
    return Run(header=header(suite={"name": "full"}), records=tuple(records))
