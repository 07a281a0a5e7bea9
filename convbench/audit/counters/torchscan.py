"""torchscan's measure_flops."""

from __future__ import annotations

import importlib
from typing import Any

from convbench.audit.counter import Answer, Tool, register, run_both


@register
class Torchscan(Tool):
    """Wraps FlopCounterMode and lists the operators that have no formula."""

    name = "torchscan"
    package = "torchscan"
    unit = 2
    convention = "2 for each multiply-accumulate, bias and elementwise work not counted"
    backward = True

    def load(self) -> None:
        """Import torchscan."""
        importlib.import_module("torchscan.flops")

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its total, or what it knows of it, and the operators without a formula."""
        flops = importlib.import_module("torchscan.flops")
        report = flops.measure_flops(lambda: run_both(module, inputs, backward=backward))
        total = report["total"]
        value = total["value"] if total["value"] is not None else total["known_value"]
        unknown = {str(item["operator"]) for item in report["diagnostics"]}
        return Answer(value=int(value or 0), unknown=tuple(sorted(unknown)))
