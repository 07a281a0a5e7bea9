"""What is known of elementwise products until they are summed: the notes of `handmade`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol


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

    roots: the tensors that the factors are parts of; None for zeros, to which anything is added.
    """

    roots: frozenset[int] | None = None
    pending: list[Amount] = field(default_factory=list)

    def taken(self, most: int, part: Any) -> list[Amount]:
        """Return what is summed for the first time: all that is pending, or a part of it."""
        found, self.pending = self.pending, []
        left = sum(amount.size if amount.factor > 0 else -amount.size for amount in found) - most
        if found and left > 0:
            factor = abs(found[0].factor)
            self.pending = [*found, Amount(most, part, -factor)]
            found = [Amount(most, part, factor)]
        return found


@dataclass(frozen=True)
class Product:
    """A tensor of products. varies: the axes on which both factors vary."""

    pool: Pool
    varies: tuple[bool, ...]


class Facts(Protocol):
    """What has to be known of values, and a book to note things about them in."""

    def book(self) -> Any:
        """Return an empty book: get(value) (None where nothing is noted), put(value, note)."""

    def is_value(self, item: Any) -> bool:
        """Tell whether an argument is a tensor."""

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether two arguments are one tensor."""

    def shape(self, value: Any) -> tuple[int, ...]:
        """Return a tensor's sizes as numbers."""

    def expanded(self, value: Any) -> tuple[bool, ...]:
        """Tell of each axis whether a tensor only repeats itself on it."""

    def constant(self, value: Any) -> bool:
        """Tell whether a tensor is a weight or a buffer, or made of some alone."""

    def is_complex(self, value: Any) -> bool:
        """Tell whether a tensor is complex."""

    def scaled(self, value: Any, axes: tuple[int, ...]) -> None:
        """Take note that products were summed along axes on which a factor is the same."""

    def what(self, factors: tuple[Any, Any], result: Any) -> Any:
        """Return what to keep of products until they are summed."""

    def part(self, value: Any) -> Any:
        """Return what to keep of a part of products that is summed alone."""
