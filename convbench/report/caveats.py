"""What a convolution type gives up against a standard one, where a reader could mistake it.

A type that looks at less of its input is not a cheaper way to the same thing, so no sentence calls
it a winner without saying so. Types not named here have no such caveat; what any type does to the
accuracy of a network is not measured by this package at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from convbench.runs.record import Record


class Caveat(NamedTuple):
    """What a type gives up; `less` where it sees or mixes less of its input than the baseline."""

    text: str
    less: bool


CAVEATS: Final[dict[str, Caveat]] = {
    "pointwise": Caveat("sees no neighbours", less=True),
    "pointwise_grouped": Caveat("sees no neighbours, mixes channels only within groups", less=True),
    "grouped": Caveat("mixes channels only within groups", less=True),
    "depthwise": Caveat("mixes no channels", less=True),
    "partial": Caveat("passes part of the channels through untouched", less=True),
    "bottleneck": Caveat("squeezes the channels in between", less=False),
    "shufflenet_unit": Caveat("squeezes the channels in between", less=False),
}
"""By the name of the type."""


def caveat(record: Record) -> str:
    """Return what the type of a record gives up; empty where there is nothing to warn of."""
    known = _known(record)
    return known.text if known else ""


def does_less(record: Record) -> bool:
    """Tell whether the type sees or mixes less of its input than a standard convolution."""
    known = _known(record)
    return known is not None and known.less


def _known(record: Record) -> Caveat | None:
    """Return the type's caveat, unless its knobs take it away: one group, the whole, no squeeze."""
    if record.kind != "type":
        return None
    knobs = record.knobs
    alone = {
        "grouped": knobs.get("groups") == 1,
        "partial": str(knobs.get("fraction")) == "1",
        "bottleneck": knobs.get("reduction") == 1,
        "shufflenet_unit": knobs.get("reduction") == 1,
    }
    if alone.get(record.name):
        return None
    if record.name == "pointwise_grouped" and knobs.get("groups") == 1:
        return CAVEATS["pointwise"]
    return CAVEATS.get(record.name)


def named(record: Record) -> str:
    """Return the label with its caveat: pointwise (sees no neighbours)."""
    text = caveat(record)
    return f"{record.label} ({text})" if text else record.label
