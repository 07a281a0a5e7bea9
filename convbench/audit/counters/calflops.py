"""calflops."""

from __future__ import annotations

import importlib
from typing import Any

from convbench.audit.counter import Answer, Tool, register
from convbench.core.vision import declare_operators


@register
class Calflops(Tool):
    """Patches functions and hooks modules; its MACs leave bias and elementwise work out."""

    name = "calflops"
    package = "calflops"
    convention = "1 for each multiply-accumulate; a backward pass is twice the forward"
    backward = True

    def load(self) -> None:
        """Import calflops, which imports transformers."""
        declare_operators()
        importlib.import_module("calflops")

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its MACs."""
        calculate_flops = importlib.import_module("calflops").calculate_flops
        _, macs, _ = calculate_flops(
            model=module,
            args=list(inputs),
            include_backPropagation=backward,
            print_results=False,
            print_detailed=False,
            output_as_string=False,
        )
        return Answer(value=round(float(macs)))
