"""torch.profiler with `with_flops`."""

from __future__ import annotations

from typing import Any

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import run_both, split

_APART = frozenset({"aten::add", "aten::add_", "aten::mul", "aten::mul_"})


@register
class TorchProfiler(Counter):
    """Estimates the operators that it records, 2 for each multiply-accumulate."""

    name = "torch.profiler"
    package = "torch"
    imports = "torch.profiler"
    convention = Convention(
        unit="2 per multiply-accumulate", elementwise="1 per addition and product of tensors"
    )
    unit = 2
    backward = True
    in_runs = False
    leaves_traces = True

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return the sum over its operators."""
        tool = self.load()
        with tool.profile(activities=[tool.ProfilerActivity.CPU], with_flops=True) as recorded:
            run_both(module, inputs, backward=backward)
        counts: dict[str, int] = {}
        for event in recorded.key_averages():
            counts[event.key] = counts.get(event.key, 0) + int(event.flops or 0)
        macs, parts = split(counts, lambda name: name not in _APART)
        return Answer(value=sum(counts.values()), parts=parts, by_operator=macs)
