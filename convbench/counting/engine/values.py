"""The values of tensors that a count writes to, kept and put back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor

from convbench.core.torch_internals import address, parameters


class Values:
    """What real tensors held before they were written to, and which of them the count made itself.

    A tensor is told from one that was there before by its memory: an operator's result is new
    unless it shares the memory of an older argument.
    """

    def __init__(self) -> None:
        """Nothing is kept until something is written to."""
        self._fresh: set[int] = set()
        self._kept: dict[Any, tuple[Tensor, Tensor, Tensor]] = {}

    def fresh(self, tensor: Tensor) -> bool:
        """Tell whether the tensor's memory is new since the count began."""
        return storage_of(tensor) in self._fresh

    def note(self, arguments: Iterable[Tensor], results: Iterable[Tensor]) -> None:
        """Remember what an operator made."""
        before = {storage_of(item) for item in arguments} - self._fresh
        self._fresh.update(
            place for place in map(storage_of, results) if place and place not in before
        )

    def keep(self, tensor: Tensor) -> None:
        """Copy what a tensor holds, the first time that it is to be written to."""
        place = storage_of(tensor)
        if tensor.is_meta or place in self._fresh:
            return
        key = (
            (place, tensor.storage_offset(), tensor.shape, tensor.stride())
            if place
            else (id(tensor),)
        )
        if key not in self._kept:
            alias = tensor.detach()  # the tensor may be given other memory
            self._kept[key] = (tensor, alias, alias.clone())

    def restore(self) -> None:
        """Put all back, the latest first: two may overlap."""
        for tensor, alias, values in reversed(self._kept.values()):
            with torch.inference_mode(mode=tensor.is_inference()), torch.no_grad():
                if tensor.shape != values.shape and storage_of(tensor) == storage_of(alias):
                    tensor.resize_(values.shape)
                alias.copy_(values)
        self._kept.clear()


def storage(tensor: Tensor) -> Any:
    """Return the memory of a tensor; None for one that has none of the usual kind."""
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError, ValueError):  # sparse, mkldnn, lazy
        return None


def storage_of(tensor: Tensor) -> int:
    """Return what identifies the memory of a tensor; 0 for one that has none of the usual kind."""
    found = storage(tensor)
    return 0 if found is None else address(found)


_UNSAID: Final = frozenset({"native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm"})
"""Operators that write to statistics without a word of that in their schema."""
_STATISTICS: Final = frozenset({"running_mean", "running_var"})


@lru_cache(maxsize=4096)
def writes(func: Any) -> tuple[tuple[int, str], ...]:
    """Return place and name of the arguments that an operator writes to."""
    unsaid = _STATISTICS if func.overloadpacket.__name__ in _UNSAID else ()
    return tuple(
        (place, argument.name)
        for place, argument in enumerate(parameters(func))
        if argument.name in unsaid
        or (argument.alias_info is not None and argument.alias_info.is_write)
    )


def written(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """Return the tensors that a call of an operator writes to."""
    found: list[Tensor] = []
    for place, name in writes(func):
        value = args[place] if place < len(args) else kwargs.get(name)
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(item for item in value if isinstance(item, Tensor))
    return found
