"""Where the elements of a tensor come from, and what kind of numbers they are.

Two tensors have one origin where each element of the one and the element of the other that stands
beside it are made of the same element: x and x·sigmoid(x), x[1:] and relu(x)[1:], but not x and
x.T. That is what tells an activation or a square from a product of two tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from math import prod
from typing import Any, Final, NamedTuple

from convbench.counting.by_hand.axes import MOVES, carried
from convbench.counting.by_hand.divisors import STATISTICS, Divisors
from convbench.counting.by_hand.layouts import contiguous, normal, reshaped, shown
from convbench.counting.by_hand.number_kinds import KEEPS_KIND, NumberKinds
from convbench.counting.by_hand.operator_sets import LOSSES, POINTWISE, SAMPLES, SPREADS
from convbench.counting.by_hand.products import Facts

WEIGHTS: Final = -1
"""The root of all parameters, which count as one tensor."""

_COPIES: Final = frozenset({
    "alias", "clone", "contiguous", "detach", "lift_fresh", "to", "to_copy", "type_as",
    "resolve_conj", "resolve_neg", "conj", "float", "double", "half", "expand", "expand_as",
})  # fmt: skip
_RESHAPES: Final = frozenset(name for name, way in MOVES.items() if way is None)
_INDEXED: Final = frozenset({"index", "index_select", "gather", "take_along_dim"})


class Origin(NamedTuple):
    """root: the tensor that elements come from. path: how they were picked, up to a view.

    start, steps: the layout of that view, as in `layouts`. beside: for each axis, how many
    different tensors stand side by side on it; () where none do.
    """

    root: int
    path: tuple[Any, ...] = ()
    start: int = 0
    steps: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()

    @property
    def part(self) -> tuple[Any, ...]:
        """Which part of the root it is."""
        return self[1:4]

    def of_one(self, other: Origin) -> bool:
        """Tell whether two origins are in one tensor."""
        return self.root == other.root and (self.root != WEIGHTS or self.path[0] == other.path[0])


class Origins:
    """The origins and kinds of values."""

    def __init__(self, facts: Facts) -> None:
        """`facts` tells what the values are."""
        self.facts = facts
        self._origins = facts.table()
        self._kinds = NumberKinds(facts)
        self._numbers = count()
        self.divisors = Divisors(facts)

    def of(self, value: Any) -> Origin:
        """Return a tensor's origin: one of its own where none is known."""
        found: Origin | None = self._origins.get(value)
        if found is None:
            number = next(self._numbers)
            found = (
                Origin(WEIGHTS, (("weight", number),))
                if self.facts.learned(value)
                else Origin(number)
            )
            self._origins.put(value, found)
        return found

    def renew(self, value: Any) -> None:
        """Forget what was known of a tensor that something else was written to."""
        self._origins.put(value, Origin(next(self._numbers)))
        self._kinds.forget(value)
        self.divisors.forget(value)

    def same(self, name: str, result: Any, before: Any) -> None:
        """Note that the result is made of another tensor, element by element."""
        self._origins.put(result, self.of(before))
        if self._kinds.any_known and name in KEEPS_KIND:
            self._kinds.see(name, (before,), [before], result, inside=False)

    def kind(self, value: Any) -> int:
        """Return what kind of numbers a tensor holds, as in `kinds`; 0 for any other."""
        return self._kinds.of(value)

    def see(self, name: str, args: Sequence[Any], result: Any) -> None:
        """Note origin and kind of what an operator made."""
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
        self._note(name, args, values, result, inside=inside)
        if name in MOVES and values:
            if not inside:
                self.moved(name, args, result, turn)
        elif name in SAMPLES:
            self._picked(name, args, self.facts.shape(args[0]), result)
        elif name in SPREADS:
            self._spread(args, result)
        elif name in POINTWISE or name in LOSSES:
            self._mapped(values[: 1 if name in LOSSES else None], result, inside=inside)
        elif inside:
            self._origins.put(result, Origin(next(self._numbers)))

    def _note(
        self, name: str, args: Sequence[Any], values: list[Any], result: Any, *, inside: bool
    ) -> None:
        """Note what is known of the numbers that an operator gives."""
        if name in KEEPS_KIND:
            self._kinds.see(name, args, values, result, inside=inside)
        if name in {"add", "sub"} and not inside:
            self._kinds.straight(name, args, result, self.of)
        if name in STATISTICS and values:
            self.divisors.summed(self.of(values[0]), result)
        elif name in MOVES or name in POINTWISE:
            self.divisors.mapped(name, args, values, result)

    def _mapped(self, values: list[Any], result: Any, *, inside: bool) -> None:
        """Note what a map of elements gives: one origin where it has elements of one tensor alone.

        What is the same along an axis, a weight or a mask is a parameter of the map.
        """
        shape = self.facts.shape(result)
        alike = [item for item in values if self.facts.shape(item) == shape]
        if len(alike) == 1:
            self._origins.put(result, self.of(alike[0]))
            return
        whole = [item for item in alike if not any(self._repeats(item))] or alike
        lead = [item for item in whole if not self.facts.constant(item)] or whole
        found = {self.of(item) for item in lead if not self.kind(item)} or {
            self.of(item) for item in lead
        }
        if len(found) == 1:
            self._origins.put(result, found.pop())
        elif inside:
            self._origins.put(result, Origin(next(self._numbers)))

    def _repeats(self, value: Any) -> tuple[bool, ...]:
        """Tell of each axis whether a tensor only repeats itself on it."""
        expanded = self.facts.expanded(value)
        found = self._origins.get(value)
        if found is None or not found.steps:
            return expanded
        sizes = zip(expanded, self.facts.shape(value), found.steps, strict=True)
        return tuple(repeats or (size > 1 and step == 0) for repeats, size, step in sizes)

    def moved(self, name: str, args: Sequence[Any], part: Any, turn: int | None) -> None:
        """Note that `part` is a view, a part or a copy of the first argument; which of several."""
        if turn is not None:
            self._kinds.moved(args[0], part)
        origin = self.of(args[0])
        before, after = self.facts.shape(args[0]), self.facts.shape(part)
        if name in _COPIES and before == after:
            self._origins.put(part, origin)
            return
        beside = origin.beside
        path, layout = origin.path, origin[2:4]
        found: Any = None
        if name in _RESHAPES:
            if beside:
                beside = _beside(before, after, beside)
            found = reshaped(layout, before, after)
            if path and path[-1][0] == "shape" and layout == (0, ()) and path[-1][1] == after:
                found, path = path[-1][2], path[:-1]  # it came back
            if found is None:
                path, found = (*path, ("shape", before, layout)), (0, ())
        else:
            if beside:
                beside = tuple(map(int, carried(name, args, before, after, beside)))
            if name == "roll":
                path, found = self._rolled(args, before, path, layout)
            else:
                found = shown(name, args, layout, before, after, turn, self.facts.number)
        if found is None:
            self._picked(name, args, before, part, beside if any(beside) else (), turn)
            return
        self._origins.put(
            part, Origin(origin.root, path, found[0], found[1], beside if any(beside) else ())
        )

    def _picked(
        self,
        name: str,
        args: Sequence[Any],
        before: Any,
        part: Any,
        beside: Any = (),
        turn: Any = None,
    ) -> None:
        """Note a part that no layout describes."""
        origin = self.of(args[0])
        step = (name, before, origin[2:4], turn, self._plain(args[1:]))
        self._origins.put(part, Origin(origin.root, (*origin.path, step), beside=beside))

    def _rolled(self, args: Sequence[Any], before: Any, path: Any, layout: Any) -> tuple[Any, Any]:
        """Return path and layout after a roll: none where it was rolled back."""
        by, over = ([item] if isinstance(item, int) else item for item in (*args[1:], ())[:2])
        shifts: dict[int, int] = {}
        if path and path[-1][0] == "roll" and layout == (0, ()) and path[-1][1] == before:
            layout, shifts, path = path[-1][2], dict(path[-1][3]), path[:-1]
        for turn, shift in enumerate(map(self.facts.number, by)):
            axis = over[turn] % len(before) if over else -1
            size = before[axis] if over else prod(before)
            shifts[axis] = (shifts.get(axis, 0) + shift) % max(size, 1)
        left = tuple(sorted((axis, shift) for axis, shift in shifts.items() if shift))
        return ((*path, ("roll", before, layout, left)), (0, ())) if left else (path, layout)

    def _spread(self, args: Sequence[Any], result: Any) -> None:
        """Note a tensor that was repeated or made larger: where its size was 1, it is the same."""
        before, after = self.facts.shape(args[0]), self.facts.shape(result)
        front = len(after) - len(before)
        if front < 0:
            return
        sizes = tuple(
            1 if axis < front or before[axis - front] == 1 else size
            for axis, size in enumerate(after)
        )
        if (*(1,) * front, *before) == sizes:
            self.moved("expand", args, result, None)
        elif sizes != after:
            steps = [
                0 if old == 1 else step for old, step in zip(sizes, contiguous(sizes), strict=True)
            ]
            self._origins.put(result, Origin(next(self._numbers), (), *normal(0, steps, after)))

    def _plain(self, given: Any) -> Any:
        """Return arguments so that equal ones compare equal: of a tensor its origin."""
        if isinstance(given, list | tuple):
            return tuple(self._plain(item) for item in given)
        return self.of(given) if self.facts.is_value(given) else str(given)

    def joined(self, name: str, parts: Sequence[Any], axis: int, result: Any) -> None:
        """Note tensors that were put side by side: parts of one, or different ones."""
        origins = [self.of(item) for item in parts]
        self._kinds.see(name, (parts,), list(parts), result, inside=False)
        if len(origins) == 1:
            self._picked(name, (parts[0], axis), self.facts.shape(parts[0]), result)
            return
        beside = [0] * len(self.facts.shape(result))
        if len({origin.root for origin in origins}) > 1 or len(set(origins)) == 1:
            sizes = {self.facts.shape(item)[axis] for item in parts} if name != "stack" else {1}
            beside[axis] = len(origins) if len(sizes) == 1 else 0
        origin = Origin(next(self._numbers), beside=tuple(beside) if any(beside) else ())
        self._origins.put(result, origin)

    def picked(self, part: tuple[Any, ...], indices: Sequence[Any]) -> bool:
        """Tell whether a part of a tensor was picked by one of the indices."""
        at = {self.of(index)[:3] for index in indices}
        given = [step[-1] for step in part[0] if step[0] in _INDEXED]
        return any(isinstance(item, Origin) and item[:3] in at for item in _flat(given))

    def alone(self, value: Any) -> tuple[bool, ...]:
        """Tell of each axis whether a tensor does not vary on it as one tensor.

        It repeats itself there, or is a stack of different tensors.
        """
        repeats, beside = self._repeats(value), self.of(value).beside
        if not beside:
            return repeats
        axes = zip(repeats, self.facts.shape(value), beside, strict=True)
        return tuple(alike or (size > 1 and number == size) for alike, size, number in axes)


def _flat(args: Any) -> Iterator[Any]:
    for item in args:
        if isinstance(item, list | tuple) and not isinstance(item, Origin):
            yield from _flat(item)
        else:
            yield item


def _beside(before: Sequence[int], after: Sequence[int], beside: Iterable[int]) -> tuple[int, ...]:
    """Return the numbers of tensors side by side after a change of shape."""
    found = [0] * len(after)
    for place, number in enumerate(beside):
        start = prod(before[:place])
        for other, size in enumerate(after):
            if number and size != 1 and prod(after[:other]) == start and size % number == 0:
                found[other] = number
    return tuple(found)
