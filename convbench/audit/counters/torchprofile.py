"""torchprofile."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from convbench.audit.counter import Answer, Tool, register, split

_MACS = frozenset(
    f"aten::{name}"
    for name in (
        "addmm",
        "addmv",
        "bmm",
        "baddbmm",
        "linear",
        "matmul",
        "_convolution",
        "lstm",
        "einsum",
        "scaled_dot_product_attention",
    )
)


@register
class Torchprofile(Tool):
    """Counts a traced graph by a table of operators, and warns of those that are not in it."""

    name = "torchprofile"
    package = "torchprofile"
    convention = "1 for each multiply-accumulate; products, normalisation and pooling beside them"

    def load(self) -> None:
        """Import torchprofile."""
        importlib.import_module("torchprofile")

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return the sum over its operators, and those that it warned of."""
        del backward
        profile_macs = importlib.import_module("torchprofile").profile_macs
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            nodes = profile_macs(module, inputs, reduction=None)
        counts: dict[str, int] = {}
        for node, number in nodes.items():
            counts[node.operator] = counts.get(node.operator, 0) + int(number)
        value, parts = split(counts, _MACS.__contains__)
        texts = (str(item.message) for item in said)
        unknown = {text.split('"')[1] for text in texts if text.startswith("No handlers found")}
        return Answer(value=value, parts=parts, unknown=tuple(sorted(unknown)))
