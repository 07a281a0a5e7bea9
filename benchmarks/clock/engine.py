"""Trials of what `convbench.measure` says, over the processes that `run` uses too.

Every competitor is a module with its input, so it travels to the processes. Several pairs are timed
together, each with its own copies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from statistics import median

import torch
from claim import Claim, at_least, at_most
from torch import nn

from convbench import ConvSpec, build, measure
from convbench.clock.estimates import typical
from convbench.clock.measurement import Measurement, MeasurementError
from convbench.clock.samples import of_process
from convbench.core.intervals import RatioInterval

PROCESSES = 10
PAIRS = 5
"""Timed together in one measurement."""


def convolution(
    name: str = "standard", channels: int = 32, side: int = 28, times: int = 1
) -> tuple[nn.Module, tuple[torch.Tensor]]:
    """Return a convolution, called so many times at each call, with normal input."""
    spec = ConvSpec(
        in_channels=channels, out_channels=channels, input_size=(side, side),
        kernel_size=3, padding="same",
    )  # fmt: skip
    torch.manual_seed(0)
    module, inputs = build(name, spec).eval(), torch.randn(spec.input_shape)
    return (Repeated(module, times) if times > 1 else module), (inputs,)


class Repeated(nn.Module):
    """The same work, so many times."""

    def __init__(self, inner: nn.Module, times: int) -> None:
        """Hold the work."""
        super().__init__()
        self.inner = inner
        self.times = times

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Do it, and return what came last."""
        for _ in range(self.times):
            found = self.inner(inputs)
        return found


def timed(work: dict[str, object], budget: float, processes: int, seed: int = 0) -> Measurement:
    """Measure in so many processes.

    Raises:
        SystemExit: it were fewer, with what the measurement notes: the trial would be another.

    """
    found = measure(work, budget=budget, processes=processes, seed=seed)
    fewest = min(len(several) for several in found.samples.values())
    if fewest < processes:
        said = "; ".join([*found.notes, *found.failures.values()])
        raise SystemExit(f"{fewest} of {processes} processes measured: {said}")
    return found


def ratio(found: Measurement, name: str, base: str) -> RatioInterval | None:
    """Return a ratio; None where every sample was contaminated, so that nothing is said."""
    try:
        return found.ratio(name, base)
    except MeasurementError:
        return None


def aa(scale: float) -> Iterator[Claim]:
    """Compare a convolution with itself."""
    number = max(2, round(40 * scale))
    found: list[RatioInterval | None] = []
    for seed in range(number):
        work = {f"{side}{at}": convolution() for at in range(PAIRS) for side in "ab"}
        measured = timed(work, 2.0, PROCESSES, seed)
        found += [ratio(measured, f"b{at}", f"a{at}") for at in range(PAIRS)]
    told = [r for r in found if r is not None]
    excluding = sum(not r.low <= 1 <= r.high for r in told)
    outside = sum(r.low > 1.02 or r.high < 0.98 for r in told)
    different = sum(r.verdict in {"faster", "slower"} for r in told)
    width = f"typical half-width {median(r.half_width for r in told):.2%}" if told else ""
    yield (
        at_most(
            "intervals of a convolution with itself exclude 1 (at most 8 %)",
            excluding,
            len(told),
            0.08,
        )
        .with_more(width)
        .with_more(f"{len(found) - len(told)} had contaminated samples only")
    )
    yield at_most("they lie outside ±2 % (at most 1 %)", outside, len(told), 0.01)
    yield at_most("they are called faster or slower (at most 5 %)", different, len(told), 0.05)


def injected(scale: float) -> Iterator[Claim]:
    """Find a difference that was put in: the same work 21/20 and 22/20 times."""
    number = max(2, round(20 * scale))
    found: dict[int, list[RatioInterval | None]] = {21: [], 22: []}
    for seed in range(number):
        work = {
            f"{times} {at}": convolution(channels=16, side=14, times=times)
            for at in range(PAIRS)
            for times in (20, *found)
        }
        measured = timed(work, 5.0, PROCESSES, seed)
        for times, several in found.items():
            several += [ratio(measured, f"{times} {at}", f"20 {at}") for at in range(PAIRS)]
    for times, several in found.items():
        true = times / 20
        inside = sum(r is not None and r.low <= true <= r.high for r in several)
        yield at_least(
            f"{true:.2f} is inside the interval (at least 90 %)", inside, len(several), 0.9
        )
    seen = sum(r is not None and r.verdict == "slower" for r in found[22])
    yield at_least("1.10 is found (at least 95 %)", seen, len(found[22]), 0.95)


def held_out(scale: float) -> Iterator[Claim]:
    """Ask whether one more process falls where the interval of others says."""
    number = max(6, round(30 * scale))
    names = ("depthwise", "standard")
    work = {name: convolution(name, channels=64) for name in names}
    found = timed(work, 0.5 * number, number)
    draw = random.Random(0)  # noqa: S311  (an order, not a secret)
    for name in names:
        processes = found.samples[name]
        times = [of_process(samples) for samples in processes]
        for several in (3, 5, 10):
            if several >= len(processes):
                continue
            inside = 0
            for _ in range(1000):
                *seen, other = draw.sample(range(len(processes)), several + 1)
                interval = typical([processes[at] for at in seen])
                inside += interval.low <= times[other] <= interval.high
            yield at_least(
                f"{name}: a held-out process lies in the interval of {several} (at least 90 %)",
                inside,
                1000,
                0.9,
            ).with_more(
                f"{len(processes)} processes measured {min(times) * 1e6:.0f} to "
                f"{max(times) * 1e6:.0f} µs"
            )
