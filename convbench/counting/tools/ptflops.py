"""ptflops, with each of its two backends."""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any, ClassVar

from convbench.core.torchvision_import import declare_operators
from convbench.counting.base import Answer, Counter, Refusal, register
from convbench.counting.tally import Convention
from convbench.counting.tool_output import arguments


class _Ptflops(Counter):
    """Counts multiply-accumulates and bias."""

    package = "ptflops"
    imports = "ptflops"
    in_runs = False
    leaves_traces = True
    backend: ClassVar[str]

    def load(self) -> Any:
        """Import ptflops, which imports torchvision where that is installed."""
        declare_operators()
        return super().load()

    def ask(self, module: Any, inputs: tuple[Any, ...], **options: Any) -> int:
        """Return its number; it prints and returns None where it cannot count."""
        one = inputs[0] if len(inputs) == 1 else None
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            macs, _ = self.load().get_model_complexity_info(
                module,
                (1,),
                input_constructor=lambda _: arguments(module, inputs) if one is None else one,
                as_strings=False,
                print_per_layer_stat=False,
                backend=self.backend,
                **options,
            )
        if macs is None:
            said = told.getvalue().strip().splitlines()
            raise Refusal(said[1] if len(said) > 1 else "it returned nothing")
        return round(float(macs))


@register
class PtflopsAten(_Ptflops):
    """The backend that watches operators."""

    name = "ptflops (aten)"
    backend = "aten"
    convention = Convention(
        unit="1 per multiply-accumulate, and 1 per output with a bias", elementwise="nothing"
    )
    extras: ClassVar[dict[str, int]] = {"bias": 1}

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its number."""
        return Answer(value=self.ask(module, inputs))


@register
class PtflopsPytorch(_Ptflops):
    """The backend that hooks modules and functions; its number is the mean of one sample."""

    name = "ptflops (pytorch)"
    backend = "pytorch"
    convention = Convention(
        unit="1 per multiply-accumulate, and 1 per output with a bias; the mean of one sample",
        elementwise="normalisation, activation, pooling and resize",
    )
    extras: ClassVar[dict[str, int]] = {
        "bias": 1,
        "relu": 1,
        "averaged": 1,
        "resized": 1,
        "pooled": 1,
        "max pooled": 1,
    }
    per_sample = True
    averaged = frozenset({"bias"})

    def count(self, module: Any, inputs: tuple[Any, ...], *, backward: bool = False) -> Answer:
        """Return its number; what its option to ignore modules takes away is a part."""
        mapping = importlib.import_module("ptflops.pytorch_ops").MODULES_MAPPING
        value = self.ask(module, inputs)
        keep = ("Conv", "Linear", "RNN", "GRU", "LSTM", "Attention")
        apart = [kind for kind in mapping if not any(k in kind.__name__ for k in keep)]
        without = self.ask(module, inputs, ignore_modules=apart)
        parts = {"elementwise modules": value - without} if value != without else {}
        return Answer(value=value, parts=parts)
