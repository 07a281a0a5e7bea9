"""Nodes of an exported graph as the values that `counting.by_hand.contractions` follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convbench.counting.by_hand.contractions import ContractionTracker
from convbench.counting.by_hand.operator_sets import TRACKED
from convbench.counting.by_hand.products import Amount, Facts
from convbench.formulas.tracing.shape_env import example

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch.fx import Node

PARTS = frozenset({"split", "chunk", "unbind", "tensor_split", "split_with_sizes"})


class Nodes(Facts):
    """The `Facts` of nodes."""

    def __init__(self, parameters: Iterable[Node], buffers: Iterable[Node]) -> None:
        """Take the nodes that stand for parameters and for buffers."""
        self._learned = dict.fromkeys(parameters, True)
        self._constant = {**self._learned, **dict.fromkeys(buffers, True)}
        self._aside: set[Node] = set()
        self._targets: dict[Node, Node] = {}
        self.tracker = ContractionTracker(self)
        self.gates: list[tuple[Node, tuple[int, ...]]] = []
        """Products that were summed along axes on which a factor is the same."""

    def see(self, name: str, node: Node, args: Sequence[Any], *, written: Any) -> list[Amount]:
        """Follow one operator; return the products that it sums. written: what it writes to."""
        in_place = written is not None
        if in_place and self.is_value(written):
            self._targets[node] = self.target(written)
        values = [item for item in node.all_input_nodes if self.is_value(item)]
        self._constant[node] = bool(values) and all(map(self.constant, values))
        self._learned[node] = self._constant[node] and any(map(self.learned, values))
        if name in TRACKED:
            return self.tracker.see(name, args, node) or []
        if in_place:
            self.tracker.drop(node)
        return []

    def item(self, node: Node, name: str) -> None:
        """Follow the choice of one result of an operator that gives several."""
        source: Any = node.args[0]
        self._constant[node], self._learned[node] = self.constant(source), self.learned(source)
        given, turn = source.args, int(node.args[1])  # type: ignore[arg-type]
        if name == "broadcast_tensors":
            self.tracker.moved("expand", given[0][turn : turn + 1], node, None)
        elif not given or not self.is_value(given[0]):
            return
        elif name in PARTS:
            self.tracker.moved(name, given, node, turn)
        elif name in TRACKED and turn == 0:  # what it gives besides is counted out
            self.tracker.origins.see(name, given, node)

    def table(self) -> _NodeTable:
        """Return an empty map from nodes."""
        return _NodeTable(self)

    def is_value(self, item: Any) -> bool:
        """Tell whether an argument is a tensor."""
        return hasattr(_value(item), "stride")

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether two nodes are one tensor."""
        return self.target(one) is self.target(other)

    def shape(self, value: Node) -> tuple[int, ...]:
        """Return a tensor's sizes in the example that was traced."""
        return tuple(map(example, _value(value).shape))

    def number(self, size: Any) -> int:
        """Return a size or an index as a number: that of the example that was traced."""
        return example(size if isinstance(size, int) else _value(size))

    def tensor(self, value: Node) -> Any:
        """Return the example tensor that was traced."""
        return _value(value)

    def constant(self, value: Node) -> bool:
        """Tell whether a node is made of weights and buffers alone."""
        return self._constant.get(value, False)

    def take_for(self, value: Node, other: Node) -> None:
        """Take a node for another name of one of another graph."""
        self._targets[value] = self.target(other)
        self._constant[value], self._learned[value] = self.constant(other), self.learned(other)

    def what(self, factors: tuple[Any, Any], result: Node) -> Node:
        """Keep the product: its sizes tell how many it is."""
        if all(map(self.constant, factors)) and (parametrizes(result) or self.prepares(factors)):
            self._aside.add(result)
        return result

    def part(self, value: Node, what: Node) -> Node:
        """Keep the part: its sizes tell how many it is."""
        if what in self._aside:
            self._aside.add(value)
        return value

    def aside(self, product: Node) -> bool:
        """Tell whether a product, or a part of it, prepares a weight."""
        return product in self._aside

    def learned(self, value: Node) -> bool:
        """Tell whether a node is a parameter, or made of some alone."""
        return self._learned.get(value, False)

    def scaled(self, value: Node, axes: tuple[int, ...]) -> None:
        """Keep what was summed without being a contraction."""
        self.gates.append((value, axes))

    def target(self, node: Any) -> Any:
        """Return the node that an operator in place writes to; of any other, the node itself."""
        return self._targets.get(node, node)


class _NodeTable:
    """Entries by node; of an operator in place, those of the node that it writes to."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._notes: dict[Node, Any] = {}

    def get(self, node: Node) -> Any:
        return self._notes.get(self._nodes.target(node))

    def put(self, node: Node, note: Any) -> None:
        self._notes[self._nodes.target(node)] = note


def parametrizes(node: Node) -> bool:
    """Tell whether a node is part of a parametrization."""
    stack = node.meta.get("nn_module_stack") or {}
    return any("parametrizations" in str(path) for path, _ in stack.values())


def _value(item: Any) -> Any:
    return getattr(item, "meta", {}).get("val")
