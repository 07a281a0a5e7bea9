"""torchlens' report of a model's cost."""

from __future__ import annotations

import importlib
import re
from typing import Any

from convbench.counting.base import Answer, Counter, Refusal, register
from convbench.counting.tally import Convention

_NUMBERS = re.compile(r"(_\d+)+$")
"""It numbers its operators: relu_1_3 is the first relu and the third operator."""


@register
class Torchlens(Counter):
    """Records every operator and reports multiply-accumulates apart from the rest."""

    name = "torchlens"
    package = "torchlens"
    imports = "torchlens.report"
    convention = Convention(unit="1 per multiply-accumulate (its true MACs)", elementwise="nothing")
    in_runs = False
    leaves_traces = True
    warm = False  # it refuses to work in another process than it was imported in

    def load(self) -> Any:
        """Import torchlens, and graphviz, which it imports when it is first used."""
        importlib.import_module("graphviz")
        return super().load()

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its true MACs, and the operators that it names as unknown."""
        report = self.load().flops_report(module, list(inputs))
        if report.true_macs is None:
            raise Refusal("it gives no number")
        names = {_NUMBERS.sub("", name) for name in report.unknown_op_names}
        return Answer(value=int(report.true_macs), unknown=dict.fromkeys(sorted(names), 1))
