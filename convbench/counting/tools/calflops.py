"""calflops."""

from __future__ import annotations

from typing import Any

from convbench.core.torchvision_import import declare_operators
from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention


@register
class Calflops(Counter):
    """Patches functions and hooks modules; its MACs leave bias and elementwise work out."""

    name = "calflops"
    package = "calflops"
    imports = "calflops"
    convention = Convention(
        unit="1 per multiply-accumulate; a backward pass is twice the forward",
        elementwise="nothing",
    )
    backward = True
    in_runs = False
    leaves_traces = True

    def load(self) -> Any:
        """Import calflops, which imports transformers."""
        declare_operators()
        return super().load()

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its MACs."""
        _, macs, _ = self.load().calculate_flops(
            model=module,
            args=list(inputs),
            include_backPropagation=backward,
            print_results=False,
            print_detailed=False,
            output_as_string=False,
        )
        return Answer(value=round(float(macs)))
