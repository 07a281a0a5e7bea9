"""torch.profiler with `with_flops`."""

from __future__ import annotations

from typing import Any

from convbench.audit.counter import Answer, Tool, register, run_both, split

_APART = frozenset({"aten::add", "aten::add_", "aten::mul", "aten::mul_"})


@register
class TorchProfiler(Tool):
    """Estimates the operators that it records, 2 for each multiply-accumulate."""

    name = "torch.profiler"
    package = "torch"
    unit = 2
    convention = "2 for each multiply-accumulate; additions and products of tensors beside them"
    backward = True

    def load(self) -> None:
        """Import the profiler."""
        import torch.profiler  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return the sum over its operators."""
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CPU], with_flops=True) as recorded:
            run_both(module, inputs, backward=backward)
        counts: dict[str, int] = {}
        for event in recorded.key_averages():
            counts[event.key] = counts.get(event.key, 0) + int(event.flops or 0)
        value, parts = split(counts, lambda name: name not in _APART)
        return Answer(value=value, parts=parts)
