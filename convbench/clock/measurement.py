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
        samples: raw samples by name, one entry a process; empty where it failed.
        failures: why a competitor has no samples, by name.
        notes: what to know of the whole: where it was timed, and why not in a fresh process.

    """

    samples: dict[str, tuple[Samples, ...]]
    failures: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def stop_reason(self) -> str:
        """In words, why there are not more rounds."""
        said = [s.stop_reason for several in self.samples.values() for s in several]
        return "; ".join(dict.fromkeys(said))

    @property
    def flags(self) -> dict[str, tuple[str, ...]]:
        """What to know of each competitor, by name, as "kind: what was seen"; () for nothing."""
        return {name: flags(several) if several else () for name, several in self.samples.items()}

    def median(self, name: str) -> float:
        """Return the typical time of one call in seconds.

        Raises as `interval` does.
        """
        return self.interval(name).value

    def interval(self, name: str, confidence: float = 0.95) -> Interval:
        """Return the time of one call in seconds, with its interval.

        With several processes the interval is where one more process's median would fall; with
        one it is that of the order statistics of its rounds.

        Raises:
            UnknownNameError: no competitor of this name.
            MeasurementError: it failed, or every sample of it is contaminated.

        """
        self._believed(name)
        return self._estimates.time(name, confidence)

    def ratio(self, name: str, base: str, confidence: float = 0.95) -> RatioInterval:
        """Return how many times as long `name` takes as `base`: value, low, high, verdict.

        Raises as `interval` does.
        """
        self._believed(name, base)
        return self._estimates.ratio(name, base, confidence)

    @cached_property
    def _estimates(self) -> Estimates:
        return Estimates({name: several for name, several in self.samples.items() if several})

    def _believed(self, *names: str) -> None:
        """Raise for a competitor without a time to believe: a failure is said before any noise."""
        for name in names:
            if name not in self.samples:
                raise unknown("competitor", name, self.samples)
            if name in self.failures:
                raise MeasurementError(
                    f"{name} has no time: {self.failures[name]}. Mend it and measure again."
                )
        for name in filter(lambda name: hopeless(self.samples[name]), names):
            raise MeasurementError(
                f"{name}: something else had the processor for most of every sample; stop what "
                "else runs here and measure again. The raw times are in .samples."
            )
