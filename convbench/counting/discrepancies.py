"""Why a counter shows another number for a model: its number as a sum of what it is made of.

Multiplications come from convbench's own profile, the rest from what the tool lists apart, from
what its adapter declares, and from operators that it leaves out. What is left over is said to be
unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from torch import nn

from convbench.core.errors import one_line
from convbench.counting.base import COUNTERS, CountError, ask, untouched
from convbench.counting.census import census, declared
from convbench.counting.zero_cost import is_zero_by_rule


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of a tool's number, in the tool's unit; negative for what it leaves out."""

    text: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A tool's number for a model and what it is made of; the terms and the rest add up to it.

    multiplications: convbench's own count. unit: the tool's operations for one of them. unknown:
    operators that the tool does not know, where its number is not explained without them.
    """

    counter: str
    value: int
    multiplications: int
    unit: int
    terms: tuple[Term, ...]
    unexplained: int
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in one sentence."""
        factor = "" if self.unit == 1 else f"{self.unit} × "
        sentence = f"{self.counter}: {self.value:,} = {factor}{self.multiplications:,}"
        for term in self.terms:
            sentence += f" {_signed(term.amount)} ({term.text})"
        if self.unexplained:
            sentence += f" {_signed(self.unexplained)}; unexplained: {self.unexplained:+,}"
        if self.unknown:
            sentence += f"; it does not know {', '.join(self.unknown)}"
        return sentence


def translate(module: nn.Module, inputs: Any, name: str) -> Translation:
    """Say what the number of the counter `name` for module(*inputs) is made of.

    inputs: a tensor, or a tuple of the forward's arguments. The module is left as it was.

    Raises:
        UnknownNameError: a counter that there is not.
        CountError: one that is not installed or that cannot count this module.

    """
    from convbench.counting.engine.run import profile

    counter = COUNTERS[name]
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    own = profile(module, *given)
    try:
        answer = ask(counter, module, given)
        listed = _terms(answer.parts)
    except ImportError as error:
        raise CountError(
            f"{name} cannot be imported ({error}): pip install {counter.package}."
        ) from error
    except Exception as error:
        raise CountError(
            f"{name} cannot count {type(module).__name__}: {one_line(error)}. Ask another "
            "counter, or convbench profile alone."
        ) from error
    unit, macs = counter.unit, int(own.total.multiplications)
    with untouched(module):
        beside = declared(counter, module, given)
        if counter.convention.transposed != "input positions":
            places = census(module, given).get("over outputs", 0)
            beside["transposed convolutions over output positions"] = unit * places
    left_out = {
        f"{operator}, which it leaves out": -unit * counts.multiplications
        for operator, counts in own.by_operator.items()
    }
    rest = answer.value - unit * macs - sum(term.amount for term in listed)
    found = _explain(rest, _terms(beside), _terms(left_out))
    rest -= sum(term.amount for term in found)
    unknown = {**answer.unknown, **answer.unsaid} if rest else {}
    return Translation(
        counter=name,
        value=answer.value,
        multiplications=macs,
        unit=unit,
        terms=(*listed, *found),
        unexplained=rest,
        unknown=tuple(operator for operator in sorted(unknown) if not is_zero_by_rule(operator)),
    )


def _terms(amounts: dict[str, int]) -> list[Term]:
    return [Term(text=text, amount=amount) for text, amount in amounts.items() if amount]


def _signed(amount: int) -> str:
    return f"{'+' if amount > 0 else '−'} {abs(amount):,}"


def _explain(rest: int, declared: list[Term], left_out: list[Term]) -> tuple[Term, ...]:
    """Return terms that sum to the rest: as many declared ones, and as few left out, as can be.

    Where none do, the declared ones if they bring the sum nearer, and else none.
    """
    for missing in _choices(left_out, fewest_first=True):
        for chosen in _choices(declared, fewest_first=False):
            if sum(term.amount for term in (*chosen, *missing)) == rest:
                return (*chosen, *missing)
    whole = sum(term.amount for term in declared)
    return tuple(declared) if abs(rest - whole) < abs(rest) else ()


def _choices(terms: list[Term], *, fewest_first: bool) -> Iterator[tuple[Term, ...]]:
    """Yield every choice of at most the ten largest terms."""
    largest = sorted(terms, key=lambda term: -abs(term.amount))[:10]
    sizes = range(len(largest) + 1)
    for size in sizes if fewest_first else reversed(sizes):
        yield from combinations(largest, size)
