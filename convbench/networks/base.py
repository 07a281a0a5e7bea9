"""What a network is: a plan and a module, found by name."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convbench.core.arithmetic import Quantity
from convbench.core.costs import Cost, Step, total
from convbench.core.registry import Registry

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network family: a frozen dataclass whose fields are its knobs.

    Register instances: `NETWORKS.register("osnet_x1_0")(OSNet(width=1.0))`.
    """

    paper: ClassVar[str] = ""
    input_size: ClassVar[tuple[int, ...]] = (224, 224)
    """Usual height and width of the family's input."""
    in_channels: ClassVar[int] = 3
    in_all: ClassVar[bool] = False
    """Whether `names = "all"` in a suite includes the family."""

    @property
    def is_baseline(self) -> bool:
        """Whether the ratios of a group are relative to this network."""
        return False

    def plan(self, batch: Quantity, size: tuple[Quantity, ...]) -> tuple[Step, ...]:
        """Return the steps of inference, in order, for an input of (batch, in_channels, *size)."""
        raise NotImplementedError

    def build(self) -> nn.Module:
        """Return the module, with newly initialised weights."""
        raise NotImplementedError

    def published(self, size: tuple[int, ...]) -> dict[str, tuple[str, str]]:
        """Return published figures at this input size: quantity -> (as printed, source)."""
        del size
        return {}

    def published_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Return the input sizes for which multiplications are published."""
        return ()

    def cost(self, batch: Quantity = 1, size: tuple[Quantity, ...] | None = None) -> Cost:
        """Return the summed cost of the plan, at the family's input size unless given."""
        return total(self.plan(batch, self.input_size if size is None else size))

    def knobs(self) -> dict[str, Any]:
        """Return the knobs by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _load_networks() -> None:
    import convbench.networks as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        if not module.name.endswith("_modules"):  # torch lives there
            importlib.import_module(f"{package.__name__}.{module.name}")


NETWORKS: Final[Registry[Network]] = Registry("network", _load_networks)
"""Every registered network by name."""
