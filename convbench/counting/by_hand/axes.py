"""Where the axes of a tensor go when it is viewed, moved, cut or summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

Flag = TypeVar("Flag", bool, int)
Flags = tuple[int, ...]
"""What is known of each axis: True or False, or a number that goes where the axis goes."""


def broadcast(flags: Sequence[Flag], rank: int) -> tuple[Flag, ...]:
    """Put axes in front, as broadcasting does."""
    none: Any = False
    return (*(none,) * (rank - len(flags)), *flags)


def summed_axes(name: str, args: Sequence[Any], rank: int) -> tuple[int, ...]:
    """Return the axes that a sum or mean is taken over, counted from the front."""
    given = args[1] if len(args) > 1 else None
    if "pool" in name:  # over windows of the last axes
        return tuple(range(rank - int(name[-2]), rank))
    if isinstance(given, bool) or not isinstance(given, int | list | tuple) or given in ([], ()):
        return tuple(range(rank)) if name != "cumsum" else ()
    axes = (given,) if isinstance(given, int) else tuple(given)
    return tuple(axis % rank for axis in axes) if rank else ()


def _same(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    del args
    return broadcast(flags, after)[-after:] if after else ()


def _permuted(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    del after
    return tuple(flags[axis] for axis in args[1])


def _swapped(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    del after
    one, other = args[1:3] if len(args) > 2 else (-2, -1)  # noqa: PLR2004  mT names none
    found = list(flags)
    if len(found) > 1:
        found[one], found[other] = found[other], found[one]
    return tuple(found)


def _reversed(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    del args, after
    return tuple(reversed(flags))


def _selected(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    axis = args[1] if len(args) > 1 else 0
    axis %= len(flags)
    kept = (*flags[:axis], *flags[axis + 1 :])
    return kept if len(kept) == after else (any(flags),) * after


def _placed(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    one, other = (
        [axis % after for axis in ([item] if isinstance(item, int) else item)] for item in args[1:3]
    )
    left = iter([axis for axis in range(after) if axis not in one])
    order = dict(zip(other, one, strict=True))
    return tuple(flags[order[axis] if axis in order else next(left)] for axis in range(after))


def _any(args: Sequence[Any], flags: Flags, after: int) -> Flags:
    del args
    return flags if len(flags) == after else (any(flags),) * after


_WORDS: Final = {
    _same: """alias clone constant_pad_nd contiguous detach expand expand_as flip lift_fresh narrow
        pad roll slice split split_with_sizes tensor_split chunk unsafe_chunk unsafe_split to
        to_copy type_as resolve_conj resolve_neg conj index_select float double half
        unsafe_split_with_sizes""",
    _selected: "select unbind",
    _permuted: "permute",
    _swapped: "transpose swapaxes swapdims mT mH matrix_H t adjoint",
    _reversed: "numpy_T",
    _placed: "movedim moveaxis",
    _any: "im2col unfold index as_strided",
    None: """flatten ravel reshape reshape_alias squeeze unflatten unsafe_view unsqueeze view
        view_as reshape_as""",
}
MOVES: Final[dict[str, Callable[[Sequence[Any], Flags, int], Flags] | None]] = {
    name: way for way, names in _WORDS.items() for name in names.split()
}
"""Operators whose result is a view, a part or a copy of their first argument, with where each axis
goes; None where the sizes before and after tell."""


def carried(
    name: str, args: Sequence[Any], before: Sequence[int], after: Sequence[int], flags: Flags
) -> Flags:
    """Return the flags of a tensor's axes after an operator of MOVES."""
    way = MOVES[name]
    if way is None:
        return reshaped(before, after, flags)
    return way(args, flags, len(after))


def reshaped(before: Sequence[int], after: Sequence[int], flags: Sequence[int]) -> Flags:
    """Carry flags over a change of shape: an axis gets those of the axes it is made of."""
    found: list[int] = []
    place = 0
    old, new, start = 1, 1, 0
    group: int = False
    for length in after:
        new *= length
        found.append(False)
        while place < len(before) and (old < new or (old == new and before[place] == 1)):
            old *= before[place]
            group = group or flags[place]
            place += 1
        if group:
            found[start:] = [True] * (len(found) - start)
        if old == new:
            start, group = len(found), False
    return tuple(flag and length != 1 for flag, length in zip(found, after, strict=True))


def shortened(flags: Sequence[bool], before: Sequence[int], after: Sequence[int]) -> bool:
    """Tell whether a part is shorter than its tensor on a flagged axis, or lacks one."""
    if len(after) < len(before):
        gone = next((axis for axis, size in enumerate(after) if size != before[axis]), len(after))
        return flags[gone]
    return any(flag and old != new for flag, old, new in zip(flags, before, after, strict=True))
