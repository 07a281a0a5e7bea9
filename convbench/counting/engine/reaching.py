"""What an object holds, read past whatever its class overrides, and whose classes are looked at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from types import MemberDescriptorType
from typing import Any, Final

from convbench.counting.engine import restoring

_HOLDERS: Final = frozenset(
    {
        "types",
        "argparse",
        "collections",
        "queue",
        "weakref",
        "_weakrefset",
        "optparse",
        "configparser",
    }
)
"""Of the standard library, where there are classes whose objects hold what users put there."""
_OTHERS: Final = (
    sys.stdlib_module_names - _HOLDERS | {"torch", "functorch", "numpy", "pandas", "sympy"}
    | {"convbench", "pytest", "_pytest"}
)  # fmt: skip
_COUNTED: Final = "convbench.audit.cases"
"""Of our own, models that are counted as a user's are."""


@lru_cache(maxsize=4096)
def foreign(module: str) -> bool:
    """Tell whether a module of Python is torch's, the standard library's or our own."""
    return module.partition(".")[0] in _OTHERS and not module.startswith(_COUNTED)


def attributes_of(value: Any) -> Any:
    """Return the dict of an object's attributes, None where it has none."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def members_of(kind: type) -> Iterator[MemberDescriptorType]:
    """Iterate over the slots of a type."""
    for above in kind.__mro__:
        if above.__dict__.get("__slots__"):
            for member in vars(above).values():
                if isinstance(member, MemberDescriptorType):
                    yield member


def held_by_name(value: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over what an object holds in attributes and slots."""
    yield from list((attributes_of(value) or {}).items())
    for member in members_of(type(value)):
        yield member.__name__, restoring.held_in(member, value)
