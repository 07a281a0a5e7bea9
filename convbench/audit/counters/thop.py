"""thop, and the fork of it that Ultralytics maintains. Both install a module called thop."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.metadata import version as installed_version
from typing import Any, ClassVar

from convbench.audit.counter import Answer, Tool, register, split

FOLDER = "CONVBENCH_AUDIT_ULTRALYTICS"
"""Environment variable: the folder that `pip install --target` put ultralytics-thop in."""

_MACS = ("Conv", "Linear", "RNN", "GRU", "LSTM", "Bilinear", "MultiheadAttention")


class _Thop(Tool):
    """Counts modules by hooks. It calls its numbers MACs, and adds normalisation and pooling."""

    convention = "1 for each multiply-accumulate; normalisation, pooling and softmax beside them"
    folder: ClassVar[str] = ""

    def load(self) -> None:
        """Import the thop that belongs to this tool."""
        if self.folder:
            folder = os.environ.get(self.folder, "")
            if folder:
                sys.path.insert(0, folder)
        if not self.version:
            raise ImportError(f"{self.package} is not installed")
        thop = importlib.import_module("thop")

        theirs = distribution(self.package).locate_file("thop")
        if os.path.realpath(str(theirs)) != os.path.realpath(os.path.dirname(str(thop.__file__))):  # noqa: PTH120  beside str
            raise ImportError(f"another package's thop hides {self.package}'s")

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its total; the layers that are not convolutions or products are parts."""
        del backward
        profile = importlib.import_module("thop").profile
        kinds = {name: type(part).__name__ for name, part in module.named_modules()}
        total, _, layers = profile(module, inputs=inputs, verbose=False, ret_layer_info=True)
        counts: dict[str, int] = {}
        _gather(layers, "", kinds, counts)
        whole = round(float(total))
        counts[kinds[""]] = counts.get(kinds[""], 0) + whole - sum(counts.values())
        value, parts = split(counts, lambda kind: any(mac in kind for mac in _MACS))
        parts.pop(kinds[""], None)
        return Answer(value=value, parts=parts)


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
    """The original."""

    name = "thop"
    package = "thop"


@register
class UltralyticsThop(_Thop):
    """The fork, found on the path or in the folder that the environment variable names."""

    name = "ultralytics-thop"
    package = "ultralytics-thop"
    folder = FOLDER

    @property
    def version(self) -> str:
        """The version in its own folder, or the installed one."""
        folder = os.environ.get(self.folder, "")
        if folder and folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            return installed_version(self.package)
        except PackageNotFoundError:
            return ""
