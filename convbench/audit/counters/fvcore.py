"""fvcore's FlopCountAnalysis."""

from __future__ import annotations

from typing import Any

from convbench.audit.counter import Answer, Tool, register, split

_MACS = frozenset({"conv", "linear", "matmul", "addmm", "bmm", "baddbmm", "einsum", "mm"})


@register
class Fvcore(Tool):
    """Counts a traced graph by a table of operators, and lists those that are not in it."""

    name = "fvcore"
    package = "fvcore"
    convention = "1 for each multiply-accumulate; normalisation, pooling and resize beside them"

    def load(self) -> None:
        """Import fvcore."""
        import fvcore.nn  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return the sum of its operators, and those that it skipped."""
        del backward
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
        analysis.tracer_warnings("none")
        counts = {name: round(number) for name, number in analysis.by_operator().items()}
        value, parts = split(counts, _MACS.__contains__)
        return Answer(value=value, parts=parts, unknown=tuple(sorted(analysis.unsupported_ops())))
