"""What `convbench.measure` returns: raw samples, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from convbench.clock.contamination import flags, hopeless
from convbench.clock.estimates import Estimates
from convbench.clock.samples import Samples
from convbench.core.errors import ConvbenchError
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.registry import unknown


class MeasurementError(ConvbenchError, ValueError):
    """A time or a ratio that the measurement cannot give, for the reason in the message."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Competitors timed together.

    Attributes:
        samples: raw samples by competitor, one entry for each process; empty if it failed.
        failures: why a competitor has no samples, by its name.
        notes: remarks on the measurement, such as why it was not made in new processes.

    """

    samples: dict[str, tuple[Samples, ...]]
    failures: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def stop_reason(self) -> str:
        """Why there were no more rounds, in words."""
        said = [s.stop_reason for several in self.samples.values() for s in several]
        return "; ".join(dict.fromkeys(said))

    @property
    def flags(self) -> dict[str, tuple[str, ...]]:
        """Warnings about each competitor, by name, as "kind: what was observed"; () for none."""
        return {name: flags(several) if several else () for name, several in self.samples.items()}

    def median(self, name: str) -> float:
        """Return the typical time of one call in seconds.

        Raises as `interval` does.
        """
        return self.interval(name).value

    def interval(self, name: str, confidence: float = 0.95) -> Interval:
        """Return the time of one call in seconds, with its interval.

        The time is the lower quartile of a process's rounds, the median over processes. With
        several processes the interval is a prediction interval for one more process; with one it is
        between two order statistics of its rounds.

        Raises:
            UnknownNameError: no competitor of this name.
            MeasurementError: it failed, or every sample of it is contaminated.

        """
        self._believed(name)
        return self._estimates.time(name, confidence)

    def ratio(self, name: str, base: str, confidence: float = 0.95) -> RatioInterval:
        """Return the time of `name` divided by that of `base`: value, low, high, verdict.

        Raises as `interval` does.
        """
        self._believed(name)
        self._believed(base)
        return self._estimates.ratio(name, base, confidence)

    @cached_property
    def _estimates(self) -> Estimates:
        return Estimates({name: several for name, several in self.samples.items() if several})

    def _believed(self, name: str) -> None:
        """Raise for a competitor without a time to believe."""
        if name not in self.samples:
            raise unknown("competitor", name, self.samples)
        if name in self.failures:
            raise MeasurementError(
                f"{name} has no time: {self.failures[name]}. Mend it and measure again."
            )
        if hopeless(self.samples[name]):
            raise MeasurementError(
                f"{name}: something else had the processor for most of every sample; stop what "
                "else runs here and measure again. The raw times are in .samples."
            )
