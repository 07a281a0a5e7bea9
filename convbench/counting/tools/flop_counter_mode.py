"""torch's FlopCounterMode: counts the operators that are dispatched."""

from __future__ import annotations

from collections import Counter as Numbers
from typing import Any

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import run_both
from convbench.counting.zero_cost import plain_name


@register
class FlopCounterMode(Counter):
    """2 per multiply-accumulate, halved here; operators it does not know count 0, and are listed.

    torch's mode says nothing of what it does not know, so a second mode beneath it writes down
    every operator that really runs.
    """

    name = "torch"
    title = "FlopCounterMode"
    package = "torch"
    imports = "torch.utils.flop_counter"
    convention = Convention(
        unit="2 per multiply-accumulate (halved here), bias not counted", elementwise="nothing"
    )
    unit = 2
    backward = True

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Run module(*inputs) under the mode."""
        from convbench.core.torch_internals import DispatchMode, without_compiler

        tool = self.load()
        met: Numbers[str] = Numbers()

        class Witness(DispatchMode):
            """Write down each operator that no formula of torch covers."""

            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                if func.overloadpacket not in tool.flop_registry:
                    met[str(func)] += 1
                return func(*args, **(kwargs or {}))

        mode = tool.FlopCounterMode(display=False)
        with without_compiler(getattr(tool, "_FlopCounterMode", None)), Witness(), mode:
            run_both(module, inputs, backward=backward)
        counts = mode.get_flop_counts()
        root = type(module).__name__
        by_module = {
            "" if path in {"Global", root} else path.removeprefix(f"{root}."): sum(ops.values())
            for path, ops in counts.items()
        }
        return Answer(
            value=int(mode.get_total_flops()),
            by_operator={plain_name(str(op)): n for op, n in counts.get("Global", {}).items()},
            by_module=by_module,
            unsaid=dict(met),
        )
