"""Which elements of a tensor a view of it shows: the same ones have one layout, whatever the route.

A layout is the first element and, of each axis, the step to the next one, both counted as if the
tensor were contiguous; () stands for the steps of a contiguous one, 0 for an axis of one size or
one that repeats itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from convbench.counting.by_hand.axes import carried

Sizes = tuple[int, ...]
Layout = tuple[int, Sizes]

_TURNS: Final = frozenset({
    "permute", "transpose", "swapaxes", "swapdims", "mT", "t", "adjoint", "numpy_T", "movedim",
    "moveaxis",
})  # fmt: skip
_SPREADS: Final = frozenset({"expand", "expand_as"})
_PARTS: Final = frozenset({
    "chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes",
})  # fmt: skip
CUTS: Final = _PARTS | {"select", "slice", "narrow", "index_select"}
"""Operators that give a part of a tensor."""


def contiguous(shape: Sizes) -> Sizes:
    """Return the steps of a contiguous tensor."""
    found, step = [], 1
    for size in reversed(shape):
        found.append(step if size != 1 else 0)
        step *= size
    return tuple(reversed(found))


def steps_of(layout: Layout, shape: Sizes) -> Sizes:
    """Return a layout's steps as numbers, one for each axis."""
    return layout[1] or contiguous(shape)


def normal(start: int, steps: Sequence[int], shape: Sizes) -> Layout:
    """Return a layout as it compares."""
    steps = tuple(step if size != 1 else 0 for step, size in zip(steps, shape, strict=True))
    return start, () if steps == contiguous(shape) else steps


def shown(
    name: str,
    args: Sequence[Any],
    layout: Layout,
    before: Sizes,
    after: Sizes,
    turn: int | None,
    number: Callable[[Any], int],
) -> Layout | None:
    """Return the layout of a view of what has a layout; None where it is none of these.

    args: the view's arguments, the tensor first. turn: which of several parts it is. number: gives
    a size as a number.
    """
    start, steps = layout[0], steps_of(layout, before)
    if name in _TURNS:
        return normal(start, carried(name, args, before, after, steps), after)
    if name in _SPREADS:
        return _spread(start, steps, before, after)
    if name == "flip":
        axes = {number(axis) % len(before) for axis in args[1]}
        start += sum((before[axis] - 1) * steps[axis] for axis in axes)
        turned = [-step if axis in axes else step for axis, step in enumerate(steps)]
        return normal(start, turned, after)
    found = _cut(name, args, before, turn, number)
    if found is None:
        return None
    axis, first, step = found
    start += first * steps[axis]
    kept = list(steps)
    kept[axis] *= step
    if len(after) < len(before):
        del kept[axis]
    return normal(start, kept, after)


def _cut(
    name: str, args: Sequence[Any], before: Sizes, turn: int | None, number: Callable[[Any], int]
) -> tuple[int, int, int] | None:
    """Return the axis that is cut, where the part begins, and its step."""
    given: Sequence[Any] = (*args[1:], *(None,) * 4)
    if name in {"select", "slice", "narrow"}:
        axis = number(given[0] or 0) % len(before)
        size = before[axis]
        first = number(given[1] or 0)
        first = min(max(first + size if first < 0 else first, 0), size)
        return axis, first, number(given[3] or 1) if name == "slice" else 1
    if name not in _PARTS or turn is None:
        return None
    if name == "unbind":
        return number(given[0] or 0) % len(before), turn, 1
    axis = number(given[1] or 0) % len(before)
    size = before[axis]
    if isinstance(given[0], list | tuple):
        sizes = list(map(number, given[0]))
        ends = name == "tensor_split"
        return axis, (([0, *sizes][turn]) if ends else sum(sizes[:turn])), 1
    many = number(given[0])
    if name == "tensor_split":
        return axis, turn * (size // many) + min(turn, size % many), 1
    each = -(-size // many) if "chunk" in name else many
    return axis, turn * each, 1


def _spread(start: int, steps: Sizes, before: Sizes, after: Sizes) -> Layout | None:
    front = len(after) - len(before)
    sizes = (*(1,) * front, *before)
    own = (*(0,) * front, *steps)
    if any(old not in {1, new} for old, new in zip(sizes, after, strict=True)):
        return None
    return normal(
        start,
        [0 if old != new else step for old, new, step in zip(sizes, after, own, strict=True)],
        after,
    )


def reshaped(layout: Layout, before: Sizes, after: Sizes) -> Layout | None:
    """Return the layout after a change of shape; None where no view has it."""
    if not layout[1]:
        return layout
    old = [(n, step) for n, step in zip(before, layout[1], strict=True) if n != 1]
    found = [0] * len(after)
    place = len(after) - 1
    length = 1  # of a run of axes that are one
    run = 1
    base = old[-1][1] if old else 0
    for turn in range(len(old) - 1, -1, -1):
        length *= old[turn][0]
        if turn and old[turn - 1][1] == length * base:
            continue
        while place >= 0 and (run < length or after[place] == 1):
            found[place] = run * base
            run *= after[place]
            place -= 1
        if run != length:
            return None
        length = run = 1
        base = old[turn - 1][1] if turn else 0
    return normal(layout[0], found, after)
