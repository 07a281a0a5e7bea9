"""What kind of numbers a tensor holds: those of integers and masks make no contraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.counting.by_hand.axes import MOVES
from convbench.counting.zero_cost import ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.counting.by_hand.products import Facts

DRAWN: Final = 1
"""Random numbers of this pass, and maps of such alone: noise, which scales what it multiplies."""
WHOLE: Final = 2
"""Integers, also as floats: indices, coordinates, numbers of things."""
MASK: Final = 3
"""Zeros and ones, or one other number: what a product with it leaves or takes away."""

_ALIKE: Final = frozenset({
    "ones", "ones_like", "new_ones", "full", "full_like", "new_full", "scalar_tensor", "eye",
    "one_hot", "bernoulli", "zeros", "zeros_like", "new_zeros",
})  # fmt: skip
"""What makes tensors of zeros and ones, or of one number: also zeros, until they are written to."""
_COUNTING: Final = frozenset({"arange"})
_DRAWS: Final = frozenset({
    "rand", "rand_like", "randn", "randn_like", "normal", "uniform", "exponential", "log_normal",
    "cauchy", "geometric", "random", "normal_functional",
})  # fmt: skip
_PICKS: Final = frozenset(MOVES) | {
    "gather", "repeat", "repeat_interleave", "tile", "rot90", "diagonal", "take", "sort",
    "take_along_dim",
    "amax", "amin", "max", "min", "cummax", "cummin", "max_pool1d", "max_pool2d", "max_pool3d",
    "max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "upsample_nearest1d", "upsample_nearest2d",
    "upsample_nearest3d", "upsample_nearest_exact1d", "upsample_nearest_exact2d",
    "upsample_nearest_exact3d", "embedding",
}  # fmt: skip
"""What gives some of the numbers of its first argument."""
_VIEWS: Final = frozenset({
    "alias", "as_strided", "chunk", "detach", "expand", "expand_as", "flatten", "lift_fresh", "mT",
    "movedim", "moveaxis", "narrow", "numpy_T", "permute", "ravel", "reshape", "reshape_alias",
    "reshape_as", "select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes", "swapdims",
    "t", "tensor_split", "transpose", "unbind", "unflatten", "unsafe_view", "unsqueeze", "view",
    "view_as",
})  # fmt: skip
"""Those of them whose results are written to when it is."""
_WRITES: Final = {
    **dict.fromkeys(("copy", "fill"), 1),
    **dict.fromkeys(("scatter", "index_fill", "index_copy"), 3),
    **dict.fromkeys(("masked_fill", "masked_scatter", "index_put"), 2),
}
"""What writes numbers to a tensor, with where those stand among the arguments."""
_STAYS_MASK: Final = (
    _PICKS
    | _WRITES.keys()
    | {"mul", "multiply", "neg", "rsub", "floor", "ceil", "round", "relu", "clamp", "abs", "where"}
    | {"minimum", "maximum", "cat", "stack", "tril", "triu", "div", "divide", "true_divide"}
) - {"index_put"}
QUOTIENTS: Final = frozenset({"div", "divide", "true_divide"})
_STAYS_WHOLE: Final = _STAYS_MASK - QUOTIENTS | {
    "add", "sub", "subtract", "sum", "cumsum", "floor_divide", "remainder", "fmod", "pow", "sgn",
    "sign", "clamp_min", "clamp_max", "square", "index_put", "scatter_add", "index_add",
}  # fmt: skip
_STAYS: Final = _STAYS_WHOLE | QUOTIENTS
_MAPS: Final = ELEMENTWISE | {"softmax", "log_softmax"}
_CLAMPS: Final = frozenset({"clamp", "clamp_min", "clamp_max", "clip"})
_COPIES: Final = frozenset({"detach", "clone", "alias", "to_copy"})
KEEPS_KIND: Final = _ALIKE | _COUNTING | _DRAWS | _STAYS | _MAPS
"""Operators whose results may hold masks or integers as floats."""


class NumberKinds:
    """The kinds of values; all views of one tensor have one. noted: any was."""

    def __init__(self, facts: Facts) -> None:
        """`facts` tells what the values are."""
        self.facts = facts
        self._known, self._less = facts.table(), facts.table()
        self.any_known = self._chosen = self._drawn = False

    def of(self, value: Any) -> int:
        """Return MASK, WHOLE, DRAWN or 0 for numbers of any other kind."""
        noted = self._known.get(value)
        return int(self.facts.kind(value) if noted is None else noted[0])

    def forget(self, value: Any) -> None:
        """Forget what was known of a tensor, and its views, that something else was written to."""
        self._put(value, 0)

    def moved(self, before: Any, part: Any) -> None:
        """Note a view of a tensor that is one of several."""
        noted = self._known.get(before)
        if noted is not None:
            self._known.put(part, noted)

    def see(
        self, name: str, args: Sequence[Any], values: list[Any], result: Any, *, inside: bool
    ) -> None:
        """Note the kind of what an operator made, or wrote."""
        if name in _VIEWS and not inside and values:
            self.moved(values[0], result)
            if self._chosen:
                self._less.put(result, self._less.get(values[0]))
            return
        found = 0
        if name in _ALIKE and (not inside or name == "bernoulli"):
            found = MASK
        elif name in _COUNTING:
            found = WHOLE if all(map(_integral, args[:3])) else 0
        elif name in _DRAWS:
            found = self._noise(name, values[inside:])
        elif values and (name in _STAYS or (self._drawn and name in _MAPS)):
            found = self._kept(name, args, values)
        if inside:
            self._put(result, found or self.facts.kind(result))
        elif found:
            self._new(result, found)

    def straight(self, name: str, args: Sequence[Any], result: Any, origins: Any) -> None:
        """Follow an estimator straight through: a choice, less what it was made of, plus that.

        origins: tells the origin of a value. What it gives is the choice.
        """
        one, other = args[:2]
        if not (self.facts.is_value(one) and self.facts.is_value(other)):
            return
        if name == "sub":
            kind = self.of(one)
            if kind and not self.of(other):
                self._less.put(result, (kind, origins(other)))
                self._chosen = True
        elif name == "add" and self._chosen:
            for less, more in ((one, other), (other, one)):
                noted = self._less.get(less)
                if noted is not None and noted[1] == origins(more):
                    self._new(result, noted[0])

    def _new(self, value: Any, kind: int) -> None:
        self._known.put(value, [kind])
        self.any_known = True

    def _put(self, value: Any, kind: int) -> None:
        noted = self._known.get(value)
        if noted is not None:
            noted[0] = kind
        elif kind:
            self._new(value, kind)

    def _noise(self, name: str, around: list[Any]) -> int:
        """Return the kind of random numbers: those around a tensor are that tensor, with noise."""
        found = DRAWN if name != "normal" or all(map(self.of, around)) else 0
        self._drawn = self._drawn or bool(found)
        return found

    def _kept(self, name: str, args: Sequence[Any], values: list[Any]) -> int:
        """Return the kind that the arguments leave the result."""
        sources = self._sources(name, args, values)
        if not sources or not all(map(self.of, sources)):
            return 0
        lowest = min(map(self.of, sources))
        by = args[1] if len(args) > 1 else None
        if lowest == DRAWN:
            return DRAWN
        if name in QUOTIENTS:  # by how many there are, or a mask by a number
            if _is(by, sources):
                return self.of(sources[0])
            return MASK if lowest == MASK else 0
        if lowest == MASK and name in _STAYS_MASK:
            return MASK
        whole = name in _CLAMPS or not isinstance(by, float) or by.is_integer()
        return WHOLE if name in _STAYS_WHOLE and whole else 0

    def _sources(self, name: str, args: Sequence[Any], values: list[Any]) -> list[Any]:
        """Return the tensors whose numbers the result holds, or is made of."""
        if name in _PICKS and not isinstance(args[0], list | tuple):
            return values[:1]
        if name in _WRITES:  # what it writes, and to what; not where
            new = args[_WRITES[name]]
            one = self.facts.is_value(new) and self.facts.shape(new)
            return [args[0], new] if one else [args[0]]  # a number is as good as another
        if name == "where":
            values = [item for item in values if not _is(item, args[:1])]
            return [item for item in values if self.facts.shape(item)] or values[:1]
        return values


def _is(item: Any, values: Sequence[Any]) -> bool:
    return any(item is value for value in values)


def _integral(item: Any) -> bool:
    return not isinstance(item, float) or item.is_integer()
