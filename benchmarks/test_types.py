"""How long each convolution type takes in one slot: 64 channels on 56×56."""

import pytest

from convbench import ConvSpec, build
from convbench.convs.base import TYPES, make

SLOT = ConvSpec(in_channels=64, out_channels=64, input_size=(56, 56), kernel_size=3, padding="same")
UPSAMPLING = ConvSpec(
    in_channels=64, out_channels=64, input_size=(28, 28), kernel_size=3, padding="same", scale=2
)


@pytest.mark.parametrize("name", list(TYPES))
def test_forward(benchmark, name):
    """One forward pass, in inference mode, on the CPU."""
    import torch

    kind = make(name)
    spec = UPSAMPLING if kind.upsamples else SLOT
    if reason := kind.fits(spec):
        pytest.skip(reason)
    module, inputs = build(name, spec).eval(), torch.randn(spec.input_shape)
    benchmark.group = "upsampling to 56×56" if kind.upsamples else SLOT.label
    benchmark.extra_info["multiplications"] = kind.cost(spec).multiplications
    with torch.inference_mode():
        result = benchmark(module, inputs)
    assert tuple(result.shape) == spec.output_shape
