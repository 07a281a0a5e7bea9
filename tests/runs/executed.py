"""Records with a scripted execution, and a device with round ceilings: nothing is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convbench.clock.execution import Execution, Kernel
from convbench.clock.samples import Samples
from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.machine.ceilings import MEMORY, Ceiling, Level
from convbench.runs.record import Header, Machine, Record, Run

SPEC = ConvSpec(in_channels=64, out_channels=64, input_size=(56, 56), kernel_size=3, padding="same")
LEVELS = (
    Level(name="L1", size=32_000, bytes_per_second=4e11),
    Level(name="L2", size=1_000_000, bytes_per_second=2e11),
    Level(name=MEMORY, size=None, bytes_per_second=2e10),
)
CEILING = Ceiling(
    device="cpu", dtype="float32", threads=1, multiplications_per_second=1e11,
    bytes_per_second=2e10, levels=LEVELS, convolution_seconds=4e-6, operator_seconds=1e-6,
    primitive_seconds=20e-6, reorder_seconds=5e-6, watched_seconds=3e-6, fault_seconds=2e-6,
)  # fmt: skip
PIXELS = 56 * 56
VALID = 166 * 166  # (3·56 - 2)² of 3²·56² taps lie on the image
PLANE = 64 * PIXELS


def kernel(
    seconds: float,
    operator: str = "convolution",
    backend: str = "oneDNN",
    name: str = "jit",
    calls: int = 1,
) -> Kernel:
    return Kernel(
        operator=operator, backend=backend, implementation=name, layouts="",
        reorder=operator == "reorder", calls=calls, seconds=seconds,
    )  # fmt: skip


def samples(seconds: float = 1e-3, faults: int = 0) -> Samples:
    return Samples(
        seconds=(seconds,) * 6, cpu_seconds=(seconds,) * 6, page_faults=(faults,) * 6,
        involuntary_switches=(0,) * 6, block=1, first_call=seconds, warmup_calls=1,
        stopwatch="wall", seed=0, threads=1, session="s", stop_reason="",
    )  # fmt: skip


def record(name: str = "standard", *kernels: Kernel, **changes: Any) -> Record:
    kind = make(name)
    values: dict[str, Any] = {
        "case": name, "group": "g", "slot": "s", "kind": "type", "name": name, "label": name,
        "knobs": kind.knobs(), "spec": SPEC, "input_shape": SPEC.input_shape, "device": "cpu",
        "dtype": "float32", "layout": "channels_first", "threads": 1, "status": "ok",
        "samples": (samples(),), "cost": kind.cost(SPEC),
        "execution": Execution(kernels=kernels, passes=5) if kernels else None,
    }  # fmt: skip
    return Record(**{**values, **changes})


BASE = record("standard", kernel(900e-6), kernel(50e-6, "reorder", calls=2))
LIGHT = record(
    "depthwise_separable",
    kernel(60e-6, name="jit_dw"),
    kernel(203e-6, backend="ATen", name="Slow2d"),
    kernel(40e-6, "relu", "ATen", "relu", calls=2),
    kernel(30e-6, "reorder", calls=3),
)


def explained_run() -> Run:
    """Return a run in which standard takes 1 ms and depthwise_separable 400 µs, in 3 processes."""

    def timed(one: Record, seconds: float) -> Record:
        rounds = (1.0, 1.001, 0.999, 1.002, 0.998, 1.0)
        times = [tuple(seconds * share * (1 + 0.001 * n) for share in rounds) for n in range(3)]
        several = tuple(
            replace(samples(), seconds=taken, session=str(n)) for n, taken in enumerate(times)
        )
        return replace(one, samples=several, baseline="standard")

    header = Header(
        version="0", suite={"name": "scripted", "cases": 2}, seed=0, command="", started="",
        fingerprint={"cpu": "one"}, machine=Machine(ceilings=(CEILING,)),
    )  # fmt: skip
    return Run(header=header, records=(timed(BASE, 1e-3), timed(LIGHT, 400e-6)))
