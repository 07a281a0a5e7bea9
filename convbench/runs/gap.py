"""Why a time ratio is not the ratio of multiplications: the same ratio as a product of factors.

With M multiplications of a pass, X of them executed, A the least seconds that the device's ceilings
allow for these (`runs.roofline`, calls left out), and of the calls that ran (`Record.execution`) Tc
seconds in convolutions and matrix products, To in other operators, Tr in reorders, and Td for
calling libraries and mapping pages, a measured time T of a call is

    T = M · X/M · A/X · Tc/A · (1 + To/Tc) · (1 + Tr/(Tc + To)) · (1 + Td/(Tc + To + Tr)) · rest

and the time ratio of two cases is the product of the quotients of these factors. The last one is
what is left of the measured ratio, so the product is that ratio exactly; it is 1 where the others
explain all of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

from convbench.clock.contamination import faults_per_call
from convbench.clock.estimates import typical
from convbench.clock.stats import normal
from convbench.runs.roofline import Bound

if TYPE_CHECKING:
    from convbench.clock.execution import Execution, Kernel
    from convbench.core.intervals import RatioInterval
    from convbench.machine.ceilings import Ceiling
    from convbench.runs.record import Record

EXPLAINED: Final = 0.1
"""A rest of more than this share of the gap, in logarithms, is called unexplained."""
OBSERVED: Final = 0.04
"""Standard deviation, on a log scale, of what the calls of a pass take from one process to another,
where nothing disturbs them: 2.5 to 4 % were seen of cases that five processes agreed on."""
PRODUCTS: Final = frozenset(
    {
        "convolution", "deconvolution", "inner_product", "matmul", "mm", "addmm", "bmm", "baddbmm",
        "linear", "mv", "cudnn_convolution", "cudnn_convolution_transpose", "conv_depthwise2d",
        "conv_depthwise3d", "slow_conv2d_forward", "slow_conv3d_forward", "slow_conv_dilated2d",
        "slow_conv_transpose2d", "convolution_overrideable", "conv2d", "thnn_conv2d", "einsum",
    }
)  # fmt: skip
"""Operators whose multiplications are counted, as an execution names them."""
_ATEN: Final = "ATen"
"""Backend whose seconds hold what calling it takes: they are the operator's own."""
_WINOGRAD: Final = re.compile(r"winograd.*?(\d)x\1_(\d)x\2", re.IGNORECASE)
"""A kernel's name that says its tile of outputs, and the convolution's kernel."""


class Title(NamedTuple):
    """What a factor is called, what it holds, and a narrow heading where that is another."""

    name: str
    note: str
    head: str = ""


FACTORS: Final = {
    "multiplications": Title("multiplications", "of one pass, by formula", "counts"),
    "executed": Title(
        "executed",
        "share of these that has to be executed, without those on padding; fewer where a kernel's "
        "name says so (Winograd)",
    ),
    "device": Title(
        "device limit",
        "least time that the measured peak rates allow for one of these, more where memory limits "
        "a step",
        "device",
    ),
    "kernels": Title("kernels", "time of convolutions and matrix products, by that limit"),
    "operators": Title("other operators", "time of all other operators, added to these", "other"),
    "reorders": Title("reorders", "time of copies between memory layouts, added to these"),
    "calls": Title(
        "calls", "shortest calls of the libraries, and first writes to pages, added to these"
    ),
    "rest": Title("unexplained", "what is left of the measured ratio", "rest"),
}
"""Each factor of a time ratio by its key, in their order."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a time is made of, see the module. Times are in seconds of one pass.

    attainable: A; None without measured ceilings.
    """

    multiplications: float
    executed: float
    attainable: float | None
    products: float
    operators: float
    reorders: float
    calls: float

    @property
    def kernels(self) -> float:
        """All that ran."""
        return self.products + self.operators + self.reorders

    @property
    def known(self) -> float:
        """All that ran, and the calling: what a time is without the rest."""
        return self.kernels + self.calls

    def factors(self) -> dict[str, float]:
        """Return the factors of `known` by key, all but the rest."""
        least = self.executed if self.attainable is None else self.attainable
        return {
            "multiplications": self.multiplications,
            "executed": self.executed / self.multiplications,
            "device": least / self.executed,
            "kernels": self.products / least,
            "operators": 1 + self.operators / self.products,
            "reorders": 1 + self.reorders / (self.products + self.operators),
            "calls": 1 + self.calls / self.kernels,
        }


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor of a time ratio.

    low, high: ends of its 95 % interval, of the rest alone: that of the time ratio, widened by what
    observed passes differ (`OBSERVED`). None for all others, and where the time ratio has none.
    """

    key: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A time ratio as a product of factors.

    Attributes:
        factors: in the order of `FACTORS`; empty where it cannot be told.
        reason: why not; empty where it can.
        time: the measured ratio.
        of, base: what the times of the case and of its baseline are made of.
        bounds: what bounds the case and its baseline; None without measured ceilings.

    """

    factors: tuple[Factor, ...] = ()
    reason: str = ""
    time: RatioInterval | None = None
    of: Parts | None = None
    base: Parts | None = None
    bounds: tuple[Bound | None, Bound | None] = (None, None)

    def __getitem__(self, key: str) -> Factor:
        """Return a factor by its key; KeyError for none of that key."""
        return {factor.key: factor for factor in self.factors}[key]

    @property
    def product(self) -> float:
        """The product of all factors: the measured time ratio."""
        return prod(factor.value for factor in self.factors)

    @property
    def gap(self) -> float:
        """The time ratio divided by the ratio of multiplications."""
        return self.product / self["multiplications"].value

    @property
    def rest_share(self) -> float:
        """The rest's share of the gap, in logarithms; infinite where there is no gap."""
        gap, rest = abs(math.log(self.gap)), abs(math.log(self["rest"].value))
        return rest / gap if gap else math.inf

    @property
    def explained(self) -> bool:
        """Whether the rest is at most `EXPLAINED` of the gap, or 1 lies within its interval."""
        rest = self["rest"]
        within = rest.low is not None and rest.high is not None and rest.low <= 1 <= rest.high
        return within or self.rest_share <= EXPLAINED


def gap(
    record: Record,
    baseline: Record | None,
    time: RatioInterval | None,
    bounds: tuple[Bound | None, Bound | None],
    ceiling: Ceiling | None,
    no_time: str = "",
) -> Gap:
    """Return the factors of the time ratio of a record to its baseline, or why there are none.

    time: the measured ratio. bounds: of the two, from `roofline.bound`. ceiling: of their device.
    no_time: why `time` is None.
    """
    if baseline is None or baseline is record or time is None:
        return Gap(reason=no_time or "it is the baseline")
    for whose, one in (("", record), ("its baseline: ", baseline)):
        if one.cost is None or not one.cost.multiplications_valid:
            return Gap(reason=f"{whose}nothing is multiplied, or it is not known how much")
        if one.execution is None:
            return Gap(reason=f"{whose}the run does not say what ran")
        if one.execution.reason:
            return Gap(reason=f"{whose}what ran is not known ({one.execution.reason})")
        if not any(map(_multiplies, one.execution.kernels)):
            return Gap(reason=f"{whose}none of the calls that ran is known to multiply")
    both = bounds if None not in bounds else (None, None)
    alone = [_whole(one) for one in (record, baseline)]
    apart = math.sqrt(time.value * alone[1] / alone[0])  # the ratio is of calls side by side
    of, base = (
        parts(one, limit, ceiling, whole)
        for one, limit, whole in zip(
            (record, baseline), both, (alone[0] * apart, alone[1] / apart), strict=True
        )
    )
    below = base.factors()
    found = [Factor(key=key, value=value / below[key]) for key, value in of.factors().items()]
    if both[0] is None:
        found = [factor for factor in found if factor.key != "device"]
    explained = prod(factor.value for factor in found)
    value = time.value / explained
    seen = (record.execution, baseline.execution)
    low, high = _ends(value, time, seen) if time.usable else (None, None)
    rest = Factor(key="rest", value=value, low=low, high=high)
    return Gap(factors=(*found, rest), time=time, of=of, base=base, bounds=both)


def _ends(
    rest: float, time: RatioInterval, seen: Iterable[Execution | None]
) -> tuple[float, float]:
    """Return the ends of the interval of the rest of a time ratio of two cases that were seen."""
    variance = sum(OBSERVED**2 / one.processes for one in seen if one)
    observed = normal(time.confidence) * math.sqrt(variance)
    below, above = math.log(time.value / time.low), math.log(time.high / time.value)
    return (
        rest * math.exp(-math.hypot(below, observed)),
        rest * math.exp(math.hypot(above, observed)),
    )


def _whole(record: Record) -> float:
    """Return the seconds of a call of a record; infinite where it has none."""
    return typical(record.judged).value if record.judged else math.inf


def parts(
    record: Record, limit: Bound | None, ceiling: Ceiling | None, whole: float | None = None
) -> Parts:
    """Return what the time of a record is made of; it has a cost, and says what ran.

    whole: that time; by default the record's own.
    """
    execution, cost = record.execution, record.cost
    if execution is None or cost is None:
        raise ValueError(f"{record.case}: it has no cost, or does not say what ran")
    took, share = _as_timed(record, execution, ceiling, whole)
    ran = list(zip(execution.kernels, took, strict=True))
    products = sum(seconds for kernel, seconds in ran if _multiplies(kernel))
    operators = sum(
        seconds for kernel, seconds in ran if not _multiplies(kernel) and not kernel.reorder
    )
    return Parts(
        multiplications=float(cost.multiplications),
        executed=float(cost.multiplications_valid) / fewer(execution),
        attainable=sum(step.without_calls for step in limit.steps) if limit else None,
        products=share * products,
        operators=share * operators,
        reorders=share * execution.reorder_seconds,
        calls=share * _calling(record, execution, ceiling),
    )


def _as_timed(
    record: Record, execution: Execution, ceiling: Ceiling | None, whole: float | None = None
) -> tuple[list[float], float]:
    """Return the seconds of what ran, without those of the watching, and the share to take of them.

    A watched pass takes longer than a timed call. What ran in it and the calling take no longer
    than the call: all of it is shortened alike where it seems to.
    """
    added = (ceiling.watched_seconds or 0.0) if ceiling else 0.0
    took = [
        max(kernel.seconds / 2, kernel.seconds - added * kernel.calls)
        if _multiplies(kernel) and kernel.backend == _ATEN
        else kernel.seconds
        for kernel in execution.kernels
    ]
    whole = _whole(record) if whole is None else whole
    seen = sum(took) + _calling(record, execution, ceiling)
    return took, min(1.0, whole / seen) if seen else 1.0


def _multiplies(kernel: Kernel) -> bool:
    return not kernel.reorder and kernel.operator.strip("_") in PRODUCTS


def fewer(execution: Execution) -> float:
    """Return how many times fewer multiplications a named algorithm makes; 1 for none.

    Winograd's F(m×m, r×r) makes (m+r-1)² multiplications for m² outputs in the place of m²·r²
    (Lavin and Gray, CVPR 2016, arXiv:1509.09308). It is told of an execution whose every
    multiplying kernel names the same tile.
    """
    names = [kernel.implementation for kernel in execution.kernels if _multiplies(kernel)]
    tiles = [found.groups() if (found := _WINOGRAD.search(name)) else None for name in names]
    if not tiles or tiles[0] is None or len(set(tiles)) > 1:
        return 1.0
    tile, kernel = map(int, tiles[0])
    return (tile * kernel / (tile + kernel - 1)) ** 2


def _calling(record: Record, execution: Execution, ceiling: Ceiling | None) -> float:
    """Return seconds for calling libraries and for mapping pages, at their measured shortest.

    On a GPU calls are made while kernels run: what counts is how much longer they take. Kernel
    time has none of it.
    """
    if ceiling is None or record.kernels_alone:
        return 0.0
    if record.device.startswith("cuda"):
        calling = (ceiling.convolution_seconds or 0.0) * execution.calls
        seconds = execution.kernel_seconds + execution.reorder_seconds
        return max(0.0, calling - seconds) if record.mode == "eager" else 0.0
    faults = (faults_per_call(record.samples) or 0.0) if record.samples else 0.0
    return faults * (ceiling.fault_seconds or 0.0) + sum(
        kernel.calls
        * ((ceiling.reorder_seconds if kernel.reorder else ceiling.primitive_seconds) or 0)
        for kernel in execution.kernels
        if kernel.backend != _ATEN
    )


def pairs(record: Record, limit: Bound) -> Iterator[tuple[Kernel, float, str]]:
    """Yield each multiplying kernel with its step's share of the peak, and the step's label.

    Of the seconds that the factors have too. Only where there are as many such calls, one of a
    kind, as steps that multiply: then they are in the same order.
    """
    if record.execution is None:
        return
    steps = [step for step in limit.steps if step.multiplications]
    took, share = _as_timed(record, record.execution, limit.ceiling)
    kernels = [
        (kernel, share * seconds)
        for kernel, seconds in zip(record.execution.kernels, took, strict=True)
        if _multiplies(kernel)
    ]
    if len(kernels) != len(steps) or any(kernel.calls != 1 for kernel, _ in kernels):
        return
    for (kernel, seconds), step in zip(kernels, steps, strict=True):
        if seconds:
            rate = step.multiplications / seconds
            yield kernel, rate / limit.ceiling.multiplications_per_second, step.label
