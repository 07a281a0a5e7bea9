"""Why a module could not be traced, in words, and what to do about it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from convbench.core.errors import ConvbenchError, first_line

_OF_DATA: Final = (
    "GuardOnDataDependentSymNode",
    "DataDependentOutputException",
    "PendingUnbackedSymbolNotFound",
    "UserErrorType.DYNAMIC_CONTROL_FLOW",
)
_OF_OPERATORS: Final = (
    "UnsupportedOperatorException",
    "DynamicOutputShapeException",
    "NotImplementedError",
    "UnsupportedFakeTensorException",
)


class TraceError(ConvbenchError):
    """A module that cannot be traced with sizes as symbols; the message says why and the remedy."""


def cause(error: BaseException) -> str:
    """Return in one sentence, without its full stop, why a trace failed."""
    if isinstance(error, TraceError):
        return str(error)
    chain = _chain(error)
    kinds = [type(item).__name__ for item in chain]
    where = place(error)
    if any(kind in _OF_DATA for kind in kinds) or "data-dependent" in str(error):
        return (
            "its control flow or a size in it depends on the values of a tensor, which a trace "
            f"does not have{where}"
        )
    said = first_line(error).rstrip(".")
    if any(kind in _OF_OPERATORS for kind in kinds):
        return f"an operator in it cannot be traced ({said}){where}"
    return f"{kinds[0]}: {said}{where}"


def remedy(error: BaseException, *, runs_fixed: bool) -> str:
    """Return what to do; `runs_fixed`: whether the module exports at the sizes it was given."""
    if runs_fixed and "depends on the values" not in cause(error):
        return (
            "At the given sizes it can be traced, so give dynamic= fewer names, such as "
            "dynamic='B', or profile it at the sizes you need"
        )
    if "depends on the values" in cause(error):
        return (
            "Write the choice with torch.where or torch.cond, or profile the module at fixed "
            "sizes, where it may run for real"
        )
    if "scalar type" in str(error) or "dtype" in str(error):
        return "Give an input of the data type it wants; on the command line like 2x7:int64"
    return "Check that module(*inputs) runs at these sizes and in eval mode, and profile it if so"


def explained(
    module: Any, shapes: Sequence[Sequence[int]], error: BaseException, *, runs_fixed: bool
) -> TraceError:
    """Return the error to raise: the module and its input, the cause, the remedy."""
    sizes = ", ".join("×".join(map(str, shape)) for shape in shapes)
    return TraceError(
        f"{type(module).__name__} with an input of {sizes} has no formula: {cause(error)}. "
        f"{remedy(error, runs_fixed=runs_fixed)}."
    )


def place(error: BaseException) -> str:
    """Return " (file:line, code)" of the last line outside of torch, or nothing."""
    import torch

    library = str(Path(torch.__file__).parent)
    for item in _chain(error):
        frames = traceback.extract_tb(item.__traceback__)
        inside = [frame.filename.startswith((library, "<")) for frame in frames]
        called = [  # by torch, so that it is the module's own code
            frame for turn, frame in enumerate(frames) if not inside[turn] and any(inside[:turn])
        ]
        if called:
            return f" ({spot(called[-1])})"
    return ""


def spot(frame: Any) -> str:
    """Return a frame as "file:line, code"."""
    code = (frame.line or "").strip()
    return f"{Path(frame.filename).name}:{frame.lineno}" + (f", `{code}`" if code else "")


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and what caused it, outermost first."""
    found: list[BaseException] = []
    now: BaseException | None = error
    while now is not None and now not in found:
        found.append(now)
        now = now.__cause__ or now.__context__
    return found
