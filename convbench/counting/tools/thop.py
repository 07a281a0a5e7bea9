"""thop, and the fork of it that Ultralytics maintains. Both install a module called thop."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.metadata import distribution
from typing import Any, Final

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import split

FOLDER: Final = "CONVBENCH_AUDIT_ULTRALYTICS"
"""Environment variable: the folder that `pip install --target` put ultralytics-thop in."""

_MACS = ("Conv", "Linear", "RNN", "GRU", "LSTM", "Bilinear", "MultiheadAttention")


class _Thop(Counter):
    """Counts modules by hooks. It calls its numbers MACs, and adds normalisation and pooling."""

    imports = "thop"
    convention = Convention(
        unit="1 per multiply-accumulate, bias not counted",
        elementwise="normalisation, pooling and softmax",
    )
    in_runs = False
    leaves_traces = True

    def load(self) -> Any:
        """Import the thop that belongs to this tool."""
        if not self.version:
            raise ImportError(f"{self.package} is not installed")
        thop = super().load()
        theirs = distribution(self.package).locate_file("thop")
        if os.path.realpath(str(theirs)) != os.path.realpath(os.path.dirname(str(thop.__file__))):  # noqa: PTH120  beside str
            raise ImportError(f"another package's thop hides {self.package}'s")
        return thop

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its total; the layers that are not convolutions or products are parts."""
        kinds = {name: type(part).__name__ for name, part in module.named_modules()}
        total, _, layers = self.load().profile(
            module, inputs=inputs, verbose=False, ret_layer_info=True
        )
        counts: dict[str, int] = {}
        _gather(layers, "", kinds, counts)
        whole = round(float(total))
        counts[kinds[""]] = counts.get(kinds[""], 0) + whole - sum(counts.values())
        parts = split(counts, lambda kind: any(mac in kind for mac in _MACS))[1]
        parts.pop(kinds[""], None)
        return Answer(value=whole, parts=parts)


def _gather(layers: Any, path: str, kinds: dict[str, str], counts: dict[str, int]) -> None:
    """Add up, by kind of module, what each leaf of the tree of layers counted."""
    for name, (number, _, inner) in layers.items():
        place = f"{path}.{name}" if path else name
        if inner:
            _gather(inner, place, kinds, counts)
        else:
            kind = kinds.get(place, "")
            counts[kind] = counts.get(kind, 0) + round(float(number))


@register
class Thop(_Thop):
    """The original. It counts a transposed convolution on output positions."""

    name = "thop"
    package = "thop"
    convention = replace(_Thop.convention, transposed="output positions")


@register
class UltralyticsThop(_Thop):
    """The fork, found on the path or in the folder that the environment variable names."""

    name = "ultralytics-thop"
    package = "ultralytics-thop"

    @property
    def version(self) -> str:
        """The version in its own folder, or the installed one."""
        folder = os.environ.get(FOLDER, "")
        if folder and folder not in sys.path:
            sys.path.insert(0, folder)
        return super().version
