"""Arithmetic that holds for integers, NumPy integer arrays and SymPy expressions alike.

A plan is written once with these and the operators + - * //: integers give counts, arrays give a
sweep of many shapes at once, symbols give the formula. NumPy and SymPy are imported only when one
of their objects comes in, so deriving a count costs neither import.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

from convbench.core.errors import SpecError
from convbench.core.serialization import Whole

Quantity: TypeAlias = Annotated[Any, Whole]
"""An int, an integer NumPy array or a SymPy expression; in a file an int."""

_INT64_LIMIT = 2.0**63


def is_symbolic(*values: Quantity) -> bool:
    """Tell whether one of the values is a SymPy expression."""
    return any(hasattr(value, "free_symbols") for value in values)


def is_array(*values: Quantity) -> bool:
    """Tell whether one of the values is a NumPy array."""
    return any(hasattr(value, "__array_namespace__") or hasattr(value, "ndim") for value in values)


def product(*factors: Quantity) -> Quantity:
    """Multiply the factors.

    Integers and symbols are exact at any size. An array that would pass 2**63 raises SpecError
    instead of wrapping around to a wrong count.
    """
    result: Quantity = 1
    for factor in factors:
        result = result * factor
    if is_array(*factors):
        import numpy as np

        bound = 1.0
        for factor in factors:
            bound = bound * np.abs(np.asarray(factor, dtype=float))
        if np.any(bound >= _INT64_LIMIT):
            raise too_many()
    return result


def too_many() -> SpecError:
    """Return the error for a count that 64-bit array arithmetic cannot hold."""
    return SpecError(
        "A count of these sizes passes 2**63, which 64-bit array arithmetic cannot hold: give "
        "these shapes one by one as plain integers, which have no limit."
    )


def maximum(a: Quantity, b: Quantity) -> Quantity:
    """Return the larger of two quantities, element by element for arrays."""
    if is_symbolic(a, b):
        import sympy

        # left as it is until numbers come in: to order two floors, SymPy may think for minutes
        return a if a == b else sympy.Max(a, b, evaluate=False)
    if is_array(a, b):
        import numpy as np

        return np.maximum(a, b)
    return max(a, b)


def minimum(a: Quantity, b: Quantity) -> Quantity:
    """Return the smaller of two quantities, element by element for arrays."""
    return -maximum(-a, -b)


def exact(numerator: Quantity, denominator: Quantity) -> Quantity:
    """Divide where the type's requirements have made sure that nothing remains."""
    if is_symbolic(numerator, denominator):
        return numerator / denominator
    return numerator // denominator


def ceil_div(numerator: Quantity, denominator: Quantity) -> Quantity:
    """Divide and round up."""
    return -(-numerator // denominator)


def sum_of_floors(count: int, step: int, start: int, divisor: int) -> int:
    """Return the sum of (start + step*i) // divisor over i from 0 to count - 1.

    In as many steps as Euclid's algorithm takes (Graham, Knuth, Patashnik: Concrete Mathematics,
    section 3.5), however large the count. start, step: at least 0.
    """
    total = 0
    while count > 0:
        total += step // divisor * (count * (count - 1) // 2) + start // divisor * count
        step, start = step % divisor, start % divisor
        highest = step * count + start
        count, start = divmod(highest, divisor)
        step, divisor = divisor, step
    return total


def ratio(numerator: Quantity, denominator: Quantity) -> Quantity:
    """Divide exactly: a Fraction for integers, a float array, or a SymPy quotient."""
    if is_symbolic(numerator, denominator) or is_array(numerator, denominator):
        return numerator / denominator
    return Fraction(numerator, denominator)


def ceiling(value: Quantity) -> Quantity:
    """Round up to a whole number."""
    if is_symbolic(value):
        import sympy

        return sympy.ceiling(value)
    if is_array(value):
        import numpy as np

        return np.ceil(value).astype(np.int64)
    return -(-value // 1)


def gcd(a: Quantity, b: Quantity) -> Quantity:
    """Return the greatest common divisor."""
    if is_symbolic(a, b):
        import sympy

        return sympy.gcd(a, b)
    if is_array(a, b):
        import numpy as np

        return np.gcd(a, b)
    return math.gcd(a, b)


def indicator(a: Quantity, b: Quantity) -> Quantity:
    """Return 1 where a equals b and 0 elsewhere; a Piecewise for symbols."""
    if is_symbolic(a, b):
        import sympy

        return sympy.Piecewise((1, sympy.Eq(a, b)), (0, True))
    if is_array(a, b):
        import numpy as np

        return np.equal(a, b).astype(np.int64)
    return int(a == b)


def same(a: Quantity, b: Quantity) -> Any:
    """Tell whether a equals b: bool, mask, or True where symbols leave it open."""
    return True if is_symbolic(a, b) else a == b


def divides(divisor: Quantity, value: Quantity) -> Any:
    """Tell whether divisor divides value: bool, mask, or True where symbols leave it open."""
    return True if is_symbolic(divisor, value) else value % divisor == 0


def at_least(a: Quantity, b: Quantity) -> Any:
    """Tell whether a >= b: bool, mask, or True where symbols leave it open."""
    return True if is_symbolic(a, b) else a >= b


def holds(condition: Any) -> bool:
    """Tell whether a condition is true everywhere."""
    return bool(condition.all()) if is_array(condition) else bool(condition)
