"""How long `profile` takes beside other counters, a plain forward and the floor: compare ratios.

pytest runs the groups; `python benchmarks/test_profiling.py` times all of them in turns, one round
after another in one process, and prints how many times longer than `profile` each takes.
"""

import gc
import importlib
import importlib.util
import statistics
import subprocess
import sys
import time
from math import prod
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # fvcore traces: its warnings are its own

NETWORKS = {"osnet_x1_0": (256, 128), "resnet50": (224, 224)}
ROUNDS = 11
LARGE = 1024
MEMORY_MB = {"forward": 6, "backward": 16}
"""What counting may hold at its peak beyond what importing holds, in megabytes: a few, and the
graph of autograd where the backward pass is counted too."""


def _torchvision():
    """Import torchvision, whose compiled part need not load: no layer here is in it."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: pip install --no-deps torchvision")
    from convbench.core.torchvision_import import declare_operators

    declare_operators()
    return importlib.import_module("torchvision")


def network(name, device="cpu"):
    """Return the module and an input of its own size."""
    import torch

    from convbench.networks.base import NETWORKS as REGISTERED

    with torch.device(device):
        if name in REGISTERED:
            module = REGISTERED[name].build()
        else:
            module = _torchvision().models.get_model(name, weights=None)
        return module.eval(), torch.zeros(1, 3, *NETWORKS[name])


def counters(name):
    """Return what is compared: a label, and a call without arguments."""
    import torch
    from fvcore.nn import FlopCountAnalysis
    from torch.utils.flop_counter import FlopCounterMode

    from convbench.counting.engine.run import profile

    module, inputs = network(name)
    on_meta = network(name, "meta")
    shapes = layer_shapes(*on_meta)

    def by_fvcore():
        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(enabled=False)
        analysis.uncalled_modules_warnings(enabled=False)
        return analysis.total()

    def by_torch(module, inputs):
        with torch.no_grad(), FlopCounterMode(display=False) as mode:
            module(inputs)
        return mode.get_total_flops() // 2

    def plain(module, inputs):
        with torch.inference_mode():
            module(inputs)

    return {
        "profile": lambda: profile(module, inputs).total.multiplications,
        "fvcore": by_fvcore,
        "FlopCounterMode": lambda: by_torch(module, inputs),
        "FlopCounterMode on meta": lambda: by_torch(*on_meta),
        "plain forward": lambda: plain(module, inputs),
        "plain forward on meta": lambda: plain(*on_meta),
        "floor": lambda: floor(shapes),
    }


def layer_shapes(module, inputs):
    """Return the numbers that each convolution and linear layer multiplies."""
    import torch
    from torch import nn

    shapes = []

    def note(layer, _, result):
        if isinstance(layer, nn.Conv2d):
            taps = (layer.in_channels // layer.groups, *layer.kernel_size)
            shapes.append((*result.shape, *taps))
        else:
            shapes.append((*result.shape, layer.in_features))

    layers = [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        module(inputs)
    for handle in handles:
        handle.remove()
    return shapes


def floor(shapes):
    """Count by the closed form over the layers' shapes: no counter can be faster."""
    return sum(prod(shape) for shape in shapes)


def ratios(name, rounds=ROUNDS):
    """Return the median time of each in seconds, measured in turns in this process."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    calls = counters(name)
    times = {label: [] for label in calls}
    for call in calls.values():
        call()
    gc.collect()
    for _ in range(rounds):
        for label, call in calls.items():
            began = time.perf_counter()
            call()
            times[label].append(time.perf_counter() - began)
    torch.set_num_threads(threads)
    return {label: statistics.median(taken) for label, taken in times.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_ratios_that_are_promised(name):
    """Ten times as fast as fvcore on OSNet, five times on ResNet-50, and than a plain forward."""
    taken = ratios(name)
    one = taken["profile"]
    print("\n" + report(name, taken))  # noqa: T201  the measurement is the point
    assert taken["fvcore"] / one >= {"osnet_x1_0": 10, "resnet50": 5}[name]
    assert taken["plain forward"] > one
    assert taken["FlopCounterMode"] > one
    assert taken["FlopCounterMode on meta"] > one


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "counter",
    ["profile", "fvcore", "FlopCounterMode", "FlopCounterMode on meta", "plain forward", "floor"],
)
def test_counting(benchmark, name, counter):
    """Count once."""
    call = counters(name)[counter]
    benchmark.group = f"profiling {name}"
    benchmark.pedantic(call, rounds=5, warmup_rounds=1)


PEAK = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {here!r})
from test_profiling import NETWORKS, network
from convbench.counting.engine.run import profile
NETWORKS["resnet50"] = ({size}, {size})
module, _ = network("resnet50", "meta")
def high():  # in kB; getrusage's would begin at the peak of the process that started this one
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1])
before = high()
inputs = torch.empty(1, 3, {size}, {size}, device="meta")
macs = profile(module, inputs, backward={backward}).forward.multiplications
print(macs, (high() - before) / 1024)
"""


def peak(size=LARGE, *, backward=False):
    """Return the multiplications of ResNet-50, and the megabytes that counting them added."""
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from Linux's /proc")
    _torchvision()
    here = __file__.rpartition("/")[0]
    code = PEAK.format(here=here, size=size, backward=backward)
    done = subprocess.run(  # noqa: S603  our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    macs, megabytes = done.stdout.split()
    return int(macs), float(megabytes)


@pytest.mark.parametrize("what", MEMORY_MB)
def test_the_memory_that_is_promised(what):
    """ResNet-50 at 1024×1024: a plain forward holds 256 MB, autograd 1.7 GB; counting nothing."""
    macs, megabytes = peak(backward=what == "backward")
    assert macs == 85_414_854_656
    assert megabytes < MEMORY_MB[what]


def report(name, taken):
    """Return the lines of the comparison."""
    one = taken["profile"]
    lines = [f"{name}: profile {one * 1e3:.2f} ms; as many times as long take"]
    lines += [
        f"  {label:24} {time / one:8.3f}" for label, time in taken.items() if label != "profile"
    ]
    return "\n".join([*lines, f"  profile is {one / taken['floor']:.0f} floors"])


if __name__ == "__main__":
    for chosen in NETWORKS:
        print(report(chosen, ratios(chosen)))  # noqa: T201  what it is for
    for both in (False, True):
        counted = peak(backward=both)
        print(f"ResNet-50 {LARGE}², backward={both}: {counted[0]:,} MACs, +{counted[1]:.1f} MB")  # noqa: T201
