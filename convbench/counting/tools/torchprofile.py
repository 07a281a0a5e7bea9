"""torchprofile."""

from __future__ import annotations

import warnings
from typing import Any

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import split

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
class Torchprofile(Counter):
    """Counts a traced graph by a table of operators, and warns of those that are not in it."""

    name = "torchprofile"
    package = "torchprofile"
    imports = "torchprofile"
    convention = Convention(
        unit="1 per multiply-accumulate, bias not counted",
        elementwise="1 per product of tensors, per normalised element and per average",
        transposed="output positions",
    )
    in_runs = False
    leaves_traces = True

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return the sum over its operators, and those that it warned of."""
        profile_macs = self.load().profile_macs
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            nodes = profile_macs(module, inputs, reduction=None)
        counts: dict[str, int] = {}
        for node, number in nodes.items():
            counts[node.operator] = counts.get(node.operator, 0) + int(number)
        macs, parts = split(counts, _MACS.__contains__)
        texts = (str(item.message) for item in said)
        unknown = {text.split('"')[1] for text in texts if text.startswith("No handlers found")}
        return Answer(
            value=sum(counts.values()),
            parts=parts,
            by_operator=macs,
            unknown=dict.fromkeys(sorted(unknown), 1),
        )
