"""torch's FlopCounterMode: counts the operators that are dispatched."""

from __future__ import annotations

from collections import Counter as Numbers
from typing import TYPE_CHECKING, Any

from convbench.counting.base import COUNTERS
from convbench.counting.rules import is_zero_by_rule, plain_name
from convbench.counting.tally import Convention, Tally

if TYPE_CHECKING:
    from torch import nn


class FlopCounterMode:
    """2 per multiply-accumulate, halved here; operators it does not know count 0, and are listed.

    torch's mode says nothing of what it does not know, so a second mode beneath it writes down
    every operator that really runs.
    """

    name = "torch"
    package = "torch"

    def count(self, module: nn.Module, inputs: tuple[Any, ...]) -> Tally:
        """Run module(*inputs) under the mode."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode as Mode
        from torch.utils.flop_counter import flop_registry

        from convbench.core.torch_internals import TorchDispatchMode

        met: Numbers[str] = Numbers()

        class Witness(TorchDispatchMode):
            """Write down each operator that no formula of torch covers."""

            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                if func.overloadpacket not in flop_registry:
                    met[str(func)] += 1
                return func(*args, **(kwargs or {}))

        mode = Mode(display=False)
        with Witness(), mode:
            module(*inputs)
        counts = mode.get_flop_counts()
        root = type(module).__name__
        by_operator = {
            plain_name(str(op)): flops // 2 for op, flops in counts.get("Global", {}).items()
        }
        by_module = {
            "" if path in {"Global", root} else path.removeprefix(f"{root}."): sum(ops.values())
            // 2
            for path, ops in counts.items()
        }
        return Tally(
            counter=self.name,
            macs=mode.get_total_flops() // 2,
            by_operator=by_operator,
            by_module=by_module,
            unsupported={n: c for n, c in sorted(met.items()) if not is_zero_by_rule(n)},
            convention=Convention(
                unit="2 per multiply-accumulate (halved here), bias not counted",
                elementwise="nothing",
                source=f"torch {torch.__version__}",
            ),
        )


COUNTERS.register("torch")(FlopCounterMode())
