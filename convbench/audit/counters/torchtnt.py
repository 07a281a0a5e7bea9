"""torchtnt's FlopTensorDispatchMode."""

from __future__ import annotations

import importlib
from typing import Any

from convbench.audit.counter import Answer, Tool, register, run_both


@register
class Torchtnt(Tool):
    """Counts operators as they run, 1 for each multiply-accumulate."""

    name = "torchtnt"
    package = "torchtnt"
    convention = "1 for each multiply-accumulate, bias and elementwise work not counted"
    backward = True

    def load(self) -> None:
        """Import torchtnt."""
        importlib.import_module("torchtnt.utils.flops")

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return the sum over the whole module."""
        flops = importlib.import_module("torchtnt.utils.flops")
        with flops.FlopTensorDispatchMode(module) as mode:
            run_both(module, inputs, backward=backward)
        return Answer(value=int(sum(mode.flop_counts[""].values())))
