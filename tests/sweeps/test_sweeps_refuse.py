"""What a sweep cannot be is one message: the field, the value, the remedy."""

import itertools

import pytest

from convbench.core.errors import SpecError, UnknownNameError
from convbench.formulas.sweeps import sweep

PLAIN = {"in_channels": 4, "out_channels": 4, "input_size": "9x9", "kernel_size": 3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_channels": 0}, r"in_channels=0 holds 0: give 1 to"),
        ({"in_channels": 2.5}, r"in_channels=2.5 is not a whole number: give an integer"),
        ({"out_channels": True}, r"out_channels=True is not a whole number"),
        ({"kernel_size": []}, r"kernel_size=\[\] has no values: give at least one"),
        ({"kernel_size": "3y"}, r"kernel_size='3y' is not a whole number.*'56x28'"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size=3x3x3 has 3 numbers and input_size 2"),
        ({"padding": "valid"}, r"padding='valid' is not a whole number.*'same'"),
        ({"padding": -1}, r"padding=-1 holds -1: give 0 to"),
        ({"input_size": ["9x9", 9]}, r"different numbers of axes, 9x9 \(2\) and 9 \(1\)"),
        ({"input_size": "2x2x2x2"}, r"input_size=.*give one to 3 numbers"),
        ({"bias": "yes"}, r"bias='yes' is neither True nor False"),
        ({"speed": 3}, r"speed: a sweep of standard has no such field. It has input_size"),
        ({"scale": 2}, r"scale=2: standard does not upsample"),
        ({"ratio_to": "transposed"}, r"ratio_to='transposed': .* never fill the same slot"),
        ({"in_channels": range(1, 10_001), "batch": range(1, 10_001)}, r"100,000,000 combinations"),
        ({"in_channels": range(1, 10**9)}, r"999,999,999 combinations"),
        ({"in_channels": range(1, 10**30)}, r"a sweep takes 50,000,000"),
        (
            {"in_channels": itertools.count(1)},
            r"in_channels=count.* has no length.*give a list",
        ),
        ({"padding": iter(int, 1)}, r"padding=<callable_iterator.* has no length"),
        (
            {"in_channels": [2**30], "out_channels": [2**30], "batch": [2**20, 1]},
            r"2\*\*63.*one by one",
        ),
        ({"in_channels": 2**30, "out_channels": 2**30, "batch": 2**20}, r"2\*\*63.*one by one"),
    ],
)
def test_bad_input_is_one_message(changes, message):
    with pytest.raises(SpecError, match=message):
        sweep("standard", **{**PLAIN, **changes})


def test_a_sum_that_wraps_is_refused():
    """Each of the two layers stays below 2**63 and their sum does not."""
    sizes = {"in_channels": [2**20], "out_channels": [2**20, 1], "batch": 2**21}
    sweep("standard", input_size=[3], kernel_size=1, **sizes)
    with pytest.raises(SpecError, match=r"passes 2\*\*63.*convbench.cost"):
        sweep("shuffled_grouped", groups=1, input_size=[3], kernel_size=1, **sizes)


def test_missing_fields_are_named():
    with pytest.raises(SpecError, match="needs kernel_size, out_channels"):
        sweep("standard", in_channels=1, input_size=5)
    with pytest.raises(SpecError, match="needs scale"):
        sweep("transposed", **PLAIN)


def test_unknown_types_and_bad_knobs():
    with pytest.raises(UnknownNameError, match="depthwise"):
        sweep("depthwize", **PLAIN)
    with pytest.raises(SpecError, match="groups=0"):
        sweep("grouped", groups=[1, 0], **PLAIN)
    with pytest.raises(SpecError, match="fraction='x' of partial"):
        sweep("partial", fraction=["1/2", "x"], **PLAIN)


def test_importing_sweeps_imports_no_torch():
    import subprocess
    import sys

    program = (
        "import sys, convbench.formulas.sweeps, convbench.formulas.tracing; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr
