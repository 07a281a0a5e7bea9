"""A calibration of a machine whose times follow a known law: nothing is timed."""

import functools
import random
from itertools import islice

from convbench.machine.ceilings import Ceiling
from convbench.machine.fingerprint import fingerprint
from convbench.prediction.calibrating import Timed, _traced, fitted
from convbench.prediction.calibration import Calibration, of_the_machine
from convbench.prediction.sampling import draw
from convbench.prediction.terms import work

CALL, RATE, MOVED = 20e-6, 50e9, 10e9
VIEW = 1e-6


def law(operators, threads):
    """Seconds of operators: a call, multiplications and bytes, each at its rate."""
    found = 0.0
    for one in operators:
        if one.alias:
            found += VIEW
            continue
        macs, moved = work(one)
        found += CALL + macs / RATE / threads + moved / MOVED
    return found


@functools.cache
def samples(number=1400, seed=1):
    return tuple(_traced(sample) for sample in islice(draw(random.Random(seed)), number))


@functools.cache
def calibration(threads=(1, 2), noise=0.0):
    draws = random.Random(3)
    fits = []
    for count in threads:
        timed = [
            Timed(found, count, number, [law(found, count) * 2 ** draws.gauss(0, noise)])
            for number, found in enumerate(samples())
        ]
        ceiling = Ceiling(
            device="cpu", dtype="float32", threads=count,
            multiplications_per_second=2 * RATE, bytes_per_second=MOVED,
        )  # fmt: skip
        fits.append(fitted(timed, ceiling))
    return Calibration(
        convbench="0", made="2026-01-01T00:00:00+00:00", device="cpu", dtype="float32", took=1.0,
        machine=of_the_machine(fingerprint("cpu", 1)), fits=tuple(fits),
    )  # fmt: skip
