"""fvcore's FlopCountAnalysis: counts from a traced graph, by a table of operators."""

from __future__ import annotations

from typing import Any, Final

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import split

MAC_OPERATORS: Final = frozenset(
    {"conv", "linear", "matmul", "addmm", "bmm", "baddbmm", "einsum", "mm"}
)
"""fvcore's names for what multiplies and accumulates; the rest of its table is elementwise."""


@register
class Fvcore(Counter):
    """1 per multiply-accumulate; operators it does not know count 0, and are listed here."""

    name = "fvcore"
    package = "fvcore"
    imports = "fvcore.nn"
    convention = Convention(
        unit="1 per multiply-accumulate, bias not counted; without what no output depends on",
        elementwise="batch norm 2 per element (1 without affine), pooling and interpolation as "
        "its table says; other elementwise operators nothing",
    )

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Trace module(*inputs) and count the graph."""
        analysis = self.load().FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
        analysis.tracer_warnings("none")
        counts = {name: round(number) for name, number in analysis.by_operator().items()}
        macs, parts = split(counts, MAC_OPERATORS.__contains__)
        return Answer(
            value=sum(counts.values()),
            parts=parts,
            by_operator=macs,
            by_module={
                name: round(sum(n for op, n in operators.items() if op in MAC_OPERATORS))
                for name, operators in analysis.by_module_and_operator().items()
            },
            unknown=dict(analysis.unsupported_ops()),
        )
