"""Named things: convolution types, networks, counters, report formats.

A registry is filled by a decorator. A duplicate name is an error; an unknown one lists near names.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Generic, TypeVar

from convbench.core.errors import ConvbenchError, DuplicateNameError, UnknownNameError, quoted

T = TypeVar("T")


class Registry(Generic[T]):
    """Items of one kind by name, in the order in which they were registered.

    `load` is called before the first look-up and imports the modules that register items. One
    thread calls it while others wait; if it is interrupted (Ctrl-C), the next look-up repeats it.
    """

    def __init__(
        self, kind: str, load: Callable[[], None] = lambda: None, of: type | None = None
    ) -> None:
        """`kind` is what a message calls the things: "convolution type", "counter", ….

        of: the class that they are instances of; None where anything may be registered.
        """
        self.kind = kind
        self._items: dict[str, T] = {}
        self._aliases: dict[str, str] = {}
        self._load, self._of = load, of
        self._loaded = self._loading = False
        self._lock = threading.RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a thing so that it is found as `name`.

        Raises DuplicateNameError when another thing already has that name.
        """

        def keep(item: T) -> T:
            if self._of is not None and not isinstance(item, self._of):
                raise ConvbenchError(
                    f"{self.kind} {name!r} is no {self._of.__name__}: register an instance of a "
                    f"subclass of {self._of.__module__}.{self._of.__name__}."
                )
            held = self._items.get(name)
            if held is not None and not (self._loading and _place(held) == _place(item)):
                raise DuplicateNameError(
                    f"{self.kind} {name!r} is registered already, by {self._items[name]!r}: "
                    "choose another name."
                )
            self._items[name] = item
            return item

        return keep

    def alias(self, other: str, name: str) -> None:
        """Find what is registered as `name` as `other` too; it is listed once, as `name`."""
        self._aliases[other] = name

    def remove(self, name: str) -> None:
        """Forget `name`; for tests that register something of their own."""
        self._items.pop(name, None)

    def __getitem__(self, name: str) -> T:
        """Return what is registered as `name`; UnknownNameError offers near names."""
        items = self._all()
        if isinstance(name, str) and name in self:
            return items[self._aliases.get(name, name)]
        raise unknown(self.kind, name, items)

    def __contains__(self, name: object) -> bool:
        """Tell whether `name` is registered."""
        items = self._all()
        return name in items or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the order of registration."""
        return iter(tuple(self._all()))

    def __len__(self) -> int:
        """Count the registered names."""
        return len(self._all())

    def _all(self) -> dict[str, T]:
        if self._loaded:
            return self._items
        with self._lock:
            if not (self._loaded or self._loading):  # a module that is loaded may look one up
                self._loading = True
                try:
                    self._load()
                    self._loaded = True
                finally:
                    self._loading = False
        return self._items


def _place(item: object) -> tuple[str, str]:
    """Return where a thing is defined: a module whose import was broken off registers it again."""
    named = item if hasattr(item, "__qualname__") else type(item)
    return str(getattr(named, "__module__", "")), str(getattr(named, "__qualname__", ""))


def unknown(kind: str, name: object, known: Collection[str]) -> UnknownNameError:
    """Return the error for a name that is not among the known ones; it offers near names."""
    text = name if isinstance(name, str) else ""
    near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    near += [other for other in known if text and text in other and other not in near]
    hint = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(known)}."
    return UnknownNameError(f"There is no {kind} {quoted(name)}. {hint}")
