"""A map from tensors that keeps none of them alive."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

from torch import Tensor

Note = TypeVar("Note")


class TensorMap(Generic[Note]):
    """Values by tensor, by identity; strong references would hold all activations of a network."""

    def __init__(self) -> None:
        """Begin without any entry."""
        self._notes: dict[int, tuple[weakref.ref[Tensor], Note]] = {}

    def __bool__(self) -> bool:
        """Tell whether there are entries."""
        return bool(self._notes)

    def get(self, tensor: Tensor) -> Note | None:
        """Return the value for a tensor, None where there is none."""
        found = self._notes.get(id(tensor))
        # an id is free for another tensor when its own is gone
        return found[1] if found is not None and found[0]() is tensor else None

    def put(self, tensor: Tensor, note: Note | None) -> None:
        """Set the value for a tensor; None removes it."""
        if note is None:
            self._notes.pop(id(tensor), None)
        else:
            self._notes[id(tensor)] = weakref.ref(tensor), note
