"""What the Python API says where an argument is of the wrong kind: one clear error, of its own."""

import inspect
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from prediction.predictions import calibration

import convbench
from convbench import ConvSpec
from convbench.core.errors import ConvbenchError

SLOT = ConvSpec(in_channels=3, out_channels=8, input_size=(7, 7), kernel_size=3)
HUGE = ConvSpec(in_channels=10**9, out_channels=10**9, input_size=(7, 7), kernel_size=3)
LAYER, X = torch.nn.Linear(4, 4), torch.zeros(2, 4)
WORK = {"a": (LAYER, X)}
CALIBRATION = calibration((1,))
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


RUN = Path(__file__).parents[2] / "reports" / "cpu-quick"
GOOD = {
    # of each public function, arguments with which it is called, one of them replaced
    "ConvSpec": {
        "in_channels": 3, **SIZES, "stride": 1, "padding": 0, "dilation": 1, "batch": 1,
        "bias": False, "scale": None,
    },
    "build": {"name": "grouped", "spec": SLOT, "block": False},
    "compare": {
        "left": RUN, "right": RUN, "by": None, "threshold": 0.05, "drift": 0.1, "absolute": False,
        "allow": (),
    },
    "cost": {"name": "grouped", "spec": SLOT, "groups": 1, "block": False},
    "count": {"module": LAYER, "inputs": X, "counter": "torch"},
    "formula": {
        "name": "grouped", "ratio_to": None, "quantity": "multiplications", "dims": 2,
        "bias": False, "stride": 1, "groups": 2,
    },
    "load_run": {"path": RUN},
    "measure": {
        "work": WORK, "budget": 0.01, "processes": 1, "seed": 0, "threads": 1, "device": "cpu",
        "base": None, "target": None, "min_rounds": 1, "allocator": "kept", "grad": False,
        "stopwatch": "", "timeout": 60.0,
    },
    "predict": {
        "what": "grouped", "where": SLOT, "threads": 1, "layout": "channels_first",
        "calibration": CALIBRATION, "any_machine": False, "groups": 2,
    },
    "profile": {
        "module": LAYER, "inputs": X, "kwargs": None, "backward": False, "strict": False,
        "shapes": False,
    },
    "sweep": {"name": "grouped", "ratio_to": None, "in_channels": 4, **SIZES, "groups": 2},
}  # fmt: skip


class Mute:
    """An object that cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


STRANGE = {
    "nothing": None, "no text": "", "an empty list": [], "an empty table": {}, "a huge number":
    10**400, "nan": math.nan, "a negative number": -1, "an object": object(), "bytes": b"x",
    "a long text": "x" * 5000, "a set": {1}, "a list of other things": ["x", None],
    "an array": np.arange(3), "a tensor": torch.arange(3), "an array in a list": [np.arange(3)],
    "an array in a tuple": (np.arange(3),), "an object without words": Mute(),
    "one in a list": [Mute()], "one in a table": {"a": Mute()},
}  # fmt: skip
SENSIBLE = {
    # what one of these stands for something sensible in
    "nothing": {
        "by", "ratio_to", "scale", "kwargs", "base", "target", "threshold", "drift",
        "timeout",
    },
    "no text": {"stopwatch"},
    "an empty list": {"allow"},
    "an empty table": {"kwargs"},
    "a huge number": {"seed"},
    "a negative number": {"seed"},
    "an array": {"padding"},
}  # fmt: skip
POSITIONAL = {"profile": ("module", "inputs"), "predict": ("what", "where")}


@pytest.fixture(autouse=True)
def _nothing_kept(tmp_path, monkeypatch):
    """Have no calibration of this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize(
    ("function", "argument"), [(name, key) for name, given in GOOD.items() for key in given]
)
def test_no_argument_is_met_by_an_error_of_python_or_of_another_library(function, argument, what):
    given = {**GOOD[function], argument: STRANGE[what]}
    first = [given.pop(name) for name in POSITIONAL.get(function, ())]
    if argument in SENSIBLE.get(what, ()):
        getattr(convbench, function)(*first, **given)
        return
    with pytest.raises(ConvbenchError) as caught:
        getattr(convbench, function)(*first, **given)
    said = str(caught.value)
    assert 20 < len(said) < 4100
    assert "no words" not in said
    assert " at 0x" not in said


def test_every_public_function_is_among_these_with_all_its_arguments():
    assert set(GOOD) == set(convbench.__all__)
    for name, given in GOOD.items():
        parameters = inspect.signature(getattr(convbench, name)).parameters.values()
        kinds = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
        assert {one.name for one in parameters if one.kind not in kinds} <= set(given)
