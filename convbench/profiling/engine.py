"""Running a module so that every operator is seen and none computes: the counting engine.

Two layers of torch's own interception. A function mode answers the common calls (convolution,
normalisation, activation, …) from their shapes alone, which is what makes a count cheap. Whatever
it does not answer goes to a dispatch mode, which sees every operator that really runs, decomposed
as torch decomposes it, on the meta device. Nothing that runs can pass both unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import attrgetter
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import TorchDispatchMode

from convbench.counting.rules import MOVEMENT
from convbench.profiling.counts import COMPLEX_PRODUCT, NAMES, Counts
from convbench.profiling.rules import QUANTISED_ELEMENTWISE, find, zero

VIEWS: Final = frozenset(
    {
        "clone",
        "expand",
        "permute",
        "reshape_alias",
        "squeeze",
        "to_copy",
        "transpose",
        "unsafe_view",
    }
    | {"unsqueeze", "view", "alias", "detach"}  # torch detaches what it made and someone else holds
)
CONTRACTING: Final = frozenset({"mul", "add", "sum", "addcmul", "zeros", "zeros_like", "new_zeros"})
PRODUCTS: Final = frozenset({"convolution", "addmm", "mm", "linear", "bmm", "baddbmm"})
"""What counts even of weights alone, such as a table of positions put through a layer. Others of
weights (matrix-vector products of a spectral norm) prepare a weight, and are apart."""
PADDED_AT: Final = {"convolution": 0, "convolution_backward": 1}
SMALL: Final = 4096
"""Elements up to which operators on real tensors that the model made itself are computed."""


class Ledger:
    """What was met: every call of an operator, the operators without a rule, where we are."""

    def __init__(self, module: nn.Module) -> None:
        """Name every module of the tree by its first name."""
        self.parts = tuple(module.named_modules())
        self.names = {id(part): name for name, part in self.parts}
        self.events: list[tuple[str, str, Counts, int]] = []
        self.unknown: dict[str, int] = {}
        self.path = ""
        self.stack: list[str] = []
        self.visits: dict[str, int] = {}

    def add(self, operator: str, counts: Counts, itemsize: int) -> None:
        """Note one call of an operator, in the module that is running."""
        self.events.append((self.path, operator, counts, itemsize))

    def miss(self, operator: str) -> None:
        """Note one call of an operator that has no rule."""
        self.unknown[operator] = self.unknown.get(operator, 0) + 1

    def rows(self) -> dict[tuple[str, str], tuple[int, Counts]]:
        """Return calls and summed counts by (module, operator), in the order first met."""
        sums: dict[tuple[str, str], list[int]] = {}
        calls: dict[tuple[str, str], int] = {}
        for path, operator, counts, itemsize in self.events:
            key = (path, operator)
            numbers = _NUMBERS(counts)
            row = sums.get(key)
            if row is None:
                row = sums[key] = [0] * len(NAMES)
            for place, number in enumerate(numbers):
                row[place] += number
            row[_MOVED] += (counts.reads + counts.writes) * itemsize
            calls[key] = calls.get(key, 0) + 1
        return {
            key: (calls[key], Counts(**dict(zip(NAMES, row, strict=True))))
            for key, row in sums.items()
        }


_NUMBERS: Final = attrgetter(*NAMES)
_MOVED: Final = NAMES.index("bytes_moved")


@contextmanager
def watching(ledger: Ledger) -> Iterator[None]:
    """Follow which module runs, by torch's own global hooks, removed afterwards."""
    names, stack = ledger.names, ledger.stack

    def enter(module: nn.Module, _: Any) -> None:
        stack.append(ledger.path)
        name = names.get(id(module))
        if name is not None:
            ledger.path = name
            ledger.visits[name] = ledger.visits.get(name, 0) + 1

    def leave(module: nn.Module, _: Any, __: Any) -> None:
        if stack:
            ledger.path = stack.pop()

    before = hooks.register_module_forward_pre_hook(enter)
    after = hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


class Weights:
    """Which tensors are weights, or made of weights alone; their real values are never touched."""

    def __init__(self, parameters: Iterable[Tensor], buffers: Iterable[Tensor]) -> None:
        """Keep the tensors, so that their ids stay theirs."""
        self._known: dict[int, Tensor] = {id(tensor): tensor for tensor in parameters}
        self._learned = set(self._known)
        self._known.update((id(tensor), tensor) for tensor in buffers)
        self._original = frozenset(self._known)

    def __contains__(self, tensor: Tensor) -> bool:
        """Tell whether the tensor depends on weights alone."""
        return id(tensor) in self._known

    def original(self, tensor: Tensor) -> bool:
        """Tell whether the tensor is one of the model's own."""
        return id(tensor) in self._original

    def learned(self, tensor: Tensor) -> bool:
        """Tell whether the tensor is a parameter or made of some: no table of angles, no mask."""
        return id(tensor) in self._learned

    def derive(self, tensor: Tensor, sources: list[Tensor]) -> None:
        """Note a tensor that was made of weights alone."""
        self._known[id(tensor)] = tensor
        if any(map(self.learned, sources)):
            self._learned.add(id(tensor))


class Dispatch(TorchDispatchMode):
    """Count every operator that is dispatched; on the meta device unless `real`."""

    def __init__(self, ledger: Ledger, weights: Weights, *, real: bool) -> None:
        """`real`: compute as given, for models whose control flow needs data."""
        super().__init__()
        self.ledger, self.weights, self.real = ledger, weights, real
        self._meta: dict[int, tuple[Tensor, Tensor]] = {}
        self.padded: dict[int, tuple[Tensor, tuple[tuple[int, int], ...]]] = {}
        self.products: dict[int, tuple[Tensor, bool]] = {}
        self.sums: set[int] = set()
        self.backward = False
        self.awaited: dict[tuple[str, Any], int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Do without torch's own guard, which loads the compiler (3 s, 70 MB)."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator (its shapes only, unless real) and count it."""
        kwargs = kwargs or {}
        tensors = [item for item in _flat(args, kwargs) if isinstance(item, Tensor)]
        own = bool(tensors) and all(item in self.weights for item in tensors)
        result = func(*args, **kwargs) if self.real else self._shapes(func, args, kwargs, tensors)
        self.count(func, args, kwargs, result, own=own)
        if own:
            for item in _flat((result,), {}):
                if isinstance(item, Tensor):
                    self.weights.derive(item, tensors)
        return result

    def _shapes(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        real = [item for item in tensors if item.device.type != "meta"]
        if not real:
            return self._made(func, args, kwargs) if not tensors else func(*args, **kwargs)
        owned = any(self.weights.original(item) for item in real)
        if len(real) == len(tensors) and not owned and sum(x.numel() for x in real) <= SMALL:
            return func(*args, **kwargs)  # a small thing the model made, perhaps to decide by
        swapped = {id(item): self.meta(item) for item in real}

        def swap(value: Any) -> Any:
            if isinstance(value, Tensor):
                return swapped.get(id(value), value)
            if isinstance(value, list | tuple):
                return type(value)(swap(item) for item in value)
            return value

        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": torch.device("meta")}
        result = func(*swap(args), **{key: swap(value) for key, value in kwargs.items()})
        for item in real:
            if swapped[id(item)] is result:
                return item  # an in-place operator hands its own tensor on
        return result

    @staticmethod
    def _made(func: Any, args: Any, kwargs: Any) -> Any:
        """Make a tensor from nothing: a large one without memory, whatever its device."""
        if any(argument.name == "device" for argument in func._schema.arguments):  # noqa: SLF001
            shape = func(*args, **{**kwargs, "device": torch.device("meta")})
            if shape.numel() > SMALL:
                return shape
        return func(*args, **kwargs)

    def meta(self, tensor: Tensor) -> Tensor:
        """Return the meta twin of a real tensor, the same one each time."""
        pair = self._meta.get(id(tensor))
        if pair is None:
            pair = self._meta[id(tensor)] = (tensor, tensor.detach().to("meta"))
        return pair[1]

    def count(self, func: Any, args: Any, kwargs: Any, result: Any, *, own: bool) -> None:
        """Add what one operator costs to the ledger."""
        namespace, name, rule = find(func)
        if namespace in {"prim", "profiler"}:
            return
        if kwargs:
            args = _positional(func, args, kwargs)
        counts = self._counted(namespace, name, rule, args, result)
        if counts is None:
            self.ledger.miss(f"{namespace}.{func._schema.name.split('::')[-1]}")  # noqa: SLF001
            return
        if own and (name not in PRODUCTS or "parametrizations" in self.ledger.path):
            counts = Counts(preparation=counts.multiplications)
        elif not (counts.reads or counts.writes) and name not in MOVEMENT:
            read = sum(item.numel() for item in _flat(args, {}) if isinstance(item, Tensor))
            counts = replace(counts, reads=read, writes=_elements(result))
        self.ledger.add(name, counts, _itemsize(result))

    def _counted(
        self, namespace: str, name: str, rule: Any, args: Any, result: Any
    ) -> Counts | None:
        if rule is not None:
            if name in PADDED_AT:
                pads = self.padded.get(id(args[PADDED_AT[name]]))
                return rule(args, result, pads[1] if pads else None)  # type: ignore[no-any-return]
            return rule(args, result)  # type: ignore[no-any-return]
        if namespace == "quantized":
            return Counts(elementwise=result.numel()) if name in QUANTISED_ELEMENTWISE else None
        if namespace not in {"aten", "prims", "quantized", "torchvision"}:
            return None
        if name == "constant_pad_nd":
            self.note_padding(args, result)
        elif name in CONTRACTING:
            contracted = self.contraction(name, args, result)
            if contracted is not None:
                return contracted
        elif args and result is args[0]:
            self.forget(result)
        elif name in VIEWS:
            self.follow(args[0], result)
        return zero(name, args, result)

    def forget(self, tensor: Tensor) -> None:
        """Drop what is known of a tensor that something else was written to."""
        self.products.pop(id(tensor), None)
        self.sums.discard(id(tensor))

    def follow(self, before: Tensor, after: Any) -> None:
        """Carry what is known of a tensor over to a view of it."""
        if not isinstance(after, Tensor):
            return
        if id(before) in self.products:
            self.products[id(after)] = (after, self.products[id(before)][1])
        if id(before) in self.sums:
            self.sums.add(id(after))
        pads = self.padded.get(id(before))
        if pads is not None and after.shape[2:] == before.shape[2:]:
            self.padded[id(after)] = (after, pads[1])

    def note_padding(self, args: Any, result: Tensor) -> None:
        """Remember zero padding, so that taps on it are told from taps on the image."""
        inputs, pads = args[0], list(args[1])
        value = args[2] if len(args) > 2 else 0  # noqa: PLR2004  the value, when given
        dims = inputs.ndim - 2
        if value or len(pads) > 2 * dims:
            return
        pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)]
        pairs += [(0, 0)] * (dims - len(pairs))
        self.padded[id(result)] = (result, tuple(reversed(pairs)))

    def contraction(self, name: str, args: Any, result: Any) -> Counts | None:
        """Count products that are summed: a convolution or matrix product written by hand.

        `mul` then `sum`; or, tap by tap, products with a weight that are added to each other or to
        zeros. A product alone (a gate, a scale) is elementwise; so is a scaled branch added to an
        identity.
        """
        if self.backward:
            return self._gradient(name, args, result)
        if name == "mul":
            if isinstance(args[1], Tensor) and args[1].ndim and args[0].ndim:
                weighted = self.weights.learned(args[0]) != self.weights.learned(args[1])
                self.products[id(result)] = (result, weighted)
            self.sums.discard(id(result))
            return None
        if name == "sum":
            if id(args[0]) in self.products and args[0].numel() > _elements(result):
                self._await(args[0], 1)
                return _contracted(result, args[0].numel())
            return None
        if "zeros" in name:
            self._summed(result)
            return None
        if name == "addcmul":
            weighted = self.weights.learned(args[1]) != self.weights.learned(args[2])
            if weighted and id(args[0]) in self.sums:
                self._summed(result)
                self._await(result, 1)
                return _contracted(result, result.numel())
            return None
        return self._addition(args, result)

    def _addition(self, args: Any, result: Any) -> Counts | None:
        """Count a product that is added to others."""
        terms = [self.products.get(id(item)) for item in args[:2] if isinstance(item, Tensor)]
        if not all(term is not None and term[1] for term in terms):
            self.forget(result)  # in place, it was a product until now
            return None
        if len(terms) == 1:  # a number is added, as Python's sum() begins with 0
            self.products[id(result)] = (result, True)
            return None
        # the first addition may bring two products, every later one brings one more
        fresh = sum(1 for item in args[:2] if id(item) not in self.sums)
        self._summed(result)
        self._await(result, fresh)
        return _contracted(result, fresh * result.numel())

    def _await(self, product: Tensor, times: int) -> None:
        """Expect, of products that were summed, two products each in the backward pass."""
        if product in self.weights:
            return
        key = self.ledger.path, product.shape
        self.awaited[key] = self.awaited.get(key, 0) + 2 * times

    def _gradient(self, name: str, args: Any, result: Tensor) -> Counts | None:
        """Count a gradient of a contraction; that of a gate or a scale is elementwise, as it is."""
        key = self.ledger.path, result.shape
        if name != "mul" or not isinstance(args[1], Tensor) or not self.awaited.get(key):
            return None
        self.awaited[key] -= 1
        return _contracted(result, result.numel())

    def _summed(self, tensor: Tensor) -> None:
        self.products[id(tensor)] = (tensor, True)
        self.sums.add(id(tensor))


def _contracted(tensor: Tensor, products: int) -> Counts:
    macs = products * (COMPLEX_PRODUCT if tensor.dtype.is_complex else 1)
    return Counts(multiplications=macs, multiplications_valid=macs, activations=tensor.numel())


def _elements(result: Any) -> int:
    if isinstance(result, list | tuple) and result:
        result = result[0]  # what an operator gives beside its result (indices, statistics)
    return int(result.numel()) if isinstance(result, Tensor) else 0


def _itemsize(result: Any) -> int:
    for item in _flat((result,), {}):
        if isinstance(item, Tensor):
            return item.element_size()
    return 4


def _flat(args: Any, kwargs: Any) -> Iterator[Any]:
    for value in (*args, *kwargs.values()):
        if isinstance(value, list | tuple):
            yield from _flat(value, {})
        else:
            yield value


def _positional(func: Any, args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Put keyword arguments where the schema has them."""
    missing = func._schema.arguments[len(args) :]  # noqa: SLF001  torch's own description
    return (*args, *(kwargs.get(item.name, item.default_value) for item in missing))
