"""How much of a device's ceilings a record reaches; more than all of it is flagged."""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Final

from convbench.clock.estimates import typical
from convbench.core.units import itemsize
from convbench.runs.gap import fewer
from convbench.runs.roofline import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.machine.ceilings import Ceiling
    from convbench.runs.record import Record

MORE_THAN_ALL: Final = 1.05
"""A share of a ceiling above this is flagged: the ceiling itself is known to a few percent."""
ANOTHER_CLOCK: Final = 1.03
"""How many times as high a GPU's clock is, at least, for a share of its peak to say so."""


def ceiling_of(record: Record, ceilings: Iterable[Ceiling]) -> Ceiling | None:
    """Return the ceiling of the record's device, data type and threads; None for none."""
    wanted = (record.device, record.dtype, record.threads)
    return next((c for c in ceilings if (c.device, c.dtype, c.threads) == wanted), None)


def load_clock(record: Record) -> int | None:
    """Return the clock of a GPU's multiprocessors in MHz, the middle of all samples; None untold.

    Of the samples that the record's time rests on.
    """
    told = [clock for samples in record.judged for clock in samples.sm_clock_mhz]
    return median_low(told) if told else None


def another_clock(record: Record, ceiling: Ceiling | None) -> str:
    """Return that a GPU ran a record at another clock than its peak; "" where not, or untold.

    Rates of multiplications follow the clock, so that a share of the peak does as well.
    """
    ran, peak = load_clock(record), ceiling.sm_clock_mhz if ceiling else None
    if not ran or not peak or 1 / ANOTHER_CLOCK <= ran / peak <= ANOTHER_CLOCK:
        return ""
    return f"at {ran:,} MHz, the peak at {peak:,} MHz"


def shares(record: Record, ceiling: Ceiling) -> tuple[float, float] | None:
    """Return the shares of the two ceilings that a record reaches: multiplications, bytes.

    Of forward passes, by derived cost and typical time: multiplications without taps on padding,
    since a kernel may leave these out, fewer where the kernels that ran name an algorithm which
    needs fewer; and the bytes the least that an unfused program moves. None without a cost or a
    time.
    """
    size = itemsize(record.dtype)
    if record.cost is None or not record.samples or record.direction != "forward" or not size:
        return None
    seconds = typical(record.judged).value
    if not seconds:
        return None
    executed = record.cost.multiplications_valid / (
        fewer(record.execution) if record.execution else 1
    )
    return (
        executed / seconds / ceiling.multiplications_per_second,
        record.cost.bytes_moved(size) / seconds / ceiling.bytes_per_second,
    )


def flags(record: Record, ceiling: Ceiling | None, cache_bytes: int | None) -> tuple[str, ...]:
    """Return flags for a record that does more than its device can.

    cache_bytes: of the last-level cache; what it may have held is not moved at memory's bandwidth.
    """
    reached = shares(record, ceiling) if ceiling else None
    if reached is None or record.cost is None:
        return ()
    found = []
    if reached[0] > MORE_THAN_ALL:
        apart = another_clock(record, ceiling)
        found.append(_more_than_the_peak(record, reached[0]) + (f"; {apart}" if apart else ""))
    moved = record.cost.bytes_moved(itemsize(record.dtype) or 1)
    beyond = reached[1] * _from_memory(record, moved, cache_bytes) / moved if moved else 0.0
    if beyond > MORE_THAN_ALL:
        found.append(f"bandwidth: {beyond:.0%} of the bytes the device copies at its peak")
    return tuple(found)


def _more_than_the_peak(record: Record, share: float) -> str:
    """Return the flag: a faster algorithm where a kernel names one, that it cannot be, or neither.

    A GPU's libraries have such algorithms: where it is not known what ran, nothing is concluded.
    """
    ran = record.execution
    if ran is not None and (faster := ran.fast_algorithms):
        return (
            f"faster algorithm: {' and '.join(faster)}, which multiplies less than the formula, "
            f"{share:.0%} of the peak by that"
        )
    if record.device != "cpu" and (ran is None or ran.reason):
        return (
            f"above the peak: {share:.0%} of it by the formula; which algorithm ran is not known, "
            "and Winograd or FFT would multiply less"
        )
    return f"efficiency: {share:.0%} of the multiplications the device does at its peak"


def _from_memory(record: Record, moved: float, cache_bytes: int | None) -> float:
    """Return how many of the bytes that a call moves at least no cache can have served.

    What a cache of S bytes holds when a step ends is at most S bytes: the next step need not read
    them, and they need not have been written. So of N steps, repeated, the caches serve at most
    (2·N - 1)·S bytes. With a processor's several caches, all bytes count as soon as they are more
    than its last one holds.
    """
    if record.cache != "warm":
        return moved
    if record.device == "cpu":
        return moved if cache_bytes is None or moved >= cache_bytes else 0.0
    if cache_bytes is None:
        return 0.0
    boundaries = 2 * max(1, len(steps_of(record))) - 1
    return max(0.0, moved - boundaries * cache_bytes)
