"""DeepSpeed's flops profiler."""

from __future__ import annotations

import os
from typing import Any

from convbench.core.torchvision_import import declare_operators
from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention


@register
class Deepspeed(Counter):
    """Patches functions and hooks modules; its MACs leave bias and elementwise work out."""

    name = "DeepSpeed"
    package = "deepspeed"
    imports = "deepspeed.profiling.flops_profiler"
    convention = Convention(unit="1 per multiply-accumulate", elementwise="nothing")
    in_runs = False
    leaves_traces = True

    def load(self) -> Any:
        """Import the profiler."""
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
        declare_operators()
        return super().load()

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its MACs."""
        _, macs, _ = self.load().get_model_profile(
            module,
            args=list(inputs),
            print_profile=False,
            detailed=False,
            as_string=False,
        )
        return Answer(value=round(float(macs)))
