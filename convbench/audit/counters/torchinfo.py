"""torchinfo's summary."""

from __future__ import annotations

from typing import Any, ClassVar

from convbench.audit.counter import Answer, Tool, register, split


@register
class Torchinfo(Tool):
    """Multiplies parameters by output positions, module by module: mult-adds, bias among them."""

    name = "torchinfo"
    package = "torchinfo"
    convention = "1 for each weight and bias at each output position; normalisation's weights too"
    extras: ClassVar[dict[str, int]] = {"bias": 1}

    def load(self) -> None:
        """Import torchinfo."""
        import torchinfo  # noqa: F401  imported so that it is there

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Return its total of mult-adds; the layers of normalisation are parts."""
        del backward
        from torchinfo import summary

        found = summary(module, input_data=list(inputs), verbose=0)
        counts: dict[str, int] = {}
        for layer in found.summary_list:
            if layer.is_leaf_layer:
                counts[layer.class_name] = counts.get(layer.class_name, 0) + layer.macs
        value, parts = split(counts, lambda kind: "Norm" not in kind)
        del value
        return Answer(value=int(found.total_mult_adds), parts=parts)
