"""Walk an exported program's graph and gather what its operators multiply."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Final

import sympy

from convbench.counting.engine.counts import COMPLEX_PRODUCT
from convbench.counting.zero_cost import PREPARING, TRANSFORM, is_zero_by_rule, plain_name
from convbench.formulas.tracing.nodes import Nodes, parametrizes
from convbench.formulas.tracing.operators import (
    EITHER_WAY,
    OTHERS,
    RULES,
    convolution,
    transposed,
)
from convbench.formulas.tracing.shape_env import expression
from convbench.formulas.tracing.sizes import Term, canonical, term

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch.export import ExportedProgram
    from torch.fx import Graph, Node


TORCH: Final = ("aten", "prim", "prims", "quantized_decomposed")
"""Namespaces in which a bare name means torch's own operator."""
_TRANSFORMED: Final = "vmap, or another transform of functions"
"""What is inside runs as often as no size in the graph tells."""


@dataclass(kw_only=True)
class Found:
    """What a graph multiplies: terms by operator, and the operators of no known rule."""

    terms: dict[str, list[Term]] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    transforms: Counter[str] = field(default_factory=Counter)
    """Fourier transforms, which stand apart."""
    unknown: set[Any] = field(default_factory=set)
    """The unsupported operators themselves."""
    least: list[Any] = field(default_factory=list)
    """Sizes that the formula takes for 2 or more: at 1, a gate that is pooled is a product."""


@dataclass(frozen=True)
class Walk:
    """One graph being walked: what its nodes are, how their sizes read, what is found."""

    nodes: Nodes
    size: Callable[[Any], Any]
    found: Found
    results: dict[Node, Any] = field(default_factory=dict)
    """Of a node that runs one graph, what that one gives."""


def walk(program: ExportedProgram, names: Mapping[Any, sympy.Expr]) -> Found:
    """Gather the terms of a program; `names` gives the symbol of each of its sizes.

    Raises TraceError where a size that matters has no formula in those symbols.
    """
    found = Found()
    signature = program.graph_signature
    inputs = [node for node in program.graph.nodes if node.op == "placeholder"]
    parameters = [node for node in inputs if node.name in signature.inputs_to_parameters]
    buffers = [node for node in inputs if node.name in signature.inputs_to_buffers]
    nodes = Nodes(parameters, buffers)
    _walk(program.graph, Walk(nodes, lambda size: _size(size, names), found))
    return found


def _size(size: Any, names: Mapping[Any, sympy.Expr]) -> Any:
    found = expression(size)
    return found if isinstance(found, int) else canonical(found, names)


def _walk(graph: Graph, now: Walk) -> None:
    from torch._ops import OpOverload

    from convbench.core.torch_internals import HigherOrderOperator, full_name

    for node in graph.nodes:
        if node.op != "call_function":
            continue
        if isinstance(node.target, HigherOrderOperator):
            _walk_inside(node, now)
        elif isinstance(node.target, OpOverload):
            _gather(node, node.target, now)
        elif node.target is operator.getitem:
            source: Any = node.args[0]
            if source in now.results:
                now.nodes.take_for(node, now.results[source][node.args[1]])
                continue
            known = isinstance(source.target, OpOverload)
            now.nodes.item(node, plain_name(full_name(source.target)) if known else "")
        elif "nesting" in getattr(node.target, "__name__", "") and "increment" in str(node.target):
            now.found.unsupported[_TRANSFORMED] += 1


def _gather(node: Node, target: Any, now: Walk) -> None:
    from convbench.core.torch_internals import full_name, parameters
    from convbench.counting.engine.calls import positional

    name, described = full_name(target), parameters(target)
    bare, own, found = plain_name(name), target.namespace in TORCH, now.found
    args = positional(target, node.args, node.kwargs)
    rule = RULES.get(bare) if own else OTHERS.get(name)
    if own and bare in EITHER_WAY:
        turned = [argument.name for argument in described].index("transposed")
        rule = transposed if args[turned] else convolution
    if own:
        _sum(bare, node, args, now, written=_written(described, args))
    if rule is not None:
        shapes = [_shape(argument, now.size) for argument in args]
        value = node.meta["val"]
        value = value[0] if isinstance(value, list | tuple) else value
        vectors = bare in PREPARING or bare == "matmul"
        if now.nodes.constant(node) and (
            parametrizes(node) or (vectors and now.nodes.prepares(node.all_input_nodes))
        ):
            return
        times = COMPLEX_PRODUCT if value.dtype.is_complex else 1
        for product in rule(shapes, _shape_of(value, now.size)):
            found.terms.setdefault(bare, []).append(term((times, *product)))
    elif own and bare in TRANSFORM:
        found.transforms[bare] += 1
    elif not is_zero_by_rule(name):
        found.unsupported[bare if own else name] += 1
        found.unknown.add(target)


def _written(described: Any, args: Sequence[Any]) -> Any:
    """Return the argument that an operator writes to, None where it only makes something new."""
    for argument, value in zip(described, args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write:
            return value
    return None


def _sum(name: str, node: Node, args: Sequence[Any], now: Walk, *, written: Any) -> None:
    """Count the products of earlier nodes that this one sums, unless they prepare a weight."""
    gates = len(now.nodes.gates)
    for amount in now.nodes.see(name, node, args, written=written):
        if not now.nodes.aside(amount.what):
            sizes = (amount.factor, *_shape(amount.what, now.size))
            now.found.terms.setdefault("mul", []).append(term(sizes))
    for value, axes in now.nodes.gates[gates:]:
        shape = _shape(value, now.size)
        size = prod(shape[axis] for axis in axes)
        if not isinstance(size, int):
            now.found.least.append(size)


def _shape(argument: Any, size: Callable[[Any], Any]) -> Any:
    return _shape_of(getattr(argument, "meta", {}).get("val"), size)


def _shape_of(value: Any, size: Callable[[Any], Any]) -> Any:
    return tuple(map(size, value.shape)) if hasattr(value, "shape") else None


def _walk_inside(node: Node, now: Walk) -> None:
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
        _enter(node, graphs[0], now.nodes)
        _walk(graphs[0], now)
        now.results[node] = next(iter(reversed(graphs[0].nodes))).args[0]
        return
    inside = Found()
    for graph in graphs:
        _walk(graph, Walk(now.nodes, now.size, inside))
    if not graphs or inside.terms or inside.unsupported:
        now.found.unsupported[name] += 1


def _enter(node: Node, graph: Graph, nodes: Nodes) -> None:
    """Tell what the inputs of a graph inside another are."""
    given = [item for item in node.args if getattr(item, "op", None) != "get_attr"]
    inputs = [item for item in graph.nodes if item.op == "placeholder"]
    for inner, outer in zip(reversed(inputs), reversed(given), strict=False):
        if hasattr(outer, "op"):
            nodes.take_for(inner, outer)  # type: ignore[arg-type]
