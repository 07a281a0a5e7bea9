"""How times are taken in tests: `convbench.measure`, and what belongs around it there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from convbench.clock.arguments import Given, call_of
from convbench.clock.measurement import Measurement
from convbench.clock.measuring import measure

_LONGEST_LABEL: Final = 60
_CHANGED_BY_TRAINING: Final = ("BatchNorm", "SyncBatchNorm", "Dropout", "RReLU", "FeatureAlpha")


def timed(work: Mapping[str, Given], **options: Any) -> Measurement:
    """Measure as `convbench.measure` does; no tracer (of coverage, a debugger) runs along here.

    A module in training mode whose layers then do other work gets a note.
    """
    with _untraced():
        found = measure(work, **options)
    notes = [
        f"{name} was timed in training mode, where {kind} does other work than in inference: "
        "call .eval() first, if that is what you want to know"
        for name, given in work.items()
        if (kind := _in_training(call_of(name, given)[0]))
    ]
    return replace(found, notes=(*found.notes, *notes))


def _in_training(call: object) -> str:
    """Return a kind of layer that training mode changes, empty where there is none in it."""
    parts = getattr(call, "modules", None)
    if "torch" not in sys.modules or parts is None:
        return ""
    from torch import nn

    if not isinstance(call, nn.Module):
        return ""
    kinds = (type(part).__name__ for part in call.modules() if part.training)
    return next((kind for kind in kinds if kind.startswith(_CHANGED_BY_TRAINING)), "")


@contextmanager
def _untraced() -> Iterator[None]:
    """Keep Python's tracer from being timed where the work runs in this process."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def label_of(given: Given) -> str:
    """Return what is timed in a word: a module's class, a function's name."""
    call = given[0] if isinstance(given, tuple) else given
    call = getattr(call, "func", call)  # of a functools.partial
    name = getattr(call, "__name__", None) or type(call).__name__
    return str(name)[:_LONGEST_LABEL]
