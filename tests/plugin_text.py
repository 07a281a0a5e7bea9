"""A convolution type in a file of its own, as a user would write one."""

PLUGIN = '''
from dataclasses import dataclass
from convbench.convs.base import ConvType, register

@register("doubled")
@dataclass(frozen=True, kw_only=True)
class Doubled(ConvType):
    """Two standard convolutions' worth of channels, made by one, and half of them dropped.

    It pays nowhere: it is here to be tested.
    """

    paper = "none"

    def plan(self, spec):
        return (self.conv(spec, "convolution", spec.in_channels, spec.out_channels),)

    def build(self, spec):
        from convbench.core import modules
        return modules.convolution(
            spec.in_channels, spec.out_channels, spec.axes, bias=spec.bias
        )
'''

NETWORK = '''
from dataclasses import dataclass
from convbench.convs.standard import Standard
from convbench.core.spec import ConvSpec
from convbench.networks.base import NETWORKS, Network

@dataclass(frozen=True, kw_only=True)
class Tiny(Network):
    """One standard convolution."""

    input_size = (32, 32)
    channels: int = 4

    @property
    def is_baseline(self):
        return self.channels == 8

    def _slot(self, batch, size):
        return ConvSpec(in_channels=3, out_channels=self.channels, input_size=size,
                        kernel_size=3, padding="same", batch=batch)

    def plan(self, batch, size):
        return Standard().plan(self._slot(batch, size))

    def build(self):
        return Standard().build(self._slot(1, self.input_size))

    def published(self, size):
        return {"multiplications": ("110.6 k", "a paper")} if size == (32, 32) else {}

NETWORKS.register("tiny_4")(Tiny())
NETWORKS.register("tiny_8")(Tiny(channels=8))
'''
