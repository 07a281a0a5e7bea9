"""Records of code that is no registered type and no network: what users' tests time. No torch here.

Such a record has kind "code". Its group and slot are the test, so that a case is found again in
another run by the test's name; its counts, if any, are tallies, since there is no formula of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from convbench.clock.contamination import flags
from convbench.clock.cuda_flags import Tf32
from convbench.clock.measurement import Measurement, MeasurementError
from convbench.clock.samples import KERNEL, Samples
from convbench.counting.tally import Tally, Unavailable
from convbench.runs.record import Record

UNKNOWN: Final = "unknown"
"""Data type and layout of what is given no tensor."""
_ONLY_ONE: Final = 1


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A competitor of a test: what it is called, what it is given, what was counted of it."""

    label: str
    inputs: tuple[Any, ...] = ()
    tallies: dict[str, Tally | Unavailable] = field(default_factory=dict)


def measured(
    found: Measurement,
    work: Mapping[str, Timed],
    *,
    group: str,
    base: str,
    device: str,
    threads: int,
    asked: str = "",
) -> list[Record]:
    """Return one record a competitor of a measurement, in its order.

    group: the test, and which of its measurements; unique in a run. base: the competitor that
    ratios refer to. asked: what the test asks of them, in words.
    """
    return [
        Record(
            case=f"{name} | {group}",
            group=group,
            slot=group,
            kind="code",
            name=name,
            label=_text(f"{name} ({item.label})"),
            knobs={},
            spec=None,
            **_given(item.inputs, found.tf32),
            device=device,
            threads=threads,
            allocator=next((samples.allocator for samples in found.samples[name]), "system"),
            baseline=f"{base} | {group}" if len(work) > _ONLY_ONE else None,
            **_status(found, name),
            tallies=item.tallies,
            samples=found.samples[name],
            also={KERNEL: found.judged[name]}
            if found.judged[name] is not found.samples[name]
            else {},
            flags=(*found.flags[name], *_notes(found, name)),
            ran=_ran(found, asked),
        )
        for name, item in work.items()
    ]


def _ran(found: Measurement, asked: str) -> dict[str, str]:
    """Return what a test asked, and on a GPU where float32 work could use TF32."""
    said = {"asked": asked} if asked else {}
    return said if found.tf32 is None else {**said, "tf32": str(found.tf32.told)}


def _notes(found: Measurement, name: str) -> list[str]:
    """Return the notes that no flag says already."""
    told = [f"{one}: {flag}" for one, several in found.told.items() for flag in several]
    said = " ".join((*found.flags[name], *told))
    return [f"note: {note}" for note in found.notes if note not in said]


def _status(found: Measurement, name: str) -> dict[str, Any]:
    if name in found.failures:
        return {"status": "failed", "reason": found.failures[name]}
    try:
        found.interval(name)
    except MeasurementError as error:
        return {"status": "invalid", "reason": str(error)}
    return {"status": "ok"}


def _given(inputs: tuple[Any, ...], tf32: Tf32 | None = None) -> dict[str, Any]:
    """Return shape, data type and layout of the first tensor, by what it says of itself.

    tf32: where float32 may use it, on a GPU: it is then called by that.
    """
    first = next(
        (item for item in inputs if hasattr(item, "shape") and hasattr(item, "dtype")), None
    )
    if first is None:
        return {"input_shape": (), "dtype": UNKNOWN, "layout": UNKNOWN}
    shape = tuple(int(size) for size in first.shape)
    dtype = str(first.dtype).removeprefix("torch.")
    return {
        "input_shape": shape,
        "dtype": tf32.float32 if tf32 and dtype == "float32" else dtype,
        "layout": _layout(first, len(shape)),
    }


def _layout(tensor: Any, axes: int) -> str:
    """Return the layout; a tensor that both describe, as with one channel, is channels_first."""
    contiguous = getattr(tensor, "is_contiguous", None)
    if contiguous is None or contiguous():
        return "channels_first"
    import torch

    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(axes)
    return "channels_last" if last is not None and contiguous(memory_format=last) else UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One result of pytest-benchmark, as its fixture holds it after the test.

    test: node id. name: of the function. label: with its parameters. group: as the benchmark says;
    empty where it says none. params: of the test. seconds: per call, one a round. calls: in a
    round. timer: name of the clock's function. extra: its `extra_info`. threads: intra-op threads
    in force, 0 where untold. failure: what the test failed with; empty where it passed.
    """

    test: str
    name: str
    label: str
    group: str
    params: Mapping[str, Any]
    seconds: Sequence[float]
    calls: int
    timer: str
    extra: Mapping[str, Any]
    threads: int
    failure: str = ""


def benchmarked(found: Benchmark) -> Record:
    """Return the record of a result of pytest-benchmark.

    Its rounds are one competitor's after another's: nothing is interleaved, so there is no baseline
    and no ratio. What it does not tell (first call, warm-up, page faults, who else ran) is unknown.
    Times of a test that failed are kept and not to be believed.
    """
    group = found.group or found.test.partition("::")[0]
    status: dict[str, Any] = {"status": "ok"}
    if found.failure:
        state = "invalid" if found.seconds else "failed"
        status = {"status": state, "reason": _text(f"the test failed: {found.failure}")}
    samples = (_samples(found),) if found.seconds else ()
    return Record(
        case=f"{found.test} | {group}",
        group=group,
        slot=group,
        kind="code",
        name=found.name,
        label=found.label,
        knobs={_text(name): _plain(value) for name, value in found.params.items()},
        spec=None,
        **_given(()),
        device="cpu",
        threads=found.threads,
        allocator="system",
        **status,
        samples=samples,
        flags=flags(samples) if samples else (),
        ran={_text(name): _text(value) for name, value in found.extra.items()},
    )


def _samples(found: Benchmark) -> Samples:
    return Samples(
        seconds=tuple(float(value) for value in found.seconds),
        cpu_seconds=(),
        page_faults=(),
        involuntary_switches=(),
        block=found.calls,
        first_call=None,
        warmup_calls=None,
        stopwatch=f"pytest-benchmark ({found.timer})",
        seed=0,
        threads=found.threads,
        session=uuid.uuid4().hex[:12],
        stop_reason=f"{len(found.seconds)} rounds made by pytest-benchmark",
        settled=None,
        process="pytest-benchmark times in the process of the tests",
    )


def _plain(value: Any) -> Any:
    """Return a parameter as a JSON type; what is none (a tensor, NaN) as its text."""
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return value if isinstance(value, int | None) else _text(value)


def _text(value: object) -> str:
    """Return text that a file can hold: half a character (a lone surrogate) is written out."""
    return str(value).encode("utf-8", "backslashreplace").decode()
