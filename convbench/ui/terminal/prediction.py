"""Calibrations, predictions and break-even maps, as pages for a terminal."""

from __future__ import annotations

import math
from typing import Final

from convbench.core import text as show
from convbench.prediction.breakeven import Map, Place
from convbench.prediction.calibration import Calibration
from convbench.prediction.predicting import COVERAGE, Part, Prediction
from convbench.report.document import Column, Document, Paragraph, Table

_MODELS: Final = (
    Column(name="prediction", key="model"),
    Column(name="time", key="seconds", kind="seconds"),
    Column(name="median error", key="error", kind="share"),
)
_PARTS: Final = (
    Column(name="operator", key="operator"),
    Column(name="calls", key="calls", kind="integer"),
    Column(name="time", key="seconds", kind="seconds"),
    Column(name="share", key="share", kind="share"),
)
_FITS: Final = (
    Column(name="threads", key="threads", kind="integer"),
    Column(name="calls timed", key="samples", kind="integer"),
    Column(name="median error", key="error", kind="share"),
    Column(name="90 % of errors below", key="most", kind="share"),
    Column(name="FLOPs × constant", key="flops", kind="share"),
    Column(name="roofline", key="roofline", kind="share"),
)
_PLACES: Final = (
    Column(name="batch", key="batch", kind="integer"),
    Column(name="size", key="size"),
    Column(name="channels", key="channels", kind="integer"),
    Column(name="time ratio", key="ratio", kind="ratio"),
    Column(name="90 % interval", key="interval"),
    Column(name="MAC ratio", key="macs", kind="ratio"),
    Column(name="measured", key="measured", kind="ratio"),
)


def around(prediction: Prediction | Part) -> str:
    """Return a predicted time with its interval: 84 µs (78 µs to 93 µs)."""
    return (
        f"{show.seconds(prediction.seconds)} ({show.seconds(prediction.low)} to "
        f"{show.seconds(prediction.high)})"
    )


def page(found: Prediction, title: str, layout: str) -> Document:
    """Return a prediction: its time, simpler predictions beside it, and the operators."""
    fit = found.fit
    models = Table(
        id="models", caption="", columns=_MODELS,
        rows=(
            ("fitted model", found.seconds, fit.error()),
            ("FLOPs × constant", found.by_flops, fit.flops.error),
            ("roofline", found.by_roofline, fit.roofline.error),
        ),
    )  # fmt: skip
    parts: dict[str, tuple[int, float]] = {}
    for part in found.parts:
        name = part.family or "views"
        calls, seconds = parts.get(name, (0, 0.0))
        parts[name] = calls + 1, seconds + part.seconds
    rows = tuple(
        (name, calls, seconds, seconds / found.seconds)
        for name, (calls, seconds) in sorted(parts.items(), key=lambda item: -item[1][1])
    )
    return Document(
        title=f"{title}: predicted {around(found)}",
        blocks=(
            Paragraph(
                text=f"On this CPU, float32, {layout.replace('_', ' ')}, "
                f"{show.plural(fit.threads, 'thread')}, eager, in inference mode, warm caches. In "
                f"brackets: an interval that is to hold {show.percent(COVERAGE)} of measured times."
            ),
            models,
            Paragraph(
                text="median error: of convolutions (of all operators for the fitted model) that "
                "were timed when this machine was calibrated; the fitted model had not seen them."
            ),
            *(Paragraph(text=f"The interval is widened: {note}.")
              for note in found.notes),
            *([Paragraph(text=fit.doubt)] if fit.doubt else []),
            Table(id="parts", caption="", columns=_PARTS, rows=rows),
        ),
    )  # fmt: skip


def calibration_page(found: Calibration) -> Document:
    """Return what was calibrated, with its errors."""
    rows = tuple(
        (fit.threads, fit.samples, fit.error(), fit.error(0.9), fit.flops.error, fit.roofline.error)
        for fit in found.fits
    )
    return Document(
        title=f"Calibrated in {found.took:.0f} s: {found.machine.get('cpu', 'this processor')}",
        blocks=(
            Table(id="fits", caption="", columns=_FITS, rows=rows),
            Paragraph(
                text="Errors of operators that were held out of the fit, relative to the measured "
                "time. FLOPs × constant and roofline: their median errors on the convolutions."
            ),
            *(Paragraph(text=fit.doubt) for fit in found.fits if fit.doubt),
        ),
    )


def breakeven_page(found: Map) -> Document:
    """Return where the replacement is faster, in words and slot by slot."""
    rows = tuple(_row(place) for place in found.places if place.ratio is not None)
    empty = {place.why: None for place in found.places if place.why}
    return Document(
        title=f"{found.new} instead of {found.old}: time ratio by channels, size and batch",
        blocks=(
            Paragraph(text=_verdict(found)),
            Table(id="places", caption="", columns=_PLACES, rows=rows),
            Paragraph(
                text="time ratio: predicted, below 1 where the replacement is faster; its interval "
                f"is to hold "
                f"{show.percent(COVERAGE)} of measured ratios. MAC ratio: multiplications. "
                f"{show.plural(found.fit.threads, 'thread')}, float32, "
                f"{found.layout.replace('_', ' ')}, {found.grid.kernel}×{found.grid.kernel}."
            ),
            *(Paragraph(text=f"Left out: {why}.") for why in empty),
        ),
    )


def _row(place: Place) -> tuple[object, ...]:
    low, high = place.interval or (math.nan, math.nan)
    return (
        place.spec.batch, "×".join(map(str, place.spec.input_size)), place.spec.in_channels,
        place.ratio, f"{show.times(low)} to {show.times(high)}", place.multiplications,
        place.measured,
    )  # fmt: skip


def _verdict(found: Map) -> str:
    known = [place for place in found.places if place.interval is not None]
    faster = sum(place.interval[1] < 1 for place in known if place.interval)
    slower = sum(place.interval[0] > 1 for place in known if place.interval)
    measured = [place for place in known if place.measured is not None]
    said = (
        f"Of {show.plural(len(known), 'slot')} the replacement is predicted to be faster in "
        f"{faster} and slower in {slower}; in {len(known) - faster - slower} the interval holds 1."
    )
    if measured:
        verdicts = [place.measured.verdict for place in measured if place.measured]
        counted = ", ".join(
            f"{verdicts.count(word)} {word}" for word in dict.fromkeys(sorted(verdicts))
        )
        said += f" Measured near 1: {counted}."
    return said
