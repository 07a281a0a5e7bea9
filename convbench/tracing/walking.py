"""Walk an exported program's graph and gather what its operators multiply."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from convbench.counting.rules import is_zero_by_rule, plain_name
from convbench.tracing.operators import (
    EITHER_WAY,
    OTHERS,
    RULES,
    ZERO_IN_PROGRAMS,
    convolution,
    transposed,
)
from convbench.tracing.sizes import canonical, term

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sympy
    from torch.fx import Graph, Node

    from convbench.tracing.sizes import Term

TORCH: Final = ("aten", "prim", "prims", "quantized_decomposed")
"""Namespaces in which a bare name means torch's own operator."""


@dataclass(kw_only=True)
class Found:
    """What a graph multiplies: terms by operator, and the operators of no known rule."""

    terms: dict[str, list[Term]] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    unknown: set[Any] = field(default_factory=set)
    """The unsupported operators themselves."""


def walk(graph: Graph, names: Mapping[Any, sympy.Expr]) -> Found:
    """Gather the terms of a graph; `names` gives the symbol of each of the program's sizes.

    Raises TraceError where a size that matters has no formula in those symbols.
    """
    found = Found()
    _walk(graph, lambda size: _size(size, names), found)
    return found


def _size(size: Any, names: Mapping[Any, sympy.Expr]) -> Any:
    return size if isinstance(size, int) else canonical(size.node.expr, names)


def _walk(graph: Graph, size: Callable[[Any], Any], found: Found) -> None:
    from torch._ops import HigherOrderOperator, OpOverload

    for node in graph.nodes:
        if node.op != "call_function":
            continue
        if isinstance(node.target, HigherOrderOperator):
            _walk_inside(node, size, found)
        elif isinstance(node.target, OpOverload):
            _gather(node, node.target, size, found)


def _gather(node: Node, operator: Any, size: Callable[[Any], Any], found: Found) -> None:
    name = operator._schema.name  # noqa: SLF001  "aten::conv2d", which has no public spelling
    bare, own = plain_name(name), operator.namespace in TORCH
    rule = RULES.get(bare) if own else OTHERS.get(name)
    if own and bare in EITHER_WAY:
        rule = transposed if _argument(node, operator, "transposed") else convolution
    if rule is not None:
        shapes = [_shape(argument, size) for argument in node.args]
        output = node.meta["val"]
        products = rule(shapes, _shape_of(output[0] if isinstance(output, tuple) else output, size))
        found.terms.setdefault(bare, []).extend(map(term, products))
    elif not (own and (is_zero_by_rule(name) or bare in ZERO_IN_PROGRAMS)):
        found.unsupported[bare if own else name] += 1
        found.unknown.add(operator)


def _argument(node: Node, operator: Any, name: str) -> Any:
    positions = [argument.name for argument in operator._schema.arguments]  # noqa: SLF001
    place = positions.index(name)
    return node.args[place] if place < len(node.args) else node.kwargs.get(name)


def _shape(argument: Any, size: Callable[[Any], Any]) -> Any:
    return _shape_of(getattr(argument, "meta", {}).get("val"), size)


def _shape_of(value: Any, size: Callable[[Any], Any]) -> Any:
    return tuple(map(size, value.shape)) if hasattr(value, "shape") else None


def _walk_inside(node: Node, size: Callable[[Any], Any], found: Found) -> None:
    """Follow an operator that runs graphs: once where it only wraps one, else if none multiplies.

    A branch or a loop counts where all its graphs agree to multiply nothing; otherwise how often
    each runs is up to the data, and the operator is unknown.
    """
    name = str(node.target)
    owner = node.graph.owning_module
    held: list[Any] = [
        getattr(owner, str(argument.target), None)
        for argument in node.all_input_nodes
        if argument.op == "get_attr"
    ]
    graphs = [part.graph for part in held if hasattr(part, "graph")]
    if len(graphs) == 1 and (name.startswith(("wrap", "hints")) or name == "invoke_subgraph"):
        _walk(graphs[0], size, found)
        return
    inside = Found()
    for graph in graphs:
        _walk(graph, size, inside)
    if not graphs or inside.terms or inside.unsupported:
        found.unsupported[name] += 1
