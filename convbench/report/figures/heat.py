"""A break-even map: the predicted time ratio over channels and size, one panel a batch."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from convbench.core import text as show
from convbench.report.figures import DPI, FORMS, UNSAID, styled

if TYPE_CHECKING:
    from convbench.prediction.breakeven import Map

_FARTHEST = 4.0
"""Ratio, and its inverse, at which the colours end."""
_TICKS = (0.25, 0.5, 1.0, 2.0, 4.0)


def heat_map(found: Map, form: str) -> bytes:
    """Return the map as a figure in one of `FORMS`.

    Each cell has its ratio; in bold where it was measured, with what was measured below it.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    grid = found.grid
    with styled():
        wide = 1.2 + len(grid.batches) * (0.9 + 0.62 * len(grid.channels))
        figure = Figure(figsize=(wide, 1.3 + 0.45 * len(grid.sizes)), layout="constrained")
        panels = figure.subplots(1, len(grid.batches), squeeze=False)[0]
        norm = LogNorm(1 / _FARTHEST, _FARTHEST)
        for panel, batch in zip(panels, grid.batches, strict=True):
            here = {(place.spec.input_size[0], place.spec.in_channels): place
                    for place in found.places if place.spec.batch == batch}  # fmt: skip
            ratios = [
                [here[size, channels].ratio or math.nan for channels in grid.channels]
                for size in grid.sizes
            ]
            mesh = panel.imshow(ratios, norm=norm, cmap="RdBu_r", aspect="auto", origin="lower")
            for row, size in enumerate(grid.sizes):
                for column, channels in enumerate(grid.channels):
                    place = here[size, channels]
                    if place.ratio is None:
                        continue
                    text = show.significant(place.ratio, 2)
                    if place.measured is not None:
                        text += f"\n({show.significant(place.measured.value, 2)})"
                    far = abs(math.log(place.ratio)) > math.log(_FARTHEST) / 2
                    panel.text(column, row, text, ha="center", va="center", fontsize=7,
                               color="white" if far else "black")  # fmt: skip
            panel.set_xticks(range(len(grid.channels)), map(str, grid.channels))
            panel.set_yticks(range(len(grid.sizes)), [f"{size}×{size}" for size in grid.sizes])
            panel.set_xlabel("channels")
            panel.set_title(f"batch {batch}")
        bar = figure.colorbar(mesh, ax=list(panels), label="time ratio, predicted (measured)")
        bar.set_ticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS])
        bar.minorticks_off()
        figure.suptitle(
            f"{found.new} / {found.old}, {grid.kernel}×{grid.kernel}, "
            f"{show.plural(found.fit.threads, 'thread')}", x=0.01, ha="left", fontsize=10,
        )  # fmt: skip
        buffer = io.BytesIO()
        figure.savefig(buffer, format=form, dpi=DPI, metadata=UNSAID[form])
    return buffer.getvalue()


def known_form(suffix: str) -> str | None:
    """Return the form that a file's ending names; None for none."""
    form = suffix.removeprefix(".")
    return form if form in FORMS else None
