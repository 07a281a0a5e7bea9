"""Trials of the stopwatch and the sampler alone, in one process.

`scale` is 1 for the number of trials that the claim is about, and less for a look.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import repeat
from statistics import median

import torch
from claim import Claim
from noise import busy

from convbench import ConvSpec, build
from convbench.clock.caches import ColdWork, HostEvictor, copies_for
from convbench.clock.contamination import contaminated_share
from convbench.clock.sampler import measure_group
from convbench.clock.samples import Samples
from convbench.clock.settings import execution
from convbench.clock.stats import ratio
from convbench.clock.stopwatch import Reading, WallStopwatch, Work
from convbench.core.intervals import RatioInterval


def convolution(channels: int = 32, side: int = 28, kernel: int = 3, seed: int = 0) -> Work:
    """Return a call of a standard convolution on normal input."""
    spec = ConvSpec(
        in_channels=channels, out_channels=channels, input_size=(side, side),
        kernel_size=kernel, padding="same",
    )  # fmt: skip
    torch.manual_seed(seed)
    return _call(build("standard", spec).eval(), torch.randn(spec.input_shape))


def pair(
    first: Work, second: Work, seed: int, budget: float = 0.4, **limits: object
) -> tuple[RatioInterval, dict[str, Samples]]:
    """Time two against each other; return the ratio of the second to the first."""
    options = {"min_rounds": 10, "max_rounds": 100_000, **limits}
    found = measure_group(
        {"first": first, "second": second}, stopwatch=WallStopwatch(), seed=seed, budget=budget,
        session=str(seed), threads=1, **options,
    )  # fmt: skip
    samples = {name: result for name, result in found.items() if isinstance(result, Samples)}
    return ratio(samples["second"], samples["first"]), samples


class Summing(WallStopwatch):
    """A wall clock that also knows how long it ran in all."""

    total = 0.0

    def time(self, work: Work, calls: int) -> Reading:
        """Return what the wall clock says, and add it up."""
        reading = super().time(work, calls)
        self.total += reading.seconds
        return reading


def overhead(scale: float) -> Iterator[Claim]:
    """Compare the clock with a bare loop, with torch's own timer, and with the wall."""
    from torch.utils.benchmark import Timer

    with execution(1):
        small = convolution(8, 8, 1)
        for name, work, most in (
            ("100 µs", convolution(24, 28), 0.01), ("5 µs", _python(40), 0.03)
        ):  # fmt: skip
            found = [_against_bare(work) for _ in range(max(5, round(15 * scale)))]
            middle = median(found)
            yield Claim(
                f"about {name} a call: the clock adds to a bare loop (at most {most:.0%})",
                f"{middle - 1:+.2%}",
                middle - 1 <= most,
            )
        near = 0
        runs = 10
        for seed in range(runs):
            samples = measure_group(
                {"work": small}, stopwatch=WallStopwatch(), seed=seed, budget=0.5, session="",
                max_rounds=100_000, threads=1,
            )["work"]  # fmt: skip
            other = Timer("work()", globals={"work": small}).blocked_autorange(min_run_time=0.5)
            if isinstance(samples, Samples):
                near += abs(samples.median / other.median - 1) <= 0.03
        yield Claim(
            "runs within 3 % of torch's blocked_autorange (at least 9 of 10)",
            f"{near} of {runs}",
            near >= 9,
        )
        stopwatch = Summing()
        works = {str(n): convolution(16 * n, 28) for n in range(1, 5)}
        begin = time.perf_counter()
        measure_group(
            works, stopwatch=stopwatch, seed=0, budget=5 * scale, session="", max_rounds=100_000
        )
        share = stopwatch.total / (time.perf_counter() - begin)
        yield Claim(
            "share of the wall time that is in timed calls (at least 70 %)",
            f"{share:.0%}",
            share >= 0.7,
        )


def _python(turns: int) -> Work:
    def work() -> int:
        total = 0
        for number in range(turns * 2):
            total += number
        return total

    return work


def _against_bare(work: Work) -> float:
    samples = measure_group(
        {"work": work}, stopwatch=WallStopwatch(), seed=0, budget=0.2, session="",
        max_rounds=100_000, threads=1,
    )["work"]  # fmt: skip
    assert isinstance(samples, Samples)
    bare = []
    for _ in range(len(samples.seconds)):
        begin = time.perf_counter_ns()
        for _ in repeat(None, samples.block):
            work()
        bare.append((time.perf_counter_ns() - begin) / 1e9 / samples.block)
    return samples.median / median(bare)


def noise(scale: float) -> Iterator[Claim]:
    """Compare the contaminated share of the samples, idle and under noise."""
    with execution(1):
        work = convolution()

        def share() -> float:
            return contaminated_share(
                list(pair(work, work, 0, budget=max(1.0, 5 * scale))[1].values())
            )

        idle = share()
        with busy(2):
            loaded = share()
    yield Claim(
        "contaminated samples beside two neighbours (at least twice as many as alone)",
        f"{loaded:.1%}; {idle:.1%} alone",
        loaded >= 2 * idle and loaded > 0,
    )


def cold(scale: float) -> Iterator[Claim]:
    """Compare a convolution with caches that hold its data, and with caches that do not."""
    evictor = HostEvictor()
    pool = evictor.pool_bytes / 2**20
    with execution(1):
        for name, channels, side, kernel in (("1×1", 512, 7, 1), ("compute-bound", 256, 28, 3)):
            spec = ConvSpec(
                in_channels=channels, out_channels=channels, input_size=(side, side),
                kernel_size=kernel, padding="same",
            )  # fmt: skip
            nbytes = 4 * (channels**2 * kernel**2 + channels * side**2)
            copies = [
                _call(build("standard", spec).eval(), torch.randn(spec.input_shape))
                for _ in range(copies_for(nbytes))
            ]
            found, _ = pair(
                copies[0], ColdWork(copies, evictor), 0, budget=max(2.0, 15 * scale),
                max_block=len(copies),
            )  # fmt: skip
            limit = "above 1" if kernel == 1 else "within 5 %"
            yield Claim(
                f"{name} ({channels} channels, {side}×{side}): cold divided by warm ({limit})",
                f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f}), pool of {pool:.0f} MiB",
                found.low > 1 if kernel == 1 else abs(math.log(found.value)) <= math.log(1.05),
            )


def _call(module: torch.nn.Module, inputs: torch.Tensor) -> Work:
    return lambda: module(inputs)
