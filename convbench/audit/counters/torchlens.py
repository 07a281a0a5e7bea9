"""torchlens' report of a model's cost."""

from __future__ import annotations

import importlib
import re
from typing import Any

from convbench.audit.counter import Answer, Refusal, Tool, register

_NUMBERS = re.compile(r"(_\d+)+$")
"""It numbers its operators: relu_1_3 is the first relu and the third operator."""


@register
class Torchlens(Tool):
    """Records every operator and reports multiply-accumulates apart from the rest."""

    name = "torchlens"
    package = "torchlens"
    convention = "1 for each multiply-accumulate (its true MACs); other operations apart"
    warm = False  # it refuses to work in another process than it was imported in

    def load(self) -> None:
        """Import torchlens."""
        importlib.import_module("torchlens.report")
        importlib.import_module("graphviz")  # which it imports when it is first used

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its true MACs, and the operators that it names as unknown."""
        del backward
        report = importlib.import_module("torchlens.report").flops_report(module, list(inputs))
        if report.true_macs is None:
            raise Refusal("it gives no number")
        names = {_NUMBERS.sub("", name) for name in report.unknown_op_names}
        return Answer(value=int(report.true_macs), unknown=tuple(sorted(names)))
