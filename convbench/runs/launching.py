"""What launching costs on a GPU: the kernel time, event time and host time of one call.

- **Kernel time**: a CUDA graph of the calls, replayed between two CUDA events. The device gets all
  kernels in one launch, so what the host needs to launch them is not in it.
- **Event time**: the calls, made one after the other between two CUDA events. Where the host takes
  longer to launch a call than the device to run its kernels, the device waits, and the waiting is
  in it.
- **Host time**: the same by the host's clock, the wait for the device included; **issue time**:
  until the last call had returned.

Times, ratios and verdicts are of kernel time. A case is **launch-bound** where its event time
exceeds its kernel time by more than `LAUNCH_BOUND`, and issuing a call takes the host at least as
long as its kernels take the device. The second is what tells launching from the short gaps that a
device leaves between kernels that are queued: these are not the host's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from convbench.clock.estimates import Estimates
from convbench.clock.samples import EVENT_TIME, KERNEL, KERNEL_TIME, time_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convbench.clock.samples import Samples
    from convbench.core.intervals import Interval
    from convbench.runs.record import Record

LAUNCH_BOUND: Final = 0.1
"""Share of its kernel time by which the event time of a launch-bound case exceeds it, at least."""
CONVENTIONS: Final = {
    KERNEL_TIME: "a CUDA graph of the calls, replayed between CUDA events, without the gaps of "
    "launching",
    EVENT_TIME: "the calls launched one after the other between CUDA events, with what the GPU "
    "waits for launches",
}
"""What the times of a GPU are, by what they are called."""


@dataclass(frozen=True, kw_only=True)
class Launching:
    """The times of one call on a GPU, in seconds; see the module.

    Attributes:
        kernel: None where the kernels alone were not timed.
        events: between CUDA events, launching included.
        host: by the host's clock; None where it was not read.
        issue: until the call had returned; None likewise.

    """

    kernel: Interval | None
    events: Interval
    host: Interval | None
    issue: Interval | None

    @property
    def share(self) -> float | None:
        """The share of the event time in which no kernel runs; None without kernel time."""
        if self.kernel is None:
            return None
        return max(0.0, 1 - self.kernel.value / self.events.value)

    @property
    def waits(self) -> bool | None:
        """Whether the event time exceeds the kernel time by `LAUNCH_BOUND`; None without kernels.

        Why is not said: the device waits for launches, or between kernels that are queued.
        """
        if self.kernel is None:
            return None
        return self.events.value > (1 + LAUNCH_BOUND) * self.kernel.value

    @property
    def bound(self) -> bool | None:
        """Whether the case is launch-bound; None where that is not known.

        So it is without kernel time, and where the device waits and there is no issue time.
        """
        if not self.waits or self.kernel is None:
            return self.waits
        return None if self.issue is None else self.issue.value >= self.kernel.value


def clocks(records: Iterable[Record]) -> dict[str, Estimates]:
    """Return what each clock of a GPU says of the records of a group; nothing of any other device.

    The names are "kernel", "events", "host" and "issue"; each has the cases that it timed.
    """
    found: dict[str, dict[str, tuple[Samples, ...]]] = {}
    for record in records:
        if not record.device.startswith("cuda") or time_title(record.samples) != EVENT_TIME:
            continue
        told = {
            KERNEL: record.also.get(KERNEL, ()),
            "events": record.samples,
            "host": tuple(s.only(s.host_seconds) for s in record.samples if s.host_seconds),
            "issue": tuple(s.only(s.issue_seconds) for s in record.samples if s.issue_seconds),
        }
        for name, samples in told.items():
            if samples and min(one.minimum for one in samples) > 0:
                found.setdefault(name, {})[record.case] = samples
    return {name: Estimates(cases) for name, cases in found.items()}


def launching(case: str, known: Mapping[str, Estimates]) -> Launching | None:
    """Return the times of a case by all clocks of a GPU; None of any other device.

    known: what `clocks` returned for its group.
    """

    def time(name: str) -> Interval | None:
        found = known.get(name)
        return found.time(case) if found and case in found.cases else None

    events = time("events")
    if events is None:
        return None
    return Launching(kernel=time(KERNEL), events=events, host=time("host"), issue=time("issue"))
