"""The Python API: every function and argument with drawn values; each error is of this project."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import math
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pytest
import torch
from fuzz.fuzzing import check_message, check_text, fuzzed, values
from fuzz.test_fuzz_files import HEAD, LINES
from hypothesis import event, given
from hypothesis import strategies as st
from prediction.predictions import calibration

import convbench
from convbench import ConvSpec
from convbench.core.errors import ConvbenchError
from convbench.prediction.calibration import save
from convbench.runs.store import HEADER, RECORDS

SLOT: Final = ConvSpec(in_channels=4, out_channels=8, input_size=(7, 7), kernel_size=3)
LAYER: Final = torch.nn.Linear(4, 4)
X: Final = torch.zeros(2, 4)
POSITIONAL: Final = {"profile": ("module", "inputs"), "predict": ("what", "where")}
SIZES: Final[dict[str, Any]] = {
    "in_channels": 4, "out_channels": 8, "input_size": (7, 7), "kernel_size": 3, "stride": 1,
    "padding": "same", "dilation": 1, "batch": 2, "bias": True, "scale": 2,
}  # fmt: skip
TYPE: Final = ("standard", "grouped", "subpixel", "lite")
CALLS: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    # function: a good value or more for each argument; those in NEEDED are always given
    "ConvSpec": {name: (value,) for name, value in SIZES.items()},
    "cost": {"name": TYPE, "spec": (SLOT,), "groups": (2,), "block": (True,)},
    "build": {"name": TYPE, "spec": (SLOT,), "groups": (2,), "block": (True,)},
    "formula": {
        "name": TYPE, "ratio_to": ("standard",), "quantity": ("parameters",), "dims": (1,),
        "bias": (True,), "stride": (2,), "groups": (2,),
    },
    "sweep": {
        "name": TYPE, "ratio_to": ("standard",), "groups": ([1, 2],),
        **{name: (value, [value]) for name, value in SIZES.items() if name != "scale"},
    },
    "count": {"module": (LAYER,), "inputs": (X, (X,)), "counter": ("torch", "fvcore")},
    "profile": {
        "module": (LAYER, torch.relu), "inputs": (X,), "kwargs": ({},), "backward": (True,),
        "strict": (True,), "shapes": (True,),
    },
    "load_run": {"path": ("drawn",)},
    "compare": {
        "left": ("drawn",), "right": ("other",), "by": ("dtype",), "threshold": (0.1,),
        "drift": (0.2,), "absolute": (True,), "allow": (("torch",), ["all"]),
    },
    "predict": {
        "what": TYPE, "where": (SLOT,), "threads": (1, 2),
        "layout": ("channels_first", "channels_last"), "calibration": ("calibration.json",),
        "any_machine": (True,), "groups": (2,),
    },
    "measure": {
        "work": ({"a": lambda: None},), "budget": (0.01,), "processes": (1,), "seed": (1,),
        "threads": (1,), "device": ("cpu",), "base": ("a",), "target": (0.1,), "min_rounds": (1,),
        "allocator": ("kept", "system"), "grad": (True,), "stopwatch": ("wall",),
        "timeout": (10.0,),
    },
}  # fmt: skip
NEEDED: Final = {
    "name", "spec", "module", "inputs", "what", "where", "path", "left", "work", "budget",
    "processes",
    "in_channels", "out_channels", "input_size", "kernel_size",
}  # fmt: skip
OBJECTS: Final = (
    None, "", [], {}, (), object(), object, math.nan, math.inf, -math.inf, 1j, b"standard",
    Fraction(1, 3), range(3), {1}, print, torch.tensor(3), LAYER, np.arange(3), np.float64(2.5),
    np.int64(-1), "standard", SLOT, (1, None), {"a": None}, {"a": (LAYER, None)}, ["a", 1],
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with two runs, which is the working folder."""
    home = tmp_path_factory.mktemp("api")
    for name in ("drawn", "other"):
        (home / name).mkdir()
        (home / name / HEADER).write_text(json.dumps(HEAD))
        (home / name / RECORDS).write_text("".join(json.dumps(line) + "\n" for line in LINES))
    save(calibration(), home / "calibration.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        yield home


@st.composite
def calls(draw: Any) -> tuple[str, dict[str, Any]]:
    """Return a function and its arguments, of which up to two are not what they should be."""
    name = draw(st.sampled_from([*CALLS]))
    good = CALLS[name]
    given = {
        key: draw(st.sampled_from(found))
        for key, found in good.items()
        if key in NEEDED or not draw(st.integers(0, 3))
    }
    wrong = int(name == "measure")  # a good call of it takes a third of a second
    for key in draw(st.lists(st.sampled_from([*good]), min_size=wrong, max_size=2)):
        given[key] = draw(st.sampled_from(OBJECTS) | values)
    return name, given


def test_every_argument_has_a_good_value():
    assert CALLS.keys() == set(convbench.__all__)
    for name, good in CALLS.items():
        named = {
            key
            for key, one in inspect.signature(getattr(convbench, name)).parameters.items()
            if one.kind is not one.VAR_KEYWORD
        }
        assert named <= good.keys(), name


@fuzzed()
@given(call=calls())
def test_calls(folder, call):
    name, arguments = call
    positional = [arguments.pop(key) for key in POSITIONAL.get(name, ())]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            result = getattr(convbench, name)(*positional, **arguments)
    except ConvbenchError as error:
        event(f"{name}: refused")
        check_message(str(error), several="\\n" in repr(arguments))
        return
    event(f"{name}: accepted")
    if name in {"cost", "formula", "profile", "count", "measure", "predict", "compare", "load_run"}:
        check_text(str(result))
