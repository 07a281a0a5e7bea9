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
