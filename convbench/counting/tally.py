"""What a counter says: a Tally in a declared Convention, or why it cannot run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from convbench.core.notebook_views import OneLine, ShownOnPaper
from convbench.core.serialization import Stored, Whole


@dataclass(frozen=True, kw_only=True)
class Convention(Stored):
    """What a counter counts, in words.

    Counts are compared on the part that all counters include, which is `macs` of a Tally:
    multiplications of convolutions and of matrix products, 1 for each multiply-accumulate, without
    bias and elementwise work.

    Attributes:
        unit: what the counter itself reports: "1 per multiply-accumulate", "2 per
            multiply-accumulate".
        elementwise: what it adds for normalisation, activation and pooling: "nothing", …
        transposed: on which positions it counts a transposed convolution.
        source: the package and its version.

    """

    recurs: ClassVar[bool] = True

    unit: str
    elementwise: str
    transposed: str = "input positions"
    source: str = ""

    def __str__(self) -> str:
        """Say it in one line, without the source."""
        return f"{self.unit}; elementwise: {self.elementwise}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Tally(OneLine, ShownOnPaper, Stored, view="tallies"):
    """A counter's result for one forward pass, in `convention`.

    Attributes:
        counter: its name.
        macs: multiply-accumulates of convolutions and matrix products.
        by_operator: MACs by operator; {} where the counter does not report them.
        by_module: MACs by qualified module name; "" is the whole, which is all that some report.
        elementwise: what the counter counts besides MACs, by operator, in its own unit.
        unsupported: operators that the counter does not know, with the number of calls. Each may
            contain multiplications, so `macs` is then a lower bound.
        convention: what the counter counts, in words.

    """

    recurs: ClassVar[bool] = True

    counter: str
    macs: Whole
    by_operator: dict[str, Whole]
    by_module: dict[str, Whole]
    elementwise: dict[str, Whole] = field(default_factory=dict)
    unsupported: dict[str, Whole] = field(default_factory=dict)
    convention: Convention

    @property
    def complete(self) -> bool:
        """Tell whether the counter knew every operator that ran."""
        return not self.unsupported

    def __str__(self) -> str:
        """Show the count, as a lower bound where the counter did not know an operator."""
        bound = "" if self.complete else "≥ "
        return f"{bound}{self.macs:,} MACs ({self.counter})"


@dataclass(frozen=True)
class Unavailable(Stored):
    """A counter that could not count. unavailable: why."""

    recurs: ClassVar[bool] = True

    unavailable: str

    @property
    def reason(self) -> str:
        """Why it could not."""
        return self.unavailable
