"""The Python API: what `from convbench import …` gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convbench.clock.measuring import measure
from convbench.convs.base import make
from convbench.core.costs import Cost
from convbench.core.errors import ConvbenchError, RunError, SpecError, one_line, quoted
from convbench.core.spec import ConvSpec
from convbench.counting.base import CountError, count_with
from convbench.counting.tally import Tally, Unavailable
from convbench.formulas.symbols import formula
from convbench.runs.record import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from torch import nn

    from convbench.comparing.comparison import Comparison
    from convbench.counting.engine.profile import Profile
    from convbench.prediction.calibration import Calibration
    from convbench.prediction.predicting import Prediction

__all__ = [
    "build",
    "compare",
    "cost",
    "count",
    "formula",
    "load_run",
    "measure",
    "predict",
    "profile",
    "sweep",
]


def cost(name: str, spec: ConvSpec, **knobs: Any) -> Cost:
    """Return the cost of the convolution type `name` in the slot `spec`, derived by formula.

    knobs: options of the type (`convbench explain NAME` lists them); `block=True` adds batch norm
    and ReLU where the type's paper has them. Raises UnknownNameError for an unknown type, SpecError
    for an unknown knob or a slot that the type does not fit.
    """
    return make(name, knobs).cost(spec)


def build(name: str, spec: ConvSpec, **knobs: Any) -> nn.Module:
    """Return a module of the type `name` that maps spec.input_shape to spec.output_shape.

    knobs and errors are those of `cost`.
    """
    kind = make(name, knobs)
    kind.checked(spec)
    try:
        return kind.build(spec)
    except (RuntimeError, TypeError) as error:  # more than a tensor or this machine can hold
        raise SpecError(
            f"{kind.label} cannot be built for {spec.title}: {one_line(error)}. Give smaller sizes."
        ) from error


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
    """Compare two runs, or two groups of one run, case by case.

    left, right: runs, run folders, or folders of repeats of a run; ratios are right / left. by: the
    condition in which two groups differ, such as "layout" or "dtype=float32,bfloat16". threshold:
    the smallest relative change of a time that counts. drift: the relative difference that whole
    runs may have without a change. absolute: do not remove the shift that all cases of a group
    share. allow: keys of the environment that may differ, or "all" alone.

    Returns a Comparison: `.rows` has every case, `.found("slower")` those with a verdict. Raises
    RunError for runs that cannot be compared.
    """
    from convbench.comparing.command import Asked, found

    if not isinstance(by, str | None):
        raise RunError(f"by={quoted(by)} is no condition: give its name, as 'layout', or None.")
    if not isinstance(allow, list | tuple) or not all(isinstance(key, str) for key in allow):
        raise RunError(f"allow={quoted(allow)} is no list of keys: give one, as ['torch'].")
    _check_flags(RunError, absolute=absolute)
    return found(
        Asked(
            left=left if isinstance(left, Run) else _folder(left),
            right=right if isinstance(right, Run | None) else _folder(right),
            by=by,
            threshold=threshold,
            drift=drift,
            absolute=absolute,
            allow=tuple(allow),
        )
    )


def count(module: nn.Module, inputs: Any, *, counter: str = "torch") -> Tally:
    """Count the multiply-accumulates of module(*inputs) with one counter: "torch", "fvcore", ….

    counter: one of those that `convbench list counters` names, with the package that each needs.
    inputs: a tensor or a tuple of positional arguments. The module is left unchanged.

    Returns a Tally. Operators that the counter does not know are in `.unsupported`; `.macs` is then
    a lower bound. Raises UnknownNameError for an unknown counter, CountError for a module that it
    cannot count.
    """
    from torch import nn

    if not isinstance(module, nn.Module):
        raise CountError(
            f"An object of type {type(module).__name__} cannot be counted: give a torch.nn.Module."
        )
    tally = count_with(counter, module, inputs)
    if isinstance(tally, Unavailable):
        raise CountError(
            f"{tally.reason}. Check that module(*inputs) itself runs, or try another counter."
        )
    return tally


def predict(
    what: str | nn.Module,
    *where: Any,
    threads: int = 1,
    layout: str = "channels_first",
    calibration: Calibration | str | Path | None = None,
    any_machine: bool = False,
    **knobs: Any,
) -> Prediction:
    """Predict the time of a call on the CPU, in float32 and inference mode; nothing is computed.

    Args:
        what: name of a convolution type, and `where` is the slot; or a module, and `where` is its
            inputs (tensors on the meta device will do).
        where: a ConvSpec, or the positional arguments of the module.
        threads: intra-op threads, of those that were calibrated.
        layout: "channels_first" or "channels_last", of a type's weights and input.
        calibration: what `convbench calibrate` made; unless given, that of this machine.
        any_machine: take a calibration of another machine, and predict the times of that one.
        knobs: options of the type, as for `cost`.

    Returns a Prediction: `.seconds`, and `.low` and `.high`, between which 90 % of measured times
    are to be; `.parts` are the operators. Raises CalibrationError without a calibration,
    TracingError for a module whose shapes depend on values, PredictionError for what the model has
    nothing on, and as `cost`.

    """
    from convbench.prediction.calibration import Calibration, load
    from convbench.prediction.predicting import PredictionError, of_type
    from convbench.prediction.predicting import predict as of_module

    _check_flags(PredictionError, any_machine=any_machine)
    if not isinstance(calibration, Calibration | str | Path | None):
        raise PredictionError(
            f"calibration={quoted(calibration)} is none: give what `convbench calibrate` made, its "
            "path, or nothing."
        )
    if not isinstance(calibration, Calibration):
        calibration = load(calibration, any_machine=any_machine)
    fit = calibration.fit(threads)
    if not isinstance(what, str):
        if not callable(what):
            raise PredictionError(
                f"A {type(what).__name__} cannot be predicted: name a type, or give a module."
            )
        if knobs or layout != "channels_first":
            said = ", ".join([*knobs, *(["layout"] if layout != "channels_first" else [])])
            raise PredictionError(
                f"{said}: options of a type. Leave them out; a module has its own layout."
            )
        return of_module(what, *where, fit=fit)
    if len(where) != 1:
        raise PredictionError(
            f"{what} takes one slot, and {len(where)} were given: give a ConvSpec."
        )
    return of_type(make(what, knobs), where[0], fit=fit, layout=layout)


def profile(
    module: nn.Module,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    backward: bool = False,
    strict: bool = False,
    shapes: bool = False,
) -> Profile:
    """Count the cost of module(*inputs, **kwargs) by module and operator, from shapes alone.

    module: an nn.Module, an exported program or a function of tensors. backward: count the
    gradients too. strict: raise UnknownOperatorError for an operator without a counting rule;
    otherwise the total is a lower bound, and says so. shapes: record input and output shapes and
    kernels of every module. The module is left unchanged.

    Returns a Profile. `convbench.counting.engine.run.profile` documents the details: which modules
    are run with real numbers, and what is not restored afterwards.
    """
    from convbench.counting.engine.run import ProfileError
    from convbench.counting.engine.run import profile as count_module

    if not isinstance(kwargs, Mapping | None) or not all(
        isinstance(key, str) for key in kwargs or ()
    ):
        raise ProfileError(
            f"kwargs={quoted(kwargs)} is no table of arguments: give one, as "
            '{"mask": torch.ones(2, 7)}.'
        )
    _check_flags(ProfileError, backward=backward, strict=strict, shapes=shapes)
    return count_module(
        module, *inputs, kwargs=kwargs, backward=backward, strict=strict, shapes=shapes
    )


def sweep(name: str, *, ratio_to: str | None = None, **grid: Any) -> pd.DataFrame:
    """Return the cost of every combination that fits, as a DataFrame.

    grid: fields of ConvSpec and knobs of the type, each a value or a list of values. ratio_to:
    another type, for the column `ratio` of multiplications. `convbench.formulas.sweeps.sweep`
    documents columns, order and errors.
    """
    from convbench.formulas.sweeps import sweep as derive

    return derive(name, ratio_to=ratio_to, **grid)


def load_run(path: str | Path) -> Run:
    """Read a run folder, such as reports/cpu-quick; RunError if it cannot be read."""
    from convbench.runs.store import load

    return load(_folder(path))


def _check_flags(error_type: type[ConvbenchError], **flags: object) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise error_type(f"{name}={quoted(value)} is neither True nor False: give one of them.")


def _folder(path: object) -> Path:
    if not isinstance(path, str | Path):
        raise RunError(
            f"{quoted(path)} is no run folder: give its path, such as reports/cpu-quick."
        )
    return Path(path)
