"""plan_formula: the same formula from a network's plan, without torch."""

from __future__ import annotations

from typing import Any

import sympy

from convbench.core.costs import Step
from convbench.core.errors import SpecError
from convbench.core.steps import Conv, ConvTranspose, Linear, flatten
from convbench.formulas.symbols import AXES, symbol
from convbench.formulas.tracing.formula import NetworkFormula
from convbench.formulas.tracing.sizes import Term, canonical, collected, term
from convbench.networks.base import Network


def plan_formula(network: Network) -> NetworkFormula:
    """Return a planned network's multiplications as a formula in its batch and input size.

    The plan is read with symbols, so this is the code that the counts come from; least sizes are
    found by asking it. Names of operators are those that a trace gives them.
    """
    names = AXES[len(network.input_size)]
    symbols = (symbol("B"), *map(symbol, names))
    plan = flatten(network.plan(symbols[0], symbols[1:]))
    by_operator: dict[str, list[Term]] = {}
    parameters: Any = 0
    known = {item: item for item in symbols}
    for step in plan:
        cost = step.cost
        parameters = parameters + cost.parameters
        if cost.multiplications != 0:
            product = canonical(sympy.sympify(cost.multiplications), known)
            by_operator.setdefault(_operator(step), []).append(term([product]))
    return NetworkFormula(
        multiplications=collected(item for terms in by_operator.values() for item in terms),
        parameters=int(parameters),
        by_operator={name: collected(terms) for name, terms in by_operator.items()},
        symbols=symbols,
        constraints=tuple(_least_sizes(network, names)),
        source="plan",
    )


def _operator(step: Step) -> str:
    if isinstance(step, Conv):
        return f"conv{len(step.axes)}d"
    if isinstance(step, ConvTranspose):
        return f"conv_transpose{len(step.axes)}d"
    return "linear" if isinstance(step, Linear) else type(step).__name__.lower()


def _least_sizes(network: Network, names: tuple[str, ...]) -> list[sympy.Basic]:
    """Return H >= 13 and the like: the least that the plan takes, by halving."""
    found: list[sympy.Basic] = []
    for place, name in enumerate(names):
        low, high = 0, network.input_size[place]  # low does not fit, high does
        while high - low > 1:
            middle = (low + high) // 2
            size = (*network.input_size[:place], middle, *network.input_size[place + 1 :])
            try:
                network.plan(1, size)
            except SpecError:
                low = middle
            else:
                high = middle
        if high > 1:
            found.append(sympy.Ge(symbol(name), high, evaluate=False))
    return found
