"""DeepSpeed's flops profiler."""

from __future__ import annotations

import importlib
import os
from typing import Any

from convbench.audit.counter import Answer, Tool, register
from convbench.core.vision import declare_operators


@register
class Deepspeed(Tool):
    """Patches functions and hooks modules; its MACs leave bias and elementwise work out."""

    name = "DeepSpeed"
    package = "deepspeed"

    def load(self) -> None:
        """Import the profiler."""
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
        declare_operators()
        importlib.import_module("deepspeed.profiling.flops_profiler")

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its MACs."""
        del backward
        profiler = importlib.import_module("deepspeed.profiling.flops_profiler")
        _, macs, _ = profiler.get_model_profile(
            module,
            args=list(inputs),
            print_profile=False,
            detailed=False,
            as_string=False,
        )
        return Answer(value=round(float(macs)))
