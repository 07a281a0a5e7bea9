"""Running a module so that every operator is seen and none computes: the counting engine.

Two layers of torch's own interception. A function mode answers the common calls (convolution,
normalisation, activation, …) from their shapes alone, which is what makes a count cheap. Whatever
it does not answer goes to a dispatch mode, which sees every operator that really runs, decomposed
as torch decomposes it, on the meta device. What passes both (threads, other libraries, fused code)
is looked for by what it leaves (`provenance`), and makes the count a lower bound.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor

from convbench.core import torch_internals
from convbench.core.torch_internals import (
    DispatchMode,
    HigherOrderOperator,
    address,
    full_name,
    parameters,
)
from convbench.counting.engine.calls import composite, flat, itemsize, positional, tensors_among
from convbench.counting.engine.checks import refuse
from convbench.counting.engine.counts import Counts
from convbench.counting.engine.hand_written import Contractions, Weights, elements
from convbench.counting.engine.module_state import State
from convbench.counting.engine.process_state import RandomStream, drawn
from convbench.counting.engine.provenance import UNSEEN, KnownStorages, Made
from convbench.counting.engine.pytree import tensors_in
from convbench.counting.engine.recorder import Recorder
from convbench.counting.engine.rules import QUANTISED_ELEMENTWISE, find, zero
from convbench.counting.engine.values import Values, storage_of, written
from convbench.counting.zero_cost import MOVEMENT, PREPARING

PADDED_AT: Final = {"convolution": 0, "convolution_backward": 1}
SMALL: Final = 1 << 12
"""Elements up to which operators on real tensors that are no weights are computed."""
LARGE: Final = 1 << 24
"""The same, where the model made those tensors from nothing while it was counted: a mask, a table
of angles. It may keep them outside itself, and then they must hold what they ought to."""
_SEEDED: Final = torch.Tag.nondeterministic_seeded
_READING: Final = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_BY_MASKS: Final = frozenset({torch.ops.aten.index.Tensor, torch.ops.aten.masked_select.default})
"""Of the operators whose shapes depend on values, those where only the masks' do."""
_LIFTS: Final = frozenset(
    {torch.ops.aten.lift_fresh.default, torch.ops.aten.lift_fresh_copy.default}
)
"""What takes numbers that Python code wrote down."""
BUDGET: Final = 1 << 26
"""The same, for all of them together: beyond it they have shapes only."""


class Dispatch(DispatchMode):
    """Count every operator that is dispatched; on the meta device unless `real`.

    made: weak references to the inputs of the pass and to every result; emptied: those of them
    that are on the meta device although the model made them elsewhere. storages: those that existed
    before or that an observed operator made; None where that is not checked. leaves: the leaf
    tensors with gradients that the forward used, by id; None where they are not collected.
    exported: values were handed to another library, such as NumPy. error: what an operator raised
    first, or None; a model that catches it may take another branch than when it computes.
    """

    def __init__(self, recorder: Recorder, weights: Weights, *, real: bool, values: Values) -> None:
        """Prepare the count.

        real: run operators on the tensors given, for models whose control flow depends on data.
        values: keeps the values of tensors that are written to.
        """
        super().__init__()
        self.recorder, self.weights, self.real, self.values = recorder, weights, real, values
        self.known = Contractions(recorder, weights)
        self.made: Made = {}
        self.storages: KnownStorages | None = None
        self.leaves: dict[int, Tensor] | None = None
        self.exported = False
        self.emptied: list[weakref.ref[Tensor]] = []
        self.state: State | None = None
        self.error: Exception | None = None
        self._meta: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._stale: set[int] = set()
        self._computed = 0
        self._node = -1
        self._stream = RandomStream()
        self._before = drawn()
        self._random: set[int] = set()

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator (its shapes only, unless real) and count it."""
        kwargs = kwargs or {}
        if self.known.backward:  # autograd calls from outside the function mode
            with torch_internals.without_overrides():
                self._node = self._locate()
                return self._run(func, args, kwargs)
        if torch.is_inference_mode_enabled() and composite(func):
            with self:  # autograd takes it apart elsewhere
                return func.decompose(*args, **kwargs)
        return self._run(func, args, kwargs)

    def _locate(self) -> int:
        """Set the module whose backward runs, from the autograd node; return the node's number."""
        number = torch_internals.current_node()
        if not self.recorder.stack:  # else a part runs forward again, as a checkpoint does
            self.recorder.path = self.recorder.made_by(number)
        return number

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(func, HigherOrderOperator):
            return self._unseen(func, args, kwargs)
        tensors = [item for item in flat(args, kwargs) if isinstance(item, Tensor)]
        self.mark_used(tensors)
        if self.leaves is not None and not self.known.backward:
            self.leaves.update((id(x), x) for x in tensors if x.requires_grad and x.is_leaf)
        if func in _LIFTS and not self.exported:
            self.mark_known(tensors)
        elif not self.known.backward:
            self.check_known(tensors)
        own = bool(tensors) and all(item in self.weights for item in tensors)
        if self.real:
            result = self._computing(func, args, kwargs, tensors)
            self.count(func, args, kwargs, result, own=own)
        else:
            try:
                result = self._shapes(func, args, kwargs, tensors)
                self.count(func, args, kwargs, result, own=own)
            except Exception as error:
                self.error = self.error or error
                raise
        if own:
            for item in tensors_among((result,)):
                self.weights.derive(item, tensors)
        return result

    def returned(self, outputs: Any) -> None:
        """Check what a module returns, and whether it drew random numbers that are no tensors."""
        self.recorder.drew |= drawn() != self._before
        self.recorder.drew |= self.state is not None and self.state.drew()
        with torch_internals.without_overrides():  # which say that a stand-in is not on meta
            self.check_known(tensors_in(outputs))

    def read(self, tensors: Iterable[Tensor]) -> None:
        """Note that what runs next may depend on values of these tensors."""
        for item in tensors:
            self.recorder.looked |= self.real
            self.recorder.drew |= storage_of(item) in self._random

    def mark_known(self, tensors: Iterable[Tensor]) -> None:
        """Register the storages of tensors that an observed operator made."""
        if self.storages is not None:
            self.storages.add(tensors)

    def check_known(self, tensors: Iterable[Tensor]) -> None:
        """Record tensors that no observed operator made; by shapes, meta tensors alone."""
        for item in tensors if self.storages is not None else ():
            if (self.real or item.is_meta) and self.storages.is_new(item):  # type: ignore[union-attr]
                self.recorder.miss(UNSEEN)

    def mark_used(self, given: Iterable[Any]) -> None:
        """Record which tensors were used, in the count of a function."""
        if self.recorder.used is not None:
            self.recorder.used.update(map(id, given))

    def _unseen(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator that takes functions, which run without being dispatched."""
        if not self.real:
            self.error = self.error or NotImplementedError(
                f"{func.name()} has no shapes of its own"
            )
            raise self.error
        self.recorder.miss(f"higher_order.{func.name()}")
        result = func(*args, **kwargs)
        self.mark_known(tensors_in(result))
        return result

    def _computing(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """Run an operator on real tensors; what was there before keeps its values."""
        for item in written(func, args, kwargs):
            self.values.keep(item)
        if self.state is not None and func.overloadpacket is torch.ops.aten.set_:
            self.state.keep_data(args[0])
        return self._called(func, args, kwargs, tensors)

    def _called(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """Call an operator on these real tensors, and note what it made, and whether at random."""
        draws = kwargs.get("generator") is not None or _SEEDED in func.tags
        result = self._drawing(func, args, kwargs) if draws else func(*args, **kwargs)
        new = tensors_among((result,))
        if not _READING.isdisjoint(func.tags):
            masks = func in _BY_MASKS
            self.read(item for item in tensors if not masks or item.dtype is torch.bool)
        if draws or self._random:
            places = {place for place in map(storage_of, new) if place}
            if draws or not self._random.isdisjoint(map(storage_of, tensors)):
                self._random |= places
            else:  # memory that is used again
                self._random -= places
        self.values.note(tensors, new)
        self.mark_known(new)
        return result

    def _drawing(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Call an operator that draws; random numbers are of a stream of this count's own."""
        given: Any = kwargs.get("generator")
        if given is not None and address(given) != address(torch.default_generator):
            return func(*args, **kwargs)
        return self._stream.call(func, args, kwargs)

    def _shapes(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        real = [item for item in tensors if not item.is_meta]
        if not tensors:
            return self._from_nothing(func, args, kwargs)
        if len(real) == len(tensors) and self._worth_computing(func, real):
            return self._computing(func, args, kwargs, tensors)
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": torch.device("meta")}
        if real:
            return self._swapped(func, args, kwargs, real)
        result = func(*args, **kwargs)
        self._note(result, tensors)
        return result

    def _swapped(self, func: Any, args: Any, kwargs: Any, real: list[Tensor]) -> Any:
        """Run an operator with meta tensors in the place of real ones."""
        swapped = {id(item): self.meta(item) for item in real}

        def swap(value: Any) -> Any:
            if isinstance(value, Tensor):
                return swapped.get(id(value), value)
            if isinstance(value, list | tuple):
                return type(value)(swap(item) for item in value)
            return value

        result = func(*swap(args), **{key: swap(value) for key, value in kwargs.items()})
        for item in real:
            if swapped[id(item)] is result:  # an in-place operator hands its own tensor on,
                self._stale.add(storage_of(item))  # whose values are not what they ought to be
                if self.values.fresh(item):
                    self._empty(item)
                return item
        self._note(result, [])
        return result

    def _note(self, result: Any, given: list[Tensor]) -> None:
        """Note what was made; what was only written to is not new, and may be the model's own."""
        for item in tensors_among((result,)):
            if not any(item is before for before in given):
                self.made[id(item)] = weakref.ref(item)
                self.mark_known((item,))

    def _worth_computing(self, func: Any, real: list[Tensor]) -> bool:
        """Tell whether an operator is computed: a small one, perhaps to decide by its result."""
        size = sum(item.numel() for item in real)
        if any(map(self.weights.original, real)):
            return False
        if self._stale and any(storage_of(item) in self._stale for item in real):
            return False
        if size <= SMALL:
            return True
        if self._computed > BUDGET or size > LARGE or find(func)[2] is not None:
            return False
        if not all(map(self.values.fresh, real)):
            return False
        self._computed += size
        return True

    def _from_nothing(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Make a tensor: one too large to be worth it without memory, whatever its device."""
        if any(argument.name == "device" for argument in parameters(func)):
            shape = func(*args, **{**kwargs, "device": torch.device("meta")})
            size = shape.numel()
            if size > LARGE or (size > SMALL and self._computed > BUDGET):
                self._empty(shape)
                return shape
            self._computed += size
        return self._called(func, args, kwargs, [])

    def _empty(self, tensor: Tensor) -> None:
        """Note a tensor that does not hold what it ought to on its own device."""
        self.emptied.append(weakref.ref(tensor))
        self.made[id(tensor)] = weakref.ref(tensor)
        self.mark_known((tensor,))

    def meta(self, tensor: Tensor) -> Tensor:
        """Return the meta tensor that stands for a real one, the same each time."""
        pair = self._meta.get(id(tensor))
        if pair is None or pair[0]() is not tensor:
            pair = weakref.ref(tensor), tensor.detach().to("meta")
            self._meta[id(tensor)] = pair
            self.mark_known(pair[1:])
        return pair[1]

    def count(self, func: Any, args: Any, kwargs: Any, result: Any, *, own: bool) -> None:
        """Add what one operator costs to the recorder."""
        namespace, name, rule = find(func)
        if namespace in {"prim", "profiler"}:
            return
        if kwargs:
            args = positional(func, args, kwargs)
        if not self.real:
            refuse(name, args)
        counts = self._counted(namespace, name, rule, args, result)
        if counts is None:
            self.recorder.miss(f"{namespace}.{full_name(func).split('::')[-1]}")
            return
        if own and (
            rule is None
            or "parametrizations" in self.recorder.path
            or (name in PREPARING and self.known.tracker.facts.prepares(tensors_among(args)))
        ):
            counts = Counts(preparation=counts.multiplications)
        elif not (counts.reads or counts.writes) and name not in MOVEMENT:
            sizes = [(item.numel(), item.element_size()) for item in tensors_among(args)]
            read, size = sum(number for number, _ in sizes), itemsize(result)
            more = sum(number * (own_size - size) for number, own_size in sizes)
            counts = replace(counts, reads=read, writes=elements(result), bytes_read=more)
        self.recorder.add(name, counts, itemsize(result))

    def _counted(
        self, namespace: str, name: str, rule: Any, args: Any, result: Any
    ) -> Counts | None:
        known = self.known
        if rule is not None:
            if any(item is result for item in args):
                known.written(result)
            if name in PADDED_AT:
                counts = rule(args, result, known.padding.around(args[PADDED_AT[name]]))
                third = known.complexes.third(name, args)
                return known.complexes.whole(name, counts, self.recorder) if third else counts
            return rule(args, result)  # type: ignore[no-any-return]
        if namespace == "quantized":
            return Counts(elementwise=result.numel()) if name in QUANTISED_ELEMENTWISE else None
        if namespace not in {"aten", "prims", "quantized", "torchvision"}:
            return None
        known.see(name, args, result)
        if known.backward:
            found = known.gradient(name, args, result, self._node)
            if found is not None:
                return found
        return zero(name, args, result)
