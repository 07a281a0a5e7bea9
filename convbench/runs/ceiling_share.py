"""How much of a device's ceilings a record reaches; more than all of it is flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.clock.estimates import typical
from convbench.core.units import itemsize
from convbench.runs.gap import fewer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.machine.ceilings import Ceiling
    from convbench.runs.record import Record

MORE_THAN_ALL: Final = 1.05
"""A share of a ceiling above this is flagged: the ceiling itself is known to a few percent."""


def ceiling_of(record: Record, ceilings: Iterable[Ceiling]) -> Ceiling | None:
    """Return the ceiling of the record's device, data type and threads; None for none."""
    wanted = (record.device, record.dtype, record.threads)
    return next((c for c in ceilings if (c.device, c.dtype, c.threads) == wanted), None)


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

    cache_bytes: of the last-level cache; what fits into it may be moved faster than memory can.
    """
    reached = shares(record, ceiling) if ceiling else None
    if reached is None or record.cost is None:
        return ()
    found = []
    if reached[0] > MORE_THAN_ALL:
        found.append(
            f"efficiency: {reached[0]:.0%} of the multiplications the device does at its peak"
        )
    moved = record.cost.bytes_moved(itemsize(record.dtype) or 1)
    warm = record.cache == "warm" and cache_bytes is not None and moved < cache_bytes
    if reached[1] > MORE_THAN_ALL and not warm:
        found.append(f"bandwidth: {reached[1]:.0%} of the bytes the device copies at its peak")
    return tuple(found)
