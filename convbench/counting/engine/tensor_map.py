"""Notes about tensors that keep none of them alive."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

from torch import Tensor

Note = TypeVar("Note")


class TensorMap(Generic[Note]):
    """Notes by tensor. Holding on to tensors would hold all of a network's activations."""

    def __init__(self) -> None:
        """The book is empty."""
        self._notes: dict[int, tuple[weakref.ref[Tensor], Note]] = {}

    def __bool__(self) -> bool:
        """Tell whether anything was ever noted."""
        return bool(self._notes)

    def get(self, tensor: Tensor) -> Note | None:
        """Return what is noted of a tensor, None where nothing is."""
        found = self._notes.get(id(tensor))
        # an id is free for another tensor when its own is gone
        return found[1] if found is not None and found[0]() is tensor else None

    def put(self, tensor: Tensor, note: Note | None) -> None:
        """Note something of a tensor; None takes back what was noted."""
        if note is None:
            self._notes.pop(id(tensor), None)
        else:
            self._notes[id(tensor)] = weakref.ref(tensor), note
