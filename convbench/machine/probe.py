"""`convbench probe`: the ceilings of this machine, kept for the runs that come after.

They are kept in the user's folder for caches, one file for each fingerprint of a machine: its
processor, its GPU and its PyTorch. What was measured on another machine is not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from convbench.clock.processes import ready
from convbench.core.errors import ConvbenchError, DeviceError
from convbench.core.files import dumps, read_json, write_file
from convbench.core.serialization import Scalar, Stored
from convbench.machine.ceilings import RATES, SECONDS, Ceiling, measure_ceiling
from convbench.machine.fingerprint import GROUPS, MUST_MATCH, differences

SCHEMA: Final = 1
LEAST_BUDGET: Final = RATES * SECONDS
MOST_BUDGET: Final = 3600.0
IDENTITY: Final = tuple(
    key
    for group in ("Processor", "Device", "Torch")
    for key in GROUPS[group]
    if key in MUST_MATCH and key not in {"threads", "stopwatch"}
)
"""Facts of a fingerprint that say which machine it is, as far as its ceilings go."""
USUAL: Final = {"cpu": ("float32",), "cuda": ("float32", "tf32", "bfloat16", "float16")}
"""Data types that are measured where none is named, by kind of device."""


class ProbeError(ConvbenchError, ValueError):
    """A probe that cannot be made; the message says of what, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Probe(Stored):
    """What was measured of a machine.

    Attributes:
        format: "convbench probe".
        schema: version of the file, 1.
        version: version of convbench.
        machine: the facts of `IDENTITY`, which another machine does not share.
        ceilings: of each device, data type and number of threads that was probed.

    """

    format: Literal["convbench probe"] = "convbench probe"
    schema: Literal[1] = SCHEMA
    version: str
    machine: dict[str, Scalar]
    ceilings: tuple[Ceiling, ...]

    def of(self, device: str, dtype: str, threads: int) -> Ceiling | None:
        """Return what was measured of one device, data type and number of threads."""
        return next((c for c in self.ceilings if c.what == (device, dtype, threads)), None)


def identity(facts: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the facts of a fingerprint that say which machine it is."""
    return {key: facts[key] for key in IDENTITY if key in facts}


def path(facts: Mapping[str, Any]) -> Path:
    """Return where the probe of a machine is kept, in the user's folder for caches."""
    from platformdirs import user_cache_path

    told = json.dumps(identity(facts), sort_keys=True)
    return (
        user_cache_path("convbench")
        / f"probe-{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"
    )


def kept(facts: Mapping[str, Any]) -> Probe | None:
    """Return what was measured of the machine with these facts; None where nothing was.

    A file that is damaged, of another version, or of another machine says nothing of this one.
    """
    where = path(facts)
    if not where.exists():
        return None
    try:
        found = Probe.from_json(read_json(where, "delete it", ProbeError))
    except ValueError:
        return None
    return None if differences(found.machine, facts) else found


def probe(
    *,
    device: str,
    dtypes: Sequence[str] | None,
    threads: int | None,
    budget: float,
    tell: Callable[[str], None] | None = None,
) -> tuple[Probe, Path]:
    """Measure the ceilings of this machine, and keep them. Imports torch.

    It is measured in a fresh process, as `convbench run` times. What an earlier probe of the same
    machine reached is kept where it is better.

    Args:
        device: "auto", "cpu" or "cuda:<index>".
        dtypes: data types, as in a record; None is `USUAL` for the kind of device.
        threads: intra-op threads; None is a number that can be measured here, as for a run.
        budget: seconds for each data type.
        tell: is told what is measured next.

    Returns:
        What is known of the machine now, and the file that holds it.

    Raises:
        ConvbenchError: a budget, data type, thread count or device that cannot be, or a file that
            cannot be written.

    """
    if not LEAST_BUDGET <= budget <= MOST_BUDGET:
        raise ProbeError(
            f"--budget {budget:g}: {RATES} rates are looked for, each for {SECONDS:g} s at least, "
            f"and there must be an end; give {LEAST_BUDGET:.2g} to {MOST_BUDGET:g} seconds, "
            "such as 10."
        )
    from convbench.core.version import __version__
    from convbench.machine.device import resolve_device, resolve_threads
    from convbench.machine.fingerprint import fingerprint

    chosen = resolve_device(device)
    (number,), because = resolve_threads(None if threads is None else (threads,), chosen)
    facts = fingerprint(chosen, number, because)
    earlier = kept(facts)
    known = {one.what: one for one in earlier.ceilings} if earlier else {}
    for dtype in USUAL[chosen.partition(":")[0]] if dtypes is None else dtypes:
        found: Ceiling | str = ready(device=chosen).ask(
            "convbench.machine.probe:errand", chosen, dtype, number, budget / RATES, told=tell
        )
        if isinstance(found, str):
            raise DeviceError(
                f"--dtype {dtype}: it cannot be multiplied on {chosen} ({found}). Give another, "
                "such as float32."
            )
        before = known.get(found.what)
        known[found.what] = found.best(before) if before else found
    made = Probe(version=__version__, machine=identity(facts), ceilings=tuple(known.values()))
    where = write_file(
        path(facts), dumps(made.to_json(), indent=2) + "\n",
        "make the folder writable, or set XDG_CACHE_HOME to another", ProbeError,
    )  # fmt: skip
    return made, where


def errand(
    device: str, dtype: str, threads: int, seconds: float, *, tell: Callable[[Any], None]
) -> Ceiling | str:
    """Measure one ceiling in this process; where the device does not have the type, say why."""
    if dtype == "tf32" and not device.startswith("cuda"):
        return "TF32 is a number format of NVIDIA GPUs"
    try:
        return measure_ceiling(device, dtype, threads, seconds, tell)
    except RuntimeError as error:
        from convbench.core.errors import first_line

        return first_line(error)


def ceilings(
    device: str, kinds: Sequence[tuple[str, int]], facts: Mapping[str, Any]
) -> tuple[Ceiling, ...]:
    """Return the ceilings of these data types and threads: those of a probe, else measured now.

    A data type that the device cannot multiply has none.
    """
    known = kept(facts)
    found = []
    for dtype, threads in kinds:
        one = known.of(device, dtype, threads) if known else None
        if one is None:
            try:
                one = measure_ceiling(device, dtype, threads)
            except RuntimeError:
                continue
        found.append(one)
    return tuple(found)
