"""What `convbench.measure` returns: raw samples, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from convbench.clock.contamination import flags, hopeless
from convbench.clock.cuda_flags import Tf32
from convbench.clock.estimates import Estimates
from convbench.clock.samples import Samples, time_title
from convbench.core import text as show
from convbench.core.errors import ConvbenchError
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.notebook_views import OneLine, Shown
from convbench.core.registry import unknown


class MeasurementError(ConvbenchError, ValueError):
    """A time or a ratio that the measurement cannot give, for the reason in the message."""


_FLOAT32: Final = {
    True: "TF32 in convolutions and matrix products",
    False: "IEEE float32, without TF32",
    "in convolutions": "TF32 in convolutions, IEEE float32 in matrix products",
    "in matrix products": "TF32 in matrix products, IEEE float32 in convolutions",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Measurement(OneLine, Shown, view="measurements"):
    """Competitors timed together; printed, and in a notebook, a table of times and ratios.

    Attributes:
        samples: raw samples by competitor, one entry for each process; empty if it failed.
        kernels: on a GPU the same of the kernels alone, for those that could be captured.
        failures: why a competitor has no samples, by its name.
        notes: remarks on the measurement, such as why it was not made in new processes.
        told: flags that no sample can say, by competitor, such as that another process used the
            GPU; the notes have them too.
        tf32: where float32 work on a GPU could use TF32, as torch was set in the calling process;
            None on a CPU, which has none.

    """

    samples: dict[str, tuple[Samples, ...]]
    kernels: dict[str, tuple[Samples, ...]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    told: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tf32: Tf32 | None = None

    @property
    def in_short(self) -> str:
        """Its competitors, those without a time with the reason."""
        found = ", ".join(
            f"{name} {_shown(time) if isinstance(time, Interval) else f'has no time: {time}'}"
            for name, time in self._times.items()
        )
        return f"{show.plural(len(self.samples), 'competitor')}: {found}"

    @property
    def base(self) -> str:
        """The first competitor with a time to believe, which the table's ratios refer to; or ""."""
        return next((name for name, time in self._times.items() if isinstance(time, Interval)), "")

    @property
    def heads(self) -> tuple[str, ...]:
        """The headings of `table`."""
        return ("competitor", self.clock, f"time ÷ {self.base}".strip(" ÷"), "verdict")

    @property
    def clock(self) -> str:
        """What its times are called: "time of a call"; on a GPU "kernel time" or "event time"."""
        return time_title(one for several in self.judged.values() for one in several)

    @property
    def table(self) -> list[tuple[str, str, str, str]]:
        """Each competitor's name, time, ratio to the first one's and verdict, as text.

        Intervals are those of `interval` and `ratio`. One without a time has the reason in place
        of its verdict.
        """
        rows = []
        for name, time in self._times.items():
            if isinstance(time, str):
                rows.append((name, show.MISSING, "", f"no time: {time}"))
            elif name == self.base:
                rows.append((name, _shown(time), "", ""))
            else:
                ratio = self.ratio(name, self.base)
                rows.append((name, _shown(time), _shown(ratio), ratio.verdict))
        return rows

    @property
    def basis(self) -> str:
        """What the intervals of the table are, and on a GPU what float32 is, in sentences."""
        most = max(map(len, self.judged.values()), default=0)
        which = "a time would be over more rounds" if most <= 1 else "one more process would fall"
        processes = show.plural(most, "process", "processes")
        return (
            f"± and (…): 95 % intervals, from {processes}; ± is where {which}. "
            "Uncertain: wider than a third of a time, or than a factor of 2 of a ratio."
            + (f" float32 work on the GPU: {self.float32}." if self.float32 else "")
        )

    @property
    def float32(self) -> str:
        """How float32 work was computed on a GPU, in words; "" on a CPU."""
        return _FLOAT32[self.tf32.told] if self.tf32 else ""

    @cached_property
    def _times(self) -> dict[str, Interval | str]:
        """The time of each competitor, or why it has none."""
        found: dict[str, Interval | str] = {}
        for name in self.samples:
            try:
                found[name] = self._doubt(name) or self.interval(name)
            except ValueError as error:  # a time of 0: the stopwatch is too coarse for it
                found[name] = str(error)
        return found

    def __str__(self) -> str:
        """Return the table, what its intervals are, and the notes."""
        from tabulate import tabulate

        lines = tabulate(self.table, self.heads, tablefmt="simple", disable_numparse=True)
        return "\n".join([lines, self.basis, *self.notes])

    @property
    def stop_reason(self) -> str:
        """Why there were no more rounds, in words."""
        said = [s.stop_reason for several in self.samples.values() for s in several]
        return "; ".join(dict.fromkeys(said))

    @property
    def flags(self) -> dict[str, tuple[str, ...]]:
        """Warnings about each competitor, by name, as "kind: what was observed"; () for none."""
        return {
            name: (*flags(several), *self.told.get(name, ())) if several else ()
            for name, several in self.judged.items()
        }

    def median(self, name: str) -> float:
        """Return the typical time of one call in seconds.

        Raises as `interval` does.
        """
        return self.interval(name).value

    def interval(self, name: str, confidence: float = 0.95) -> Interval:
        """Return the time of one call in seconds, with its interval.

        On a GPU it is kernel time where the kernels of every competitor were timed, else event
        time. It is the lower quartile of a process's rounds, the median over processes. With
        several processes the interval is a prediction interval for one more process; with one it is
        between two order statistics of its rounds.

        Raises:
            UnknownNameError: no competitor of this name.
            MeasurementError: it failed, or every sample of it is contaminated.

        """
        self._believed(name)
        return self.estimates.time(name, confidence)

    def ratio(self, name: str, base: str, confidence: float = 0.95) -> RatioInterval:
        """Return the time of `name` divided by that of `base`: value, low, high, verdict.

        Raises as `interval` does.
        """
        self._believed(name, base)
        return self.estimates.ratio(name, base, confidence)

    @cached_property
    def estimates(self) -> Estimates:
        """What follows from the samples that times rest on, of those that have any."""
        return Estimates({name: several for name, several in self.judged.items() if several})

    @cached_property
    def judged(self) -> dict[str, tuple[Samples, ...]]:
        """The samples that times rest on: the kernels' where all have them, so that all compare."""
        every = all(name in self.kernels for name, several in self.samples.items() if several)
        return self.samples | self.kernels if every else self.samples

    def _believed(self, *names: str) -> None:
        """Raise for a competitor without a time to believe: a failure is said before any noise."""
        for name in names:
            if name not in self.samples:
                raise unknown("competitor", name, self.samples)
            if name in self.failures:
                raise MeasurementError(
                    f"{name} has no time: {self.failures[name]}. Mend it and measure again."
                )
        for name in names:
            if why := self._doubt(name):
                raise MeasurementError(f"{name}: {why}. The raw times are in .samples.")

    def _doubt(self, name: str) -> str:
        """Return why a competitor has no time to believe; "" where it has one."""
        if name in self.failures:
            return self.failures[name]
        if hopeless(self.judged[name]):
            return (
                "something else had the processor for most of every sample; stop what else runs "
                "here and measure again"
            )
        return ""


def _shown(value: Interval | RatioInterval) -> str:
    """Return a time or a ratio with what is known around it, or that nothing narrow is."""
    middle, around = show.parts(value)
    return f"{middle} {around or '(uncertain)'}"
