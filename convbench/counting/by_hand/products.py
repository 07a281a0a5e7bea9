"""What is known of elementwise products until they are summed: the records of `contractions`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple, Protocol

from convbench.counting.by_hand.number_kinds import MASK, WHOLE


class Amount(NamedTuple):
    """Products not yet summed: how many, what they are, and real multiplications for each.

    A negative factor takes away what a sum of a part of them has counted.
    """

    size: int
    what: Any
    factor: int


@dataclass
class Pool:
    """Products that become one sum, whichever views of them are taken.

    parts: of each tensor that the factors come from, which parts of it; None for zeros, to which
    anything is added. Empty where products of different tensors were added. depth: how many
    products each element is the sum of. size: of what began as zeros, its elements. axes: the
    axes of that, as `Product` labels them, on which products that were written there vary.
    """

    parts: dict[int, frozenset[Any]] | None
    pending: list[Amount] = field(default_factory=list)
    depth: int = 1
    size: int = 0
    axes: set[int] = field(default_factory=set)

    def join(self, others: Sequence[Pool], *, added: bool = False) -> bool:
        """Take over what others hold; tell whether their sum is a contraction.

        added: they lie on each other, not side by side.

        It is one where all are products of the same tensors, and of none of them only one part:
        that would be a scale of the sum.
        """
        every = [other.parts or {} for other in others]
        alike = bool(every[0]) and all(parts.keys() == every[0].keys() for parts in every)
        self.pending = [amount for other in (self, *others) for amount in other.all_of_them()]
        depths = [other.depth for other in others]
        self.depth = sum(depths) if added else max(depths)
        if not alike:
            self.parts = {}
            return False
        self.parts = {
            root: frozenset[Any]().union(*(parts[root] for parts in every)) for root in every[0]
        }
        return len(others) > 1 and all(len(parts) > 1 for parts in self.parts.values())

    def all_of_them(self) -> list[Amount]:
        """Return all that is summed for the first time."""
        found, self.pending = self.pending, []
        return found

    def taken(self, most: int, value: Any, facts: Facts) -> list[Amount]:
        """Return what the sum of a value sums for the first time: all that is pending, or a part.

        most: how many products are summed.
        """
        found = self.all_of_them()
        held = sum(amount.size if amount.factor > 0 else -amount.size for amount in found)
        if held > most * self.depth:
            part, factor = facts.part(value, found[0].what), abs(found[0].factor)
            self.pending = [*found, *[Amount(most, part, -factor)] * self.depth]
            found = [Amount(most, part, factor)] * self.depth
        return found


@dataclass(frozen=True)
class Product:
    """A tensor of products. varies: the axes on which both factors vary.

    An axis of what began as zeros has a label of 2 or more instead, which its views carry: what
    varies there is known when products are written to them. written: holds True once something else
    was written to the tensor or to a view of it. cut: it is a part, along an axis on which both
    vary. parts: which parts it is the sum of, () where it is none.
    """

    pool: Pool
    varies: tuple[int, ...]
    written: list[bool] = field(default_factory=list)
    cut: bool = False
    parts: tuple[Any, ...] = ()

    @property
    def flags(self) -> tuple[bool, ...]:
        """Tell of each axis whether both factors vary on it."""
        axes = self.pool.axes
        return tuple(
            label in axes or 1 in axes if label > 1 else bool(label) for label in self.varies
        )

    @classmethod
    def blank(cls, shape: Sequence[int]) -> Product:
        """Return zeros, which hold no product yet."""
        return cls(Pool(None, size=prod(shape)), tuple(range(2, len(shape) + 2)))

    def fill(self, flags: Sequence[bool], product: Product) -> None:
        """Take note that products were written to this part of zeros, or added to it."""
        pool = self.pool
        if pool.join([pool, product.pool][pool.parts is None :]):
            pool.axes.add(1)
        pool.axes.update(label for label, flag in zip(self.varies, flags, strict=True) if flag)


class Facts(Protocol):
    """Properties of values, and tables of them: for tensors, or for nodes of an exported graph."""

    def table(self) -> Any:
        """Return an empty map from values: get(value) (None where there is none), put(value, x)."""

    def is_value(self, item: Any) -> bool:
        """Tell whether an argument is a tensor."""

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether two arguments are one tensor."""

    def shape(self, value: Any) -> tuple[int, ...]:
        """Return a tensor's sizes as numbers."""

    def number(self, size: Any) -> int:
        """Return a size or an index as a number."""

    def tensor(self, value: Any) -> Any:
        """Return what has the data type and the strides of a tensor."""

    def constant(self, value: Any) -> bool:
        """Tell whether a tensor is a weight or a buffer, or made of some alone."""

    def learned(self, value: Any) -> bool:
        """Tell whether a tensor is a parameter, or made of some alone."""

    def what(self, factors: tuple[Any, Any], result: Any) -> Any:
        """Return what to keep of products until they are summed."""

    def part(self, value: Any, what: Any) -> Any:
        """Return what to keep of a part of such products that is summed alone."""
        del value
        return what

    def scaled(self, value: Any, axes: tuple[int, ...]) -> None:
        """Record that products were summed along axes on which a factor is the same."""
        del value, axes  # of interest where sizes are symbols

    def expanded(self, value: Any) -> tuple[bool, ...]:
        """Tell of each axis whether a tensor only repeats itself on it."""
        steps = zip(self.shape(value), self.tensor(value).stride(), strict=True)
        return tuple(size > 1 and isinstance(step, int) and step == 0 for size, step in steps)

    def is_complex(self, value: Any) -> bool:
        """Tell whether a tensor is complex."""
        return bool(self.tensor(value).dtype.is_complex)

    def kind(self, value: Any) -> int:
        """Return the kind of numbers of a data type, as in `number_kinds`; 0 for floats."""
        kind = self.tensor(value).dtype
        if kind.is_floating_point or kind.is_complex:
            return 0
        return MASK if str(kind) == "torch.bool" else WHOLE

    def prepares(self, factors: Iterable[Any]) -> bool:
        """Tell whether weights alone are multiplied by a vector of buffers, as by a spectral norm.

        Whatever else is made of weights alone runs each time, and counts.
        """
        return any(
            self.is_value(item) and len(self.shape(item)) == 1 and not self.learned(item)
            for item in factors
        )
