"""torchtnt's FlopTensorDispatchMode."""

from __future__ import annotations

from typing import Any

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import run_both


@register
class Torchtnt(Counter):
    """Counts operators as they run, 1 for each multiply-accumulate."""

    name = "torchtnt"
    package = "torchtnt"
    imports = "torchtnt.utils.flops"
    convention = Convention(
        unit="1 per multiply-accumulate, bias not counted", elementwise="nothing"
    )
    backward = True
    in_runs = False
    leaves_traces = True

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return the sum over the whole module."""
        with self.load().FlopTensorDispatchMode(module) as mode:
            run_both(module, inputs, backward=backward)
        return Answer(value=int(sum(mode.flop_counts[""].values())))
