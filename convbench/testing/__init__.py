"""Assertions for your tests: types, counts and times.

    from convbench.testing import assert_faster, assert_multiplications, check_conv

    contract   check_conv: the contract that every registered convolution type keeps
    counts     assert_multiplications, assert_cost_at_most: exact, computing nothing
    speed      assert_faster: fails only where the whole interval of the ratio does

They need no test runner. In pytest the fixture `convbench` has the same and more; see
`convbench.pytest_plugin`. Importing this module does not import torch.
"""

from convbench.testing.contract import (
    CLAUSES,
    COUNTS,
    LITERAL_LIMIT,
    SYMBOLIC_COUNTS,
    Built,
    check_arrays,
    check_conv,
    check_conv_in,
    check_symbols,
    draw_slot,
)
from convbench.testing.counts import assert_cost_at_most, assert_multiplications
from convbench.testing.speed import CannotTellError, Faster, assert_faster, compare_speed, judge

__all__ = [
    "CLAUSES",
    "COUNTS",
    "LITERAL_LIMIT",
    "SYMBOLIC_COUNTS",
    "Built",
    "CannotTellError",
    "Faster",
    "assert_cost_at_most",
    "assert_faster",
    "assert_multiplications",
    "check_arrays",
    "check_conv",
    "check_conv_in",
    "check_symbols",
    "compare_speed",
    "draw_slot",
    "judge",
]
