"""What a network costs as a formula in its batch and resolution: trace once, evaluate anywhere.

`network_formula` traces any module, `plan_formula` reads a network that is planned here, and both
give a `NetworkFormula`. Torch is imported when a module is traced and not before.
"""

from convbench.formulas.tracing.causes import TraceError
from convbench.formulas.tracing.command import formula_command
from convbench.formulas.tracing.formula import NetworkFormula
from convbench.formulas.tracing.network import network_formula
from convbench.formulas.tracing.plans import plan_formula

__all__ = ["NetworkFormula", "TraceError", "formula_command", "network_formula", "plan_formula"]
