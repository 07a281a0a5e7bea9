"""torchlens' report of a model's cost."""

from __future__ import annotations

from typing import Any

from convbench.audit.counter import Answer, Refusal, Tool, register


@register
class Torchlens(Tool):
    """Records every operator and reports multiply-accumulates apart from the rest."""

    name = "torchlens"
    package = "torchlens"
    convention = "1 for each multiply-accumulate (its true MACs); other operations apart"

    def load(self) -> None:
        """Import torchlens."""
        import torchlens.report  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its true MACs, and the operators that it names as unknown."""
        del backward
        from torchlens.report import flops_report

        report = flops_report(module, list(inputs))
        if report.true_macs is None:
            raise Refusal("it gives no number")
        return Answer(value=int(report.true_macs), unknown=tuple(report.unknown_op_names))
