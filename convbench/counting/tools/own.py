"""convbench's own profile."""

from __future__ import annotations

from typing import Any

from convbench.core.version import __version__
from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention


@register
class Convbench(Counter):
    """The profile of this package: 1 per multiply-accumulate, all else in columns of its own."""

    name = "convbench"
    package = "convbench"
    imports = "convbench.counting.engine.run"
    convention = Convention(
        unit="1 per multiply-accumulate, bias in a column of its own",
        elementwise="a column of its own",
    )
    backward = True
    in_runs = False

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return the total and the operators without a rule."""
        found = self.load().profile(module, *inputs, backward=backward)
        return Answer(
            value=int(found.total.multiplications),
            by_operator={
                name: counts.multiplications for name, counts in found.by_operator.items()
            },
            unknown=dict(found.unsupported),
        )

    @property
    def version(self) -> str:
        """The version of this package, installed or not."""
        return __version__
