"""torch's FlopCounterMode."""

from __future__ import annotations

from typing import Any

from convbench.audit.counter import Answer, Tool, register, run_both


@register
class FlopCounterMode(Tool):
    """Counts operators as they run, 2 for each multiply-accumulate."""

    name = "FlopCounterMode"
    package = "torch"
    unit = 2
    convention = "2 for each multiply-accumulate, bias and elementwise work not counted"
    backward = True

    def load(self) -> None:
        """Import the counter."""
        import torch.utils.flop_counter  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its total."""
        from torch.utils.flop_counter import FlopCounterMode as Mode

        mode = Mode(display=False)
        with mode:
            run_both(module, inputs, backward=backward)
        return Answer(value=int(mode.get_total_flops()))
