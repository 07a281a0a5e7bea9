"""DeepSpeed's flops profiler."""

from __future__ import annotations

import os
from typing import Any

from convbench.audit.counter import Answer, Tool, register
from convbench.audit.vision import declare_operators


@register
class Deepspeed(Tool):
    """Patches functions and hooks modules; its MACs leave bias and elementwise work out."""

    name = "DeepSpeed"
    package = "deepspeed"

    def load(self) -> None:
        """Import the profiler."""
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
        declare_operators()
        import deepspeed.profiling.flops_profiler  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its MACs."""
        del backward
        from deepspeed.profiling.flops_profiler import get_model_profile

        _, macs, _ = get_model_profile(
            module,
            args=list(inputs),
            print_profile=False,
            detailed=False,
            as_string=False,
        )
        return Answer(value=round(float(macs)))
