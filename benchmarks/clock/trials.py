"""What the clock claims, each as a function that measures it and yields the claim with its figure.

`scale` is 1 for the number of trials that the claim is about, and less for a look.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from statistics import median

import torch
from noise import busy

from convbench import ConvSpec, build
from convbench.timing.caches import ColdWork, HostEvictor, copies_for
from convbench.timing.contamination import contaminated_share
from convbench.timing.hierarchy import typical
from convbench.timing.processes import fresh
from convbench.timing.sampler import measure_group
from convbench.timing.samples import Samples
from convbench.timing.settings import execution
from convbench.timing.stats import RatioInterval, ratio
from convbench.timing.stopwatch import Reading, WallStopwatch, Work


@dataclass(frozen=True)
class Claim:
    """A claim with its figure, and whether it held."""

    text: str
    holds: bool


def convolution(channels: int = 32, side: int = 28, kernel: int = 3, seed: int = 0) -> Work:
    """Return a call of a standard convolution on normal input."""
    spec = ConvSpec(
        in_channels=channels, out_channels=channels, input_size=(side, side),
        kernel_size=kernel, padding="same",
    )  # fmt: skip
    torch.manual_seed(seed)
    module, inputs = build("standard", spec).eval(), torch.randn(spec.input_shape)
    return lambda: module(inputs)


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


def times(work: Work, number: int) -> Work:
    """Return the same work, so many times."""

    def repeated() -> None:
        for _ in repeat(None, number):
            work()

    return repeated


def aa(scale: float) -> Iterator[Claim]:
    """Compare a convolution with itself."""
    number = max(10, round(200 * scale))
    with execution(1):
        work = convolution()
        found = [pair(work, work, seed)[0] for seed in range(number)]
    excluding = sum(not r.low <= 1 <= r.high for r in found)
    outside = sum(r.low > 1.02 or r.high < 0.98 for r in found)
    width = median(r.half_width for r in found)
    yield Claim(
        f"{excluding} of {number} intervals of a convolution with itself exclude 1 (at most 8 %); "
        f"typical half-width {width:.2%}",
        excluding <= 0.08 * number,
    )
    yield Claim(
        f"{outside} of {number} lie outside ±2 % (at most 1 %)", outside <= max(1, 0.01 * number)
    )


def injected(scale: float) -> Iterator[Claim]:
    """Find a difference that was put in: the same work 21/20 and 11/10 times."""
    number = max(10, round(100 * scale))
    with execution(1):
        work = convolution(16, 14)
        for over, under in ((21, 20), (11, 10)):
            true = over / under
            long, short = times(work, over), times(work, under)
            found = [pair(short, long, seed, budget=60, max_rounds=60)[0] for seed in range(number)]
            inside = sum(r.low <= true <= r.high for r in found)
            seen = sum(r.verdict == "slower" for r in found)
            yield Claim(
                f"{true:.2f} inside the interval in {inside} of {number} (at least 90 %), 60 pairs",
                inside >= 0.9 * number,
            )
            if over == 11:
                yield Claim(
                    f"{true:.2f} found in {seen} of {number} (at least 95 %)", seen >= 0.95 * number
                )


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
                f"about {name} a call: {middle - 1:+.2%} over a bare loop (at most {most:.0%})",
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
            f"within 3 % of torch's blocked_autorange in {near} of {runs} runs (at least 9)",
            near >= 9,
        )
        stopwatch = Summing()
        works = {str(n): convolution(16 * n, 28) for n in range(1, 5)}
        begin = time.perf_counter()
        measure_group(
            works, stopwatch=stopwatch, seed=0, budget=5 * scale, session="", max_rounds=100_000
        )
        share = stopwatch.total / (time.perf_counter() - begin)
        yield Claim(f"{share:.0%} of the wall time is in timed calls (at least 70 %)", share >= 0.7)


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


def one_process(number: int, *, tell: object) -> list[Samples]:  # noqa: ARG001  every errand is told
    """Time two convolutions in this process; what `held_out` asks fresh processes for."""
    spec = ConvSpec(
        in_channels=64, out_channels=64, input_size=(28, 28), kernel_size=3, padding="same"
    )
    torch.manual_seed(0)
    with execution(1):
        works = {}
        for name in ("depthwise", "standard"):
            module, inputs = build(name, spec).eval(), torch.randn(spec.input_shape)
            works[name] = _call(module, inputs)
        found = measure_group(
            works, stopwatch=WallStopwatch(), seed=number, budget=1.0, session=str(number),
            threads=1,
        )  # fmt: skip
    return [result for result in found.values() if isinstance(result, Samples)]


def _call(module: torch.nn.Module, inputs: torch.Tensor) -> Work:
    return lambda: module(inputs)


def held_out(scale: float) -> Iterator[Claim]:
    """Ask whether one more fresh process falls where the interval of others says."""
    number = max(6, round(30 * scale))
    asked = [fresh("trials:one_process", n) for n in range(number)]
    draw = random.Random(0)  # noqa: S311  (an order, not a secret)
    for index, name in enumerate(("depthwise", "standard")):
        processes = [samples[index] for samples in asked]
        spread = [s.median for s in processes]
        for several in (3, 5):
            if several >= number:
                continue
            inside = 0
            for _ in range(1000):
                *seen, other = draw.sample(processes, several + 1)
                interval = typical(seen)
                inside += interval.low <= other.median <= interval.high
            yield Claim(
                f"{name}, medians of {number} processes {min(spread) * 1e6:.0f} to "
                f"{max(spread) * 1e6:.0f} µs: a held-out one lies in the interval of {several} in "
                f"{inside / 10:.1f} % of 1,000 draws (at least 90 %)",
                inside >= 900,
            )


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
        f"contaminated samples: {idle:.1%} idle, {loaded:.1%} with two busy processes (at least "
        "twice as many)",
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
            text = (
                f"{name} ({channels} channels, {side}×{side}): cold takes {found.value:.3f} times "
                f"warm ({found.low:.3f} to {found.high:.3f}); pool of {pool:.0f} MiB"
            )
            if kernel == 1:
                yield Claim(f"{text} (above 1)", found.low > 1)
            else:
                yield Claim(f"{text} (within 5 %)", abs(math.log(found.value)) <= math.log(1.05))


ALL: dict[str, Callable[[float], Iterator[Claim]]] = {
    "aa": aa,
    "injected": injected,
    "overhead": overhead,
    "held-out": held_out,
    "noise": noise,
    "cold": cold,
}
