"""Complex convolutions, which torch takes apart into three real ones, are recognised as such.

Torch convolves the real parts, the imaginary parts, and their sums, and combines the three. A count
by the rule (a complex product is four real ones, as in a matrix product) must not depend on whether
torch has done so, so the third is recognised by its input and weight: each the sum of the real and
the imaginary part of one complex tensor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from torch import Tensor

from convbench.counting.engine.counts import Counts
from convbench.counting.engine.recorder import Recorder
from convbench.counting.engine.tensor_map import TensorMap

SUM: Final = "sum"
AT: Final = {"convolution": (0, 1), "convolution_backward": (1, 2)}
"""Where input and weight stand among the arguments."""
_KEEP: Final = frozenset({"clone", "contiguous", "constant_pad_nd", "detach", "unsqueeze"})


class ComplexConvolutions:
    """Which real tensors are parts of complex ones, or sums of both parts."""

    def __init__(self) -> None:
        """None is known yet."""
        self._parts: TensorMap[tuple[object, Any]] = TensorMap()

    def see(self, name: str, args: Any, result: Any) -> None:
        """Follow one operator."""
        if name == "view_as_real":
            self._parts.put(result, (object(), None))
            return
        if not self._parts or not args or not isinstance(args[0], Tensor):
            return
        known = self._parts.get(args[0])
        if known is None:
            return
        if name == "select" and known[1] is None:
            self._parts.put(result, (known[0], args[2]))
        elif name in _KEEP:
            self._parts.put(result, known)
        elif name == "add" and isinstance(args[1], Tensor):
            other = self._parts.get(args[1])
            if other is not None and other[0] is known[0] and {known[1], other[1]} == {0, 1}:
                self._parts.put(result, (known[0], SUM))

    def third(self, name: str, args: Any) -> bool:
        """Tell whether this convolution is the third of a complex one."""
        if not self._parts:
            return False
        return all((self._parts.get(args[place]) or (None, None))[1] == SUM for place in AT[name])

    def whole(self, name: str, counts: Counts, recorder: Recorder) -> Counts:
        """Return what the complex convolution costs, of which this was the third real one.

        Forward, the two before it are taken back, so that the three are one call; the three of a
        backward pass come in no known order, so there this one stands for two.
        """
        times = 2
        if name == "convolution":
            times = 4
            turns = [turn for turn, event in enumerate(recorder.events) if event[1] == name]
            for turn in reversed(turns[-2:]):
                del recorder.events[turn]
        return replace(
            counts,
            multiplications=times * counts.multiplications,
            multiplications_valid=times * counts.multiplications_valid,
        )
