"""Names for the sizes of a trace: which are symbols, which are numbers, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy

from convbench.formulas.symbols import symbol
from convbench.formulas.tracing.causes import spot
from convbench.formulas.tracing.exporting import CHANNELS, Traced
from convbench.formulas.tracing.guards import conditions
from convbench.formulas.tracing.shape_env import environment_of, line_that_fixed
from convbench.formulas.tracing.shape_env import expression as size_expression
from convbench.formulas.tracing.sizes import quotient
from convbench.formulas.tracing.writing import text


@dataclass
class Naming:
    """The symbols of a trace. names: torch's symbol -> ours, or the number it is kept at."""

    names: dict[Any, sympy.Expr] = field(default_factory=dict)
    symbols: tuple[sympy.Symbol, ...] = ()
    constraints: list[sympy.Basic] = field(default_factory=list)
    fixed: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    """The size that each name had in the trace."""
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Which dimension of which input each name is."""

    @classmethod
    def of(cls, traced: Traced) -> Naming:
        """Name the sizes of the inputs, and read what the trace takes for granted about them."""
        naming = cls()
        program = traced.program
        wanted = set(program.graph_signature.user_inputs)
        inputs = [
            node.meta["val"]
            for node in program.graph.nodes
            if node.op == "placeholder"
            and node.name in wanted
            and hasattr(node.meta.get("val"), "shape")
        ]
        for turn, (value, axes) in enumerate(zip(inputs, traced.axes, strict=True)):
            naming._name_input(value, axes, turn, traced.examples[turn].shape)
        environment = environment_of(inputs)
        if environment is not None:
            naming._constrain(environment, program.range_constraints)
            naming._say_why(environment)
        used = {item for name in naming.names.values() for item in name.free_symbols}
        used |= {item for condition in naming.constraints for item in condition.free_symbols}
        naming.symbols = tuple(symbol(name) for name in naming.sizes if symbol(name) in used)
        return naming

    def _name_input(self, value: Any, axes: dict[int, str], turn: int, shape: Any) -> None:
        named = _by_layout(value, axes)
        if CHANNELS in axes.values() and not {*named} - {0}:
            self.notes.append(
                f"Kept as numbers, dimensions 1 and 2 of input {turn + 1} ({shape[1]}×{shape[2]}): "
                "the module fixes them."
            )
        for index, letter in named.items():
            name, size = (letter if turn == 0 else f"{letter}{turn + 1}"), value.shape[index]
            number = int(shape[index])
            self.places.setdefault(name, (turn, index))
            expression = size_expression(size)
            if isinstance(expression, int):
                if letter != CHANNELS and turn == 0:
                    self.fixed[name] = number
                continue
            if letter == CHANNELS:
                self.names.setdefault(expression, sympy.Integer(number))
            elif expression.is_Symbol and expression not in self.names:
                self.sizes[name] = number
                self.names[expression] = symbol(name)
            elif turn == 0:
                self.sizes[name] = number
                self._derive(expression, name)

    def _derive(self, expression: Any, name: str) -> None:
        """Name a size that is a·s + b of a symbol s of torch's, or equals a size named before."""
        inner = sorted(expression.free_symbols, key=str)
        if all(item in self.names for item in inner):
            known = expression.xreplace(self.names)
            self.constraints.append(sympy.Eq(symbol(name), known, evaluate=False))
            return
        factor, rest = expression.coeff(inner[0]), expression.subs(inner[0], 0)
        self.names[inner[0]] = quotient(symbol(name) - rest, factor)
        self.constraints.append(sympy.Eq(sympy.Mod(symbol(name) - rest, factor), 0, evaluate=False))

    def _constrain(self, environment: Any, ranges: Any) -> None:
        """Read the conditions; sizes that only fit together are kept as the numbers they had."""
        tied = self.constraints
        while True:
            found = conditions(environment, ranges, self.names)
            bound = next((c for c in found if _ties(c)), None)
            if bound is None:
                break
            if bound.lhs.is_Symbol and bound.rhs.is_Symbol:
                self._unite(bound, tied)
                continue
            kept = sorted(item.name for item in bound.free_symbols)
            shown = " and ".join(f"{name}={self.sizes[name]}" for name in kept)
            self.notes.append(f"Kept as numbers, {shown}: the module wants {text(bound)}.")
            for name in kept:
                number = self.sizes.pop(name)
                self.fixed[name] = number
                self._replace(symbol(name), number)
        self.constraints = [
            c.subs({symbol(name): number for name, number in self.fixed.items()})
            for c in (*tied, *found)
        ]
        self.constraints = [c for c in self.constraints if c != sympy.true]

    def _unite(self, equality: sympy.Basic, tied: list[sympy.Basic]) -> None:
        """Use one symbol for two sizes that are equal; say so where both are of the first input."""
        first, second = sorted(equality.args, key=lambda item: list(self.sizes).index(item.name))
        self._replace(second, first)
        if self.places[second.name][0] > 0:
            del self.sizes[second.name]
        else:
            tied.append(sympy.Eq(second, first, evaluate=False))

    def _replace(self, old: sympy.Symbol, new: Any) -> None:
        self.names = {theirs: ours.subs(old, new) for theirs, ours in self.names.items()}

    def _say_why(self, environment: Any) -> None:
        """Note the sizes that torch made numbers, and the line that did it."""
        told = " ".join(self.notes)
        for name, number in self.fixed.items():
            if f"{name}={number}" in told:
                continue
            reason = _line(line_that_fixed(environment, number))
            self.notes.append(f"Kept as a number, {name}={number}: the module fixes it{reason}.")


def _by_layout(value: Any, axes: dict[int, str]) -> dict[int, str]:
    """Tell (channels, height, width) and (batch, length, features) by what the trace has fixed."""
    if CHANNELS not in axes.values():
        return axes
    batch = {index: name for index, name in axes.items() if index == 0}
    open_ = [
        index
        for index in range(value.ndim)
        if not isinstance(size_expression(value.shape[index]), int)
    ]
    if open_ == [1, 2] and 0 in axes:
        return {1: "H", 2: "W"}
    if 1 in open_ and 2 not in open_:  # noqa: PLR2004
        return {**batch, 1: "L"}
    if 1 not in open_ and 2 not in open_:  # noqa: PLR2004
        return batch
    return axes


def _ties(condition: Any) -> bool:
    """Tell whether a condition is an equation between several sizes, other than a divisibility."""
    return (
        isinstance(condition, sympy.Eq)
        and len(condition.free_symbols) > 1
        and not condition.has(sympy.Mod)
    )


def _line(frame: Any) -> str:
    path = str(getattr(frame, "filename", "")).replace("\\", "/")
    inner = path.rpartition("/torch/")[2]
    if not path or (inner != path and not inner.startswith("nn/")):
        return ""  # a line of torch's tracing tells nobody anything
    return f" ({spot(frame)})"
