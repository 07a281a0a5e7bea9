"""convbench's own profile."""

from __future__ import annotations

from typing import Any

from convbench.audit.counter import Answer, Tool, register
from convbench.core.version import __version__


@register
class Convbench(Tool):
    """The profile of this package."""

    name = "convbench"
    package = "convbench"
    convention = "1 for each multiply-accumulate; bias and elementwise work in columns of their own"
    backward = True

    def load(self) -> None:
        """Import the profile."""
        from convbench.counting.engine import run  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return the total and the operators without a rule."""
        from convbench.counting.engine.run import profile

        found = profile(module, *inputs, backward=backward)
        return Answer(
            value=int(found.total.multiplications), unknown=tuple(sorted(found.unsupported))
        )

    @property
    def version(self) -> str:
        """The version of this package, installed or not."""
        return __version__
