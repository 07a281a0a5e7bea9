"""Where the elements of a tensor come from, and what kind of numbers they are.

Two tensors have one place where each element of the one and the element of the other that stands
beside it are made of the same element: x and x·sigmoid(x), x[1:] and relu(x)[1:], but not x and
x.T. That is what tells an activation or a square from a product of two tensors.
"""

from __future__ import annotations

from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convbench.counting.axes import MOVES, carried
from convbench.counting.divisors import STATISTICS, Divisors
from convbench.counting.rules import ELEMENTWISE, NORMALISATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convbench.counting.products import Facts

WHOLE: Final = 1
"""Integers, also as floats: indices, coordinates, numbers of things."""
MASK: Final = 2
"""Zeros and ones, or one other number: what a product with it leaves or takes away."""
WEIGHTS: Final = -1
"""The root of all parameters, which count as one tensor."""

POINTWISE: Final = frozenset(
    name for name in ELEMENTWISE | NORMALISATION if "backward" not in name and name != "glu"
) | {"clip", "softmax", "log_softmax", "dropout", "native_dropout", "tril", "triu", "diff"}
"""Maps of each element by itself, with the numbers of its row, channel or tensor: an activation, a
normalisation, a mask."""
ONES: Final = frozenset({"ones", "ones_like", "new_ones", "eye", "one_hot", "bernoulli"})
COUNTING: Final = frozenset({"arange", "one_hot"})
_COPIES: Final = frozenset({
    "alias", "clone", "contiguous", "detach", "lift_fresh", "to", "to_copy", "type_as",
    "resolve_conj", "resolve_neg", "conj", "float", "double", "half", "expand", "expand_as",
})  # fmt: skip
_RESHAPES: Final = frozenset(name for name, way in MOVES.items() if way is None)
REPEATS: Final = frozenset({"repeat", "tile", "repeat_interleave", "flip", "rot90"})
"""What gives the same numbers at other places, or more often."""
_ZEROS: Final = frozenset({"zeros", "zeros_like", "new_zeros"})
_WRITES: Final = frozenset({"scatter", "fill", "masked_fill"})
_STAYS_MASK: Final = (
    frozenset(MOVES)
    | REPEATS
    | {"mul", "multiply", "neg", "rsub", "floor", "ceil", "round", "relu", "clamp", "abs", "where"}
    | {"minimum", "maximum", "cat", "stack", "masked_fill", "scatter", "fill"}
    | {"tril", "triu", "div", "divide", "true_divide"}
)
_STAYS_WHOLE: Final = _STAYS_MASK - {"div", "divide", "true_divide"} | {
    "add", "sub", "subtract", "sum", "cumsum", "floor_divide", "remainder", "fmod", "pow", "sgn",
    "sign", "clamp_min", "clamp_max", "square",
}  # fmt: skip


class Place(NamedTuple):
    """root: the tensor that elements come from. path: how they were picked.

    beside: for each axis, how many different tensors stand side by side on it; () where none do.
    """

    root: int
    path: tuple[Any, ...] = ()
    beside: tuple[int, ...] = ()


class Places:
    """The places and kinds of values."""

    def __init__(self, facts: Facts) -> None:
        """`facts` tells what the values are."""
        self.facts = facts
        self._places, self._kinds = facts.book(), facts.book()
        self._numbers = count()
        self.divisors = Divisors(facts)

    def of(self, value: Any) -> Place:
        """Return a tensor's place: one of its own where none is known."""
        found: Place | None = self._places.get(value)
        if found is None:
            number = next(self._numbers)
            found = (
                Place(WEIGHTS, (("weight", number),))
                if self.facts.learned(value)
                else Place(number)
            )
            self._places.put(value, found)
        return found

    def renew(self, value: Any) -> None:
        """Forget what was known of a tensor that something else was written to."""
        self._places.put(value, Place(next(self._numbers)))
        self._kinds.put(value, 0)
        self.divisors.forget(value)

    def same(self, result: Any, before: Any) -> None:
        """Note that the result is made of another tensor, element by element."""
        self._places.put(result, self.of(before))

    def kind(self, value: Any) -> int:
        """Return MASK, WHOLE or 0 for numbers of any other kind."""
        noted = self._kinds.get(value)
        return int(self.facts.kind(value) if noted is None else noted)

    def see(self, name: str, args: Sequence[Any], result: Any) -> None:
        """Note place and kind of what an operator made."""
        if isinstance(result, list | tuple):
            for turn, part in enumerate(result):
                if self.facts.is_value(part):
                    self._one(name, args, part, turn)
                if name not in MOVES:
                    break
        elif self.facts.is_value(result):
            self._one(name, args, result, None)

    def _one(self, name: str, args: Sequence[Any], result: Any, turn: int | None) -> None:
        values = [item for item in _flat(args) if self.facts.is_value(item)]
        inside = bool(values) and self.facts.same(values[0], result)
        self._note_kind(name, args, values, result, inside=inside)
        if name in STATISTICS and values:
            self.divisors.summed(self.of(values[0]), result)
        elif name in MOVES or name in POINTWISE:
            self.divisors.mapped(name, args, values, result)
        if name in MOVES and values:
            if not inside:
                self.moved(name, args, result, turn)
        elif name in POINTWISE:
            self._mapped(values, result, inside=inside)
        elif inside:
            self._places.put(result, Place(next(self._numbers)))

    def _note_kind(
        self, name: str, args: Sequence[Any], values: list[Any], result: Any, *, inside: bool
    ) -> None:
        found = 0
        if name in _WRITES:  # what it writes, and to what; not where
            values = [item for item in (args[0], args[-1]) if self.facts.is_value(item)]
        if (name in ONES and (not inside or name == "bernoulli")) or (
            name in _ZEROS and self.facts.kind(result)
        ):
            found = MASK
        elif name in COUNTING:
            found = WHOLE
        elif values and (name in _STAYS_WHOLE or name in _STAYS_MASK):
            lowest = min(map(self.kind, values))
            by = args[1] if len(args) > 1 else None
            divides = name in _STAYS_MASK - _STAYS_WHOLE
            if lowest == MASK and name in _STAYS_MASK and not (divides and _is(by, values)):
                found = MASK
            elif lowest and name in _STAYS_WHOLE and not isinstance(by, float):
                found = WHOLE
        if inside or found:
            self._kinds.put(result, found)

    def _mapped(self, values: list[Any], result: Any, *, inside: bool) -> None:
        """Note what a map of elements gives: one place where it has elements of one tensor alone.

        What is the same along an axis, a weight or a mask is a parameter of the map.
        """
        shape = self.facts.shape(result)
        whole = [item for item in values if self._fills(item, shape)]
        lead = [item for item in whole if not self.facts.constant(item)] or whole
        found = {self.of(item) for item in lead if self.kind(item) != MASK} or {
            self.of(item) for item in lead
        }
        if len(found) == 1:
            self._places.put(result, found.pop())
        elif inside:
            self._places.put(result, Place(next(self._numbers)))

    def _fills(self, value: Any, shape: tuple[int, ...]) -> bool:
        return self.facts.shape(value) == shape and not any(self.facts.expanded(value))

    def moved(self, name: str, args: Sequence[Any], part: Any, turn: int | None) -> None:
        """Note that `part` is a view, a part or a copy of the first argument; which of several."""
        place = self.of(args[0])
        before, after = self.facts.shape(args[0]), self.facts.shape(part)
        if name in _COPIES and before == after:
            self._places.put(part, place)
            return
        beside = place.beside
        if name in _RESHAPES:
            path = _reshaped(place.path, before, after)
            beside = _spread(before, after, beside) if beside else ()
        else:
            path = (*place.path, (name, turn, self._plain(args[1:])))
            if beside:
                beside = tuple(map(int, carried(name, args, before, after, beside)))
        self._places.put(part, Place(place.root, path, beside if any(beside) else ()))

    def _plain(self, given: Any) -> Any:
        """Return arguments so that equal ones compare equal: of a tensor its place."""
        if isinstance(given, list | tuple):
            return tuple(self._plain(item) for item in given)
        return self.of(given) if self.facts.is_value(given) else str(given)

    def joined(self, name: str, parts: Sequence[Any], axis: int, result: Any) -> None:
        """Note tensors that were put side by side: parts of one, or different ones."""
        places = [self.of(item) for item in parts]
        beside = [0] * len(self.facts.shape(result))
        if len({place.root for place in places}) > 1 or len(set(places)) == 1:
            sizes = {self.facts.shape(item)[axis] for item in parts} if name != "stack" else {1}
            beside[axis] = len(places) if len(sizes) == 1 else 0
        self._places.put(
            result, Place(next(self._numbers), (), tuple(beside) if any(beside) else ())
        )
        self._note_kind(name, (), list(parts), result, inside=False)

    def alone(self, value: Any) -> tuple[bool, ...]:
        """Tell of each axis whether a tensor does not vary on it as one tensor.

        It repeats itself there, or is a stack of different tensors.
        """
        shape = self.facts.shape(value)
        beside = self.of(value).beside or (0,) * len(shape)
        return tuple(
            repeats or (size > 1 and number == size)
            for repeats, size, number in zip(self.facts.expanded(value), shape, beside, strict=True)
        )


def _is(item: Any, values: list[Any]) -> bool:
    return any(item is value for value in values)


def _flat(args: Any) -> Iterator[Any]:
    for item in args:
        if isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            yield item


def _reshaped(path: tuple[Any, ...], before: Any, after: Any) -> tuple[Any, ...]:
    """Return the path after a change of shape: one, whatever the steps, none where it came back."""
    if path and path[-1][0] == "shape":
        before, path = path[-1][1], path[:-1]
    return path if before == after else (*path, ("shape", before, after))


def _spread(before: Sequence[int], after: Sequence[int], beside: Iterable[int]) -> tuple[int, ...]:
    """Return the numbers of tensors side by side after a change of shape."""
    found = [0] * len(after)
    for place, number in enumerate(beside):
        start = prod(before[:place])
        for other, size in enumerate(after):
            if number and size != 1 and prod(after[:other]) == start and size % number == 0:
                found[other] = number
    return tuple(found)
