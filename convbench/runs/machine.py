"""What a machine says of itself before a run: its A/A test, and its ceilings.

Both are measured in a process of their own, the ceilings only where `convbench probe` has not
measured them before, and stand in the run's header: every report of the run can then say what this
machine could do, and tell apart on that day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convbench.clock.conversation import ProcessError
from convbench.clock.processes import ready
from convbench.runs.record import Machine

_UNTOLD: Final = {
    True: "the system does not tell the size of the processor's caches",
    False: "this version of PyTorch does not tell the size of the GPU's L2 cache",
}


def know_thyself(
    device: str, kinds: tuple[tuple[str, int], ...], seconds: float, seed: int
) -> Machine:
    """Return what the machine is: see `examine`; where that failed, the reason.

    kinds: (data type, threads) of which to measure ceilings. seconds: of the A/A test; 0 for none
    of either.
    """
    if not seconds:
        return Machine()
    try:
        found: Machine = ready(device=device).ask(
            "convbench.runs.machine:examine", device, kinds, seconds, seed
        )
    except ProcessError as error:
        return Machine(failed=str(error))
    return found


def examine(
    device: str,
    kinds: tuple[tuple[str, int], ...],
    seconds: float,
    seed: int,
    *,
    tell: Callable[[Any], None],
) -> Machine:
    """Measure the machine in this process: its ceilings, and its A/A test."""
    from convbench.clock.caches import l2_bytes, last_level_cache
    from convbench.machine.fingerprint import fingerprint
    from convbench.machine.probe import ceilings
    from convbench.machine.selfcheck import self_check

    found = ceilings(device, kinds, fingerprint(device, kinds[0][1]))
    threads = kinds[0][1]
    tell("measuring the machine against itself")
    cache = last_level_cache() if device == "cpu" else l2_bytes(device)
    return Machine(
        cache_bytes=cache,
        cache_unknown_because="" if cache else _UNTOLD[device == "cpu"],
        ceilings=found,
        resolution=self_check(seconds, threads, device, seed),
    )
