"""What a network costs as a formula in its batch and resolution: trace once, evaluate anywhere.

`network_formula` traces any module, `plan_formula` reads a network that is planned here, and both
give a `NetworkFormula`. Torch is imported when a module is traced and not before.
"""

from convbench.tracing.command import formula_command
from convbench.tracing.errors import TraceError
from convbench.tracing.formula import NetworkFormula
from convbench.tracing.network import network_formula
from convbench.tracing.plans import plan_formula

__all__ = ["NetworkFormula", "TraceError", "formula_command", "network_formula", "plan_formula"]
