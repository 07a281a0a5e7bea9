"""torchinfo's summary."""

from __future__ import annotations

from math import prod
from typing import Any

from convbench.counting.base import Answer, Counter, register
from convbench.counting.tally import Convention

_APART = ("Norm", "Embedding")


@register
class Torchinfo(Counter):
    """Multiplies parameters by output positions, module by module: mult-adds, bias among them."""

    name = "torchinfo"
    package = "torchinfo"
    imports = "torchinfo"
    convention = Convention(
        unit="1 per multiply-accumulate, and 1 per output with a bias",
        elementwise="normalisation 1 per weight and sample",
        transposed="output positions",
    )
    in_runs = False
    leaves_traces = True

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its total of mult-adds; normalisation, look-ups and bias are parts."""
        found = self.load().summary(module, input_data=list(inputs), verbose=0)
        parts: dict[str, int] = {}
        for layer in found.summary_list:
            if not layer.is_leaf_layer:
                continue
            apart = any(kind in layer.class_name for kind in _APART)
            name = layer.class_name if apart else "bias"
            number = layer.macs if apart else _bias(layer)
            if number:
                parts[name] = parts.get(name, 0) + number
        return Answer(value=int(found.total_mult_adds), parts=parts)


def _bias(layer: Any) -> int:
    """Return what a layer's biases add, by the tool's rule for each kind of layer."""
    shape = tuple(layer.output_size)
    names = {name: held.numel() for name, held in layer.module.named_parameters() if "bias" in name}
    if "Conv" in layer.class_name:
        places = prod(shape[:1] + shape[2:])
    else:
        places = shape[0] if set(names) == {"bias"} else prod(shape[:2])
    return int(sum(names.values()) * places)
