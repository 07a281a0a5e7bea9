"""The Python API: what `from convbench import …` gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from convbench.clock.measuring import measure
from convbench.convs.base import make
from convbench.core.costs import Cost
from convbench.core.spec import ConvSpec
from convbench.counting.base import CountError, count_with
from convbench.counting.tally import Tally, Unavailable
from convbench.formulas.symbols import formula
from convbench.runs.record import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from torch import nn

    from convbench.comparing.comparison import Comparison
    from convbench.counting.engine.profile import Profile

__all__ = [
    "build",
    "compare",
    "cost",
    "count",
    "formula",
    "load_run",
    "measure",
    "profile",
    "sweep",
]


def cost(name: str, spec: ConvSpec, **knobs: Any) -> Cost:
    """Return what the convolution type `name` costs in the slot `spec`, derived by formula.

    knobs are the type's own (`convbench explain NAME` lists them), and `block=True` for batch norm
    and ReLU. Raises UnknownNameError for a type, SpecError for a knob or a slot that does not fit.
    """
    return make(name, knobs).cost(spec)


def build(name: str, spec: ConvSpec, **knobs: Any) -> nn.Module:
    """Return the module of the type `name`: spec.input_shape in, spec.output_shape out.

    Raises as `cost` does.
    """
    kind = make(name, knobs)
    return kind.build(kind.checked(spec))


def compare(
    left: Run | str | Path,
    right: Run | str | Path | None = None,
    *,
    by: str | None = None,
    threshold: float = 0.05,
    drift: float = 0.10,
    absolute: bool = False,
    allow: Sequence[str] = (),
) -> Comparison:
    """Compare two runs, or two groups of one, case by case: `.rows`, `.found("slower")`, ….

    left, right: runs, run folders, or folders of repeats of a run; ratios are right / left. by: an
    axis in which the two differ, "layout" or "dtype=float32,bfloat16". threshold: the smallest
    relative change of a time that matters. drift: how far whole runs may lie apart. absolute: take
    no common shift away. allow: keys of the environment that may differ, or "all" alone. Raises
    RunError, saying what cannot be compared. How a comparison ends as a gate: `comparing.gate`.
    """
    from convbench.comparing.command import Asked, found

    return found(
        Asked(
            left=Path(left) if isinstance(left, str) else left,
            right=Path(right) if isinstance(right, str) else right,
            by=by,
            threshold=threshold,
            drift=drift,
            absolute=absolute,
            allow=tuple(allow),
        )
    )


def count(module: nn.Module, inputs: Any, *, counter: str = "torch") -> Tally:
    """Count the multiply-accumulates of module(*inputs) with a counter: "torch", "fvcore", ….

    `convbench list counters` names them all, with the package that each needs. inputs: a tensor or
    a tuple of positional arguments. The module is left as it was. Operators
    the counter does not know are in `.unsupported`, and `.macs` is then a lower bound. Raises
    UnknownNameError for a counter, CountError when it cannot count this module.
    """
    tally = count_with(counter, module, inputs)
    if isinstance(tally, Unavailable):
        raise CountError(f"{tally.reason}. Try another counter.")
    return tally


def profile(
    module: nn.Module,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    backward: bool = False,
    strict: bool = False,
    shapes: bool = False,
) -> Profile:
    """Count what module(*inputs, **kwargs) costs, by module and operator, computing nothing.

    See `convbench.counting.engine.run.profile`, which this is; it imports torch when it is called.
    """
    from convbench.counting.engine.run import profile as count_module

    return count_module(
        module, *inputs, kwargs=kwargs, backward=backward, strict=strict, shapes=shapes
    )


def sweep(name: str, *, ratio_to: str | None = None, **grid: Any) -> pd.DataFrame:
    """Return the costs of every combination that fits, as a DataFrame; see `formulas.sweeps`."""
    from convbench.formulas.sweeps import sweep as derive

    return derive(name, ratio_to=ratio_to, **grid)


def load_run(path: str | Path) -> Run:
    """Read a run folder, such as reports/cpu-quick. Raises RunError, saying what is wrong."""
    from convbench.runs.store import load

    return load(Path(path))
