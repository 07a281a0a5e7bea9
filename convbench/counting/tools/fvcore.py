"""fvcore's FlopCountAnalysis: counts from a traced graph, by a table of operators."""

from __future__ import annotations

from collections import Counter as Numbers
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from convbench.counting.base import COUNTERS
from convbench.counting.rules import is_zero_by_rule
from convbench.counting.tally import Convention, Tally

if TYPE_CHECKING:
    from torch import nn

MAC_OPERATORS: Final = frozenset(
    {"conv", "linear", "matmul", "addmm", "bmm", "baddbmm", "einsum", "mm"}
)
"""fvcore's names for what multiplies and accumulates; the rest of its table is elementwise."""


class Fvcore:
    """1 per multiply-accumulate; operators it does not know count 0, and are listed here."""

    name = "fvcore"
    package = "fvcore"

    def count(self, module: nn.Module, inputs: tuple[Any, ...]) -> Tally:
        """Trace module(*inputs) and count the graph."""
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
        analysis.tracer_warnings("none")
        operators = {name: round(number) for name, number in analysis.by_operator().items()}
        modules = {
            name: round(sum(n for op, n in counts.items() if op in MAC_OPERATORS))
            for name, counts in analysis.by_module_and_operator().items()
        }
        skipped: Numbers[str] = analysis.unsupported_ops()
        macs = {name: n for name, n in operators.items() if name in MAC_OPERATORS}
        return Tally(
            counter=self.name,
            macs=sum(macs.values()),
            by_operator=macs,
            by_module=modules,
            elementwise={n: v for n, v in operators.items() if n not in MAC_OPERATORS},
            unsupported={n: c for n, c in sorted(skipped.items()) if not is_zero_by_rule(n)},
            convention=Convention(
                unit="1 per multiply-accumulate, bias not counted; without what "
                "no output depends on",
                elementwise="batch norm 2 per element (1 without affine), pooling and "
                "interpolation as its table says; other elementwise operators nothing",
                source=f"fvcore {version('fvcore')}",
            ),
        )


COUNTERS.register("fvcore")(Fvcore())
