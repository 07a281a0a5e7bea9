"""The predicted time of a module: its operators' times, added up, with an interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from convbench.core.errors import ConvbenchError, quoted
from convbench.counting.engine.by_name import arguments_of, inputs_of, made
from convbench.networks.models import ModelError
from convbench.prediction.calibration import Fit
from convbench.prediction.model import quantiles
from convbench.prediction.operators import Operator, TracingError, operators
from convbench.prediction.terms import context_terms, coordinates, family, relatives, terms, work

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convbench.convs.base import ConvType
    from convbench.core.spec import ConvSpec

COVERAGE: Final = 0.90
"""Share of shapes whose measured time the interval is to hold."""
BEYOND: Final = math.log(2)
"""By what an interval is widened on both sides for a size beyond those that were timed."""
_CONTEXT: Final = "context"
_BYTES: Final = "add"
"""Family of which an operator that is like nothing is taken to be: one that moves its bytes."""
UNKNOWN: Final = math.log(3)
"""The same for an operator that was not timed at all: its bytes are moved as a sum's are."""


class PredictionError(ConvbenchError):
    """What was not calibrated, and cannot be predicted."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One call of an operator. Times are in seconds.

    Attributes:
        path: the module that calls it; empty for the whole.
        operator: by PyTorch's name.
        family: of the model; empty for one that only makes a view.
        seconds: predicted.
        low: end of the interval that is to hold 90 % of such shapes.
        high: the other end.
        note: why the interval is widened; empty where it is not.

    """

    path: str
    operator: str
    family: str
    seconds: float
    low: float
    high: float
    note: str = ""

    def later(self, seconds: float) -> Part:
        """Return the same with so many seconds more."""
        return replace(self, seconds=self.seconds + seconds, low=self.low + seconds,
                       high=self.high + seconds)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The predicted time of one call, in seconds.

    Attributes:
        seconds: predicted.
        low: lower end of an interval that is to hold 90 % of the measured times.
        high: its upper end.
        parts: the calls of operators, in their order.
        by_flops: multiplications at one constant rate.
        by_roofline: the larger of multiplications at the highest rate and bytes at the highest
            rate, for each operator.
        fit: what was fitted, with its stated errors.
        notes: what to know of it.

    """

    seconds: float
    low: float
    high: float
    parts: tuple[Part, ...]
    by_flops: float
    by_roofline: float
    fit: Fit
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the time with its interval, in one line."""
        from convbench.core import text as show

        return (
            f"<Prediction: {show.seconds(self.seconds)}, 90 % interval {show.seconds(self.low)} to "
            f"{show.seconds(self.high)}, {self.fit.threads} threads>"
        )


def predict(
    module: Callable[..., Any], *inputs: Any, fit: Fit, named: dict[str, Any] | None = None
) -> Prediction:
    """Predict the time of module(*inputs, **named) on the CPU, in inference mode, in seconds.

    Nothing is computed. Raises TracingError, and PredictionError for what the model has nothing on:
    convolutions over three axes, and other data types than float32.
    """
    return summed(operators(module, *inputs, **(named or {})), fit)


def summed(found: Iterable[Operator], fit: Fit) -> Prediction:
    """Add up the predicted times of operators.

    Errors of one family are taken to be alike, those of different families to be independent: the
    distances to the ends of the interval are added within a family and as squares between them. Of
    several operators those of `Context` are one more family.
    """
    found = tuple(found)
    parts = [_part(one, fit) for one in found]
    at = [index for index, one in enumerate(found) if not one.alias]
    below: dict[str, float] = {}
    above: dict[str, float] = {}
    if len(at) > 1 and fit.context.errors:
        for index, amounts in zip(at, context_terms([found[i] for i in at]), strict=True):
            parts[index] = parts[index].later(fit.context.seconds(amounts))
        whole = sum(part.seconds for part in parts)
        low, high = quantiles(fit.context.errors, COVERAGE)
        below[_CONTEXT], above[_CONTEXT] = whole * (1 - math.exp(low)), whole * (math.exp(high) - 1)
    for part in parts:
        below[part.family] = below.get(part.family, 0.0) + part.seconds - part.low
        above[part.family] = above.get(part.family, 0.0) + part.high - part.seconds
    seconds = sum(part.seconds for part in parts)
    amounts_of = [work(found[index]) for index in at]
    notes = dict.fromkeys(part.note for part in parts if part.note)
    return Prediction(
        seconds=seconds,
        low=max(seconds / 10, seconds - math.hypot(*below.values())),
        high=seconds + math.hypot(*above.values()),
        parts=tuple(parts),
        by_flops=sum(macs for macs, _ in amounts_of) / fit.flops.multiplications_per_second,
        by_roofline=sum(
            max(
                macs / fit.roofline.multiplications_per_second,
                moved / (fit.roofline.bytes_per_second or math.inf),
            )
            for macs, moved in amounts_of
        ),
        fit=fit,
        notes=tuple(notes),
    )


def _part(one: Operator, fit: Fit) -> Part:
    if one.alias:
        return Part(path=one.path, operator=one.name, family="", seconds=fit.view,
                    low=fit.view, high=fit.view)  # fmt: skip
    _refuse(one)
    name, place = family(one, fit.threads), coordinates(one)
    known, widened, note = fit.families.get(name), 0.0, ""
    if known is None:
        likest = [other for other in relatives(name) if other in fit.families]
        known, widened = None, BEYOND
        if not likest and not one.convolution:
            likest, widened = [_BYTES], UNKNOWN
        name = likest[0] if likest else ""
        if name not in fit.families:
            raise PredictionError(
                f"The calibration has nothing like {one.name}: run `convbench calibrate` with a "
                "larger --budget."
            )
        known = fit.families[name]
        note = f"{one.name} of this kind was not calibrated; its time is that of “{name}”"
    elif known.outside(place):
        widened = BEYOND
        note = f"a size of {one.name} is beyond those that were timed"
    seconds = known.seconds(terms(one, name), place)
    low, high = known.quantiles(COVERAGE)
    return Part(path=one.path, operator=one.name, family=name, seconds=seconds,
                low=seconds * math.exp(low - widened), high=seconds * math.exp(high + widened),
                note=note)  # fmt: skip


def _refuse(one: Operator) -> None:
    """Raise PredictionError for what nothing is known of."""
    if 0 in one.inputs[0].shape:
        raise PredictionError(
            f"{one.path or one.name} works on a tensor of no elements, whose time is not that of "
            "any layer: give an input with at least 1 along each axis."
        )
    if one.convolution and len(one.inputs[1].shape) > _SPATIAL:
        raise PredictionError(
            "A convolution over three axes cannot be predicted: only those over one and two were "
            "calibrated. Measure it with `convbench run` or `convbench.measure`."
        )
    if one.convolution and one.inputs[0].dtype != "float32":
        raise PredictionError(
            f"A convolution in {one.inputs[0].dtype} cannot be predicted: only float32 was "
            "calibrated. Give weights and inputs in float32."
        )


def of_type(
    kind: ConvType, spec: ConvSpec, *, fit: Fit, layout: str = "channels_first"
) -> Prediction:
    """Predict the time of a convolution type in a slot. Raises SpecError, and as `predict`."""
    import torch

    kind.checked(spec)
    with torch.device("meta"):
        module = kind.build(spec).eval()
        inputs = torch.empty(spec.input_shape)
    return predict(*laid(module, inputs, layout=layout), fit=fit)


def of_model(
    reference: str,
    shapes: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    fit: Fit,
    layout: str = "channels_first",
    trust: bool = False,
) -> Prediction:
    """Predict the time of the model that a reference names (see `networks.models`).

    It is made on the meta device, without memory for its weights, and on the CPU where it cannot
    be. trust: an exported program may run code as it is loaded. Raises ModelError, InputError, and
    as `predict`.
    """
    given, knobs = inputs_of(shapes), arguments_of(arguments)
    try:
        module, inputs = made(reference, given, knobs, device="meta", trust=trust)
        return predict(*laid(module, *inputs.inputs, layout=layout), fit=fit, named=inputs.named)
    except (ModelError, TracingError):
        module, inputs = made(reference, given, knobs, trust=trust)
    return predict(*laid(module, *inputs.inputs, layout=layout), fit=fit, named=inputs.named)


def laid(module: nn.Module, *inputs: Tensor, layout: str) -> tuple[Any, ...]:
    """Return a module and its inputs in a layout: "channels_first" or "channels_last"."""
    import torch

    if layout == "channels_last":
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = tuple(
            value.contiguous(memory_format=torch.channels_last) if value.ndim == _SPATIAL else value
            for value in inputs
        )
    elif layout != "channels_first":
        raise PredictionError(
            f"layout={quoted(layout)} is none: give channels_first or channels_last."
        )
    return (module, *inputs)


_SPATIAL: Final = 4
"""Axes of a batch of images."""
