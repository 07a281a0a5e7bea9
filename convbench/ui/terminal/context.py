"""Layers in context, as lines for a terminal of 80 columns."""

from __future__ import annotations

from convbench.clock.layers_in_context import Context
from convbench.core import text as show
from convbench.core.intervals import Interval

_NAME, _TIME = 36, 11
_CUT = "…"


def lines(found: Context) -> list[str]:
    """Return the page: what it says first, then every layer in the order of the calls."""
    page = [
        f"The whole takes {show.seconds(found.whole)} a call.",
        f"Its layers alone add up to {_percent(found.alone_share)} of it,",
        f"inside it to {_percent(found.inside_share)}; the rest is what happens between them.",
        "",
        f"{'layer':{_NAME}}{'alone':>{_TIME}}{'after':>{_TIME}}{'inside':>{_TIME}}{'share':>8}",
    ]
    for layer in found.layers:
        times = "".join(
            f"{show.seconds(time.value) if time else '–':>{_TIME}}"
            for time in (layer.alone, layer.after, layer.inside)
        )
        share = layer.inside.value / found.whole.value
        name = _cut(f"{layer.name} {layer.kind}")
        page.append(f"{name:{_NAME}}{times}{share:>8.1%}")
    page += [
        "",
        "alone: over and over; after: its producer ran right before; inside: within the",
        "whole, and its share of it. Interleaved, in several processes; “after” is a",
        "single call a sample, so it holds what calling costs without a loop.",
        *found.notes,
    ]
    return page


def _percent(share: Interval) -> str:
    value = f"{share.value:.0%}"
    return f"{value} ({share.low:.0%} to {share.high:.0%})" if share.usable else value


def _cut(name: str) -> str:
    return name if len(name) < _NAME else _CUT + name[-(_NAME - 2) :]
