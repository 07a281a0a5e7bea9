"""What torch notes of sizes when it traces (its ShapeEnv), which it documents nowhere.

All of it is read in this file. Where a version of torch lacks one of these names a trace fails, and
`network_formula` raises TraceError with that name; without the places of lines, notes name no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sympy

INDICES: Final = (2**31 - 1, 2**31)
"""What an index of 32 bits is at most, and what it is less than."""


def expression(size: Any) -> Any:
    """Return a size as an int, or as torch's expression where it is none."""
    found = size if isinstance(size, int) else size.node.expr
    return int(found) if getattr(found, "is_Integer", False) else found


def example(size: Any) -> int:
    """Return what a size is in the example; 2, for any, where the data decide."""
    if isinstance(size, int):
        return size
    hint = getattr(size.node, "hint", None)
    return 2 if hint is None else int(hint)


def environment_of(tensors: Iterable[Any]) -> Any:
    """Return the ShapeEnv of a trace from its tensors; None where no size is a symbol."""
    found = (tensor.fake_mode.shape_env for tensor in tensors)
    return next((environment for environment in found if environment), None)


def guards(environment: Any) -> list[sympy.Basic]:
    """Return the conditions that a trace took for granted.

    Guards by which torch chooses an implementation or the layout of a tensor in memory choose no
    operator and no shape, and are left out.
    """
    replaced = dict(environment.replacements)
    return [guard.expr.xreplace(replaced) for guard in environment.guards if not _internal(guard)]


def _internal(guard: Any) -> bool:
    """Tell whether torch's own tensor machinery asked for its own purposes.

    It asks about strides, about a size of 1, and whether an index fits 32 bits: torch 2.6 asks that
    of every convolution to decide whether cuDNN can run it, on a CPU too.
    """
    place = getattr(guard.sloc, "framework_loc", None)
    path = str(getattr(place, "filename", "")).replace("\\", "/")
    inner = path.rpartition("/torch/")[2]
    own = path != inner and (inner.startswith(("_", "fx/")))
    fits = getattr(guard.expr, "gts", None) in INDICES  # the greater side of an inequality
    return own and (fits or isinstance(guard.expr, sympy.Ne | sympy.Or))


def line_that_fixed(environment: Any, number: int) -> Any:
    """Return the frame of the line that made a size this number; None where torch names none."""
    for symbol, place in getattr(environment, "replacements_slocs", {}).items():
        if environment.replacements.get(symbol) == number:
            user = getattr(place, "maybe_user_loc", None)
            return user or getattr(place, "framework_loc", None)
    return None


@contextmanager
def no_special_sizes() -> Iterator[None]:
    """Keep torch from treating sizes of 0 and 1 apart, where this torch can."""
    from torch.fx.experimental import _config

    config: Any = _config
    if hasattr(config, "backed_size_oblivious"):
        with config.patch(backed_size_oblivious=True):
            yield
    else:
        yield
