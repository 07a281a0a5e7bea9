"""Which tensors divide another by its own statistic: a normalisation that is written by hand.

x·rsqrt(mean(x²)) is x/√mean(x²), and as elementwise: the factor is one over a sum, mean, norm or
variance of x itself, the same for a whole row. What is no inverse (x·mean(x)) stays a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from convbench.counting.by_hand.number_kinds import QUOTIENTS
from convbench.counting.by_hand.products import Facts

STATISTICS: Final = frozenset(
    {"sum", "mean", "amax", "amin", "var", "std", "var_mean", "std_mean", "norm"}
    | {"linalg_vector_norm"}
)
_INVERSIONS: Final = frozenset({"rsqrt", "reciprocal"})


class _Statistic(NamedTuple):
    """of: the origin of what it is a statistic of."""

    of: Any
    inverse: bool


class Divisors:
    """The statistics of values, and their inverses."""

    def __init__(self, facts: Facts) -> None:
        """`facts` tells what the values are."""
        self.facts = facts
        self._known = facts.table()

    def summed(self, of: Any, result: Any) -> None:
        """Note a statistic of what stands at the origin `of`."""
        self._known.put(result, _Statistic(of, inverse=False))

    def mapped(self, name: str, args: Sequence[Any], values: list[Any], result: Any) -> None:
        """Note what a view, or a map of each element by itself, gives of a statistic."""
        if not self._known:
            return
        found = {self._known.get(item) for item in values if not self.facts.constant(item)}
        one = found.pop() if len(found) == 1 else None
        if one is not None:
            below = name == "pow" and isinstance(args[1], int | float) and args[1] < 0
            over = name in QUOTIENTS and not self.facts.same(args[0], values[0])
            inverse = one.inverse or name in _INVERSIONS or below or over
            one = _Statistic(one.of, inverse)
        self._known.put(result, one)

    def forget(self, value: Any) -> None:
        """Forget what was known of a tensor that something else was written to."""
        self._known.put(value, None)

    def divides(self, factor: Any, origin: Any) -> bool:
        """Tell whether a factor is one over a statistic of what stands at `origin`."""
        known = self._known.get(factor)
        return known is not None and known.inverse and known.of.of_one(origin)
