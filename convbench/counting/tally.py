"""What a counter says: a Tally in a declared Convention, or why it cannot run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from convbench.core.shown import ShownOnPaper


@dataclass(frozen=True, kw_only=True)
class Convention:
    """What a counter counts, in words, so that two counts are compared on what they share.

    `macs` of a Tally is always the shared part: multiplications of convolutions and of matrix
    products, one for each multiply-accumulate, bias and elementwise work left out.
    """

    unit: str
    """What the counter itself reports: "1 per multiply-accumulate", "2 per multiply-accumulate"."""
    elementwise: str
    """What it adds for normalisation, activation and pooling: "nothing", …"""
    transposed: str = "input positions"
    """On which positions it counts a transposed convolution."""
    source: str = ""
    """The package and its version."""

    def __str__(self) -> str:
        """Say it in one line, without the source."""
        return f"{self.unit}; elementwise: {self.elementwise}"


@dataclass(frozen=True, kw_only=True)
class Tally(ShownOnPaper, view="tallies"):
    """A counter's result for one forward pass, in `convention`.

    Attributes:
        counter: its name.
        macs: multiply-accumulates of convolutions and matrix products.
        by_operator: MACs by operator; {} where the counter does not tell.
        by_module: MACs by qualified module name ("" is the whole, and all that some tell).
        elementwise: what the counter counts beside MACs, by operator, in its own unit.
        unsupported: operators the counter met and does not know, with the number of calls: each
            may hide multiplications, so `macs` is then a lower bound.
        convention: what the counter counts, in words.

    """

    counter: str
    macs: int
    by_operator: dict[str, int]
    by_module: dict[str, int]
    elementwise: dict[str, int] = field(default_factory=dict)
    unsupported: dict[str, int] = field(default_factory=dict)
    convention: Convention

    @property
    def complete(self) -> bool:
        """Tell whether the counter knew every operator that ran."""
        return not self.unsupported

    def __str__(self) -> str:
        """Show the count, as a lower bound where the counter did not know an operator."""
        bound = "" if self.complete else "≥ "
        return f"{bound}{self.macs:,} MACs ({self.counter})"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types; by_module only its total, which a run keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """Read what `to_json` wrote."""
        return cls(**{**data, "convention": Convention(**data["convention"])})


@dataclass(frozen=True)
class Unavailable:
    """A counter that could not count, and why."""

    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the reason as JSON."""
        return {"unavailable": self.reason}


def tally_from_json(data: dict[str, Any]) -> Tally | Unavailable:
    """Read either of the two."""
    if "unavailable" in data:
        return Unavailable(data["unavailable"])
    return Tally.from_json(data)
