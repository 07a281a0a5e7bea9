"""What the Python API says where an argument is of the wrong kind: one clear error, of its own."""

import pytest
import torch

import convbench
from convbench import ConvSpec
from convbench.core.errors import ConvbenchError

SLOT = ConvSpec(in_channels=3, out_channels=8, input_size=(7, 7), kernel_size=3)
HUGE = ConvSpec(in_channels=10**9, out_channels=10**9, input_size=(7, 7), kernel_size=3)
LAYER, X = torch.nn.Linear(4, 4), torch.zeros(2, 4)
WORK = {"a": (LAYER, X)}
SIZES = {"out_channels": 8, "input_size": (7, 7), "kernel_size": 3}

CALLS = {
    "no convolution type None": lambda: convbench.cost(None, SLOT),
    "no convolution type ['standard']": lambda: convbench.cost(["standard"], SLOT),
    "no convolution type 3": lambda: convbench.build(3, SLOT),
    "no convolution type b'standard'": lambda: convbench.formula(b"standard"),
    "no convolution type 0": lambda: convbench.formula("standard", ratio_to=0),
    "no convolution type {}": lambda: convbench.sweep({}, in_channels=3, **SIZES),
    "standard is given a NoneType for its slot": lambda: convbench.cost("standard", None),
    "standard is given a str for its slot": lambda: convbench.build("standard", "x"),
    "cannot be built for 1000000000→1000000000": lambda: convbench.build("standard", HUGE),
    "no counter 3": lambda: convbench.count(LAYER, X, counter=3),
    "budget=None: give a number": lambda: convbench.measure(WORK, budget=None),
    "budget=True: give a number": lambda: convbench.measure(WORK, budget=True),
    "grad='no': give True or False": lambda: convbench.measure(WORK, grad="no"),
    "None is no run folder": lambda: convbench.load_run(None),
    "3 is no run folder": lambda: convbench.load_run(3),
    "None is no run folder: give": lambda: convbench.compare(None, None),
    "4 is no run folder": lambda: convbench.compare("reports/cpu-quick", 4),
    "in_channels has 14285 bits": lambda: ConvSpec(in_channels=10**4300, **SIZES),
    "in_channels has 64 bits": lambda: ConvSpec(in_channels=2**63, **SIZES),
}


@pytest.mark.parametrize("says", CALLS)
def test_an_argument_of_the_wrong_kind_is_named(says):
    with pytest.raises(ConvbenchError) as caught:
        CALLS[says]()
    assert says in str(caught.value)
    assert len(str(caught.value)) < 500
