"""A model's layers with their measured and predicted times, as a page for a terminal."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from convbench.clock.layers_in_context import Context
from convbench.core import text as show
from convbench.counting.engine.profile import Profile
from convbench.prediction.predicting import Prediction
from convbench.report.document import Column, Document, Paragraph, Table
from convbench.ui.terminal.prediction import around

_COLUMNS: Final = (
    Column(name="layer", key="label"),
    Column(name="MACs", key="macs", kind="count"),
    Column(name="measured", key="seconds", kind="seconds"),
    Column(name="share", key="share", kind="share"),
    Column(name="predicted", key="predicted", kind="seconds"),
    Column(name="predicted / measured", key="ratio", kind="ratio"),
)
BETWEEN: Final = "outside the layers"


def page(profile: Profile, times: Context, predicted: Prediction | None, missing: str) -> Document:
    """Return every layer in the order of its calls, and how far the parts are from the whole.

    predicted: None where there is none, and `missing` says why.
    """
    by_path: dict[str, float] = defaultdict(float)
    for part in predicted.parts if predicted else ():
        by_path[part.path] += part.seconds
    macs = {
        part.name: part.counts.multiplications // part.visits
        for _, part in profile.by_module.walk()
        if part.visits
    }
    whole = times.whole.value
    rows: list[tuple[object, ...]] = []
    for layer in times.layers:
        own = by_path.pop(layer.name, None)
        rows.append((
            f"{layer.name} {layer.kind}", macs.get(layer.name.partition(" (")[0]), layer.inside,
            layer.inside.value / whole, own, own and own / layer.inside.value,
        ))  # fmt: skip
    inside = sum(layer.inside.value for layer in times.layers)
    rest = sum(by_path.values()) if predicted else None
    rows.append((BETWEEN, None, whole - inside, 1 - inside / whole, rest, None))
    said = [f"The layers add up to {inside / whole:.0%} of the whole as measured."]
    if predicted is None:
        said.append(f"Without predictions: {missing}")
    else:
        parts = sum(part.seconds for part in predicted.parts) - (rest or 0)
        said.append(
            f"Predicted: {around(predicted)}, {predicted.seconds / whole - 1:+.0%} of the measured "
            f"whole; the layers are {parts / predicted.seconds:.0%} of it."
        )
    said.append(
        "measured: within the whole, as hooks read the clock, with how far one more process would "
        f"be off. {BETWEEN}: the whole less its layers, and operators that no layer calls."
    )
    first, *others = (Paragraph(text=text) for text in (" ".join(said[:-1]), said[-1]))
    return Document(
        title=f"Measured: {show.seconds(times.whole)} a call",
        blocks=(first, Table(id="times", caption="", columns=_COLUMNS, rows=tuple(rows)), *others),
    )
