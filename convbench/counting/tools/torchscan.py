"""torchscan's measure_flops."""

from __future__ import annotations

from typing import Any

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import run_both


@register
class Torchscan(Counter):
    """Wraps FlopCounterMode and lists the operators that have no formula."""

    name = "torchscan"
    package = "torchscan"
    imports = "torchscan.flops"
    convention = Convention(
        unit="2 per multiply-accumulate, bias not counted", elementwise="nothing"
    )
    unit = 2
    backward = True
    in_runs = False
    leaves_traces = True

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its total, or what it knows of it, and the operators without a formula."""
        report = self.load().measure_flops(lambda: run_both(module, inputs, backward=backward))
        total = report["total"]
        value = total["value"] if total["value"] is not None else total["known_value"]
        unknown = {str(item["operator"]) for item in report["diagnostics"]}
        return Answer(value=int(value or 0), unknown=dict.fromkeys(sorted(unknown), 1))
