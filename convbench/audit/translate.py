"""Why a tool shows another number for a model: its number as a sum of what it is made of.

`Term`s come from the tool's declared rates (the table below) and a census of the elements that run;
multiplications come from convbench's own profile. What is left over is said to be unexplained.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from convbench.audit.counter import TOOLS
from convbench.audit.result import AuditError

if TYPE_CHECKING:
    from torch import nn

_NORM: Final = "per batch-norm element"
RATES: Final[Mapping[str, tuple[tuple[str, int, str], ...]]] = {
    "fvcore": (
        ("norm", 2, f"2 {_NORM}"),
        ("norm plain", 1, "1 per element normalised without weights"),
        ("own norm", 5, "5 per element normalised by its own statistics"),
        ("averaged", 1, "1 per element averaged"),
        ("pooled", 1, "1 per element pooled"),
    ),
    "FlopCounterMode": (),
    "torch.profiler": (
        ("mul", 1, "1 per product of tensors"),
        ("add", 1, "1 per addition of tensors"),
    ),
    "ptflops (aten)": (("bias", 1, "1 per output with a bias"),),
    "ptflops (pytorch)": (
        ("bias", 1, "1 per output with a bias"),
        ("norm", 2, f"2 {_NORM}"),
        ("norm plain", 1, "1 per element normalised without weights"),
        ("own norm", 2, "2 per element normalised by its own statistics"),
        ("relu", 2, "2 per ReLU element (as a module and as a function)"),
        ("pooled", 2, "2 per element pooled (as a module and as a function)"),
        ("max pooled", 2, "2 per element of a maximum (as a module and as a function)"),
        ("averaged", 2, "2 per element averaged (as a module and as a function)"),
    ),
    "thop": (
        ("norm", 4, f"4 {_NORM}"),
        ("norm plain", 2, "2 per element normalised without weights"),
        ("own norm", 4, "4 per element normalised by its own statistics"),
        ("pools", 1, "1 per average-pooling output"),
        ("averaged", 1, "1 per element averaged"),
        ("averages", 1, "1 per average"),
        ("over outputs", 1, "transposed convolutions over output positions"),
    ),
    "ultralytics-thop": (
        ("norm", 4, f"4 {_NORM}"),
        ("norm plain", 2, "2 per element normalised without weights"),
        ("own norm", 4, "4 per element normalised by its own statistics"),
        ("pools", 1, "1 per average-pooling output"),
        ("averaged", 1, "1 per element averaged"),
        ("averages", 1, "1 per average"),
    ),
    "torchinfo": (
        ("bias", 1, "1 per output with a bias"),
        ("norm weights", 1, "1 per weight of normalisation and sample"),
        ("over outputs", 1, "transposed convolutions over output positions"),
    ),
    "torchprofile": (
        ("norm", 1, f"1 {_NORM}"),
        ("own norm", 1, "1 per element normalised by its own statistics"),
        ("averages", 1, "1 per average"),
        ("pools", 1, "1 per average-pooling output"),
        ("mul", 1, "1 per product of tensors"),
        ("over outputs", 1, "transposed convolutions over output positions"),
    ),
    "calflops": (),
    "DeepSpeed": (),
    "torchscan": (),
    "torchtnt": (),
    "torchlens": (),
}
"""By tool: the kind of element (as `census` names it), the rate, and how a sentence says it."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of a tool's number, in the tool's unit; negative for what it leaves out."""

    text: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A tool's number for a model and what it is made of; the terms and the rest add up to it.

    multiplications: convbench's own count. unit: the tool's operations for one of them. unknown:
    operators that the tool says it does not know.
    """

    tool: str
    value: int
    multiplications: int
    unit: int
    terms: tuple[Term, ...]
    unexplained: int
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.unit == 1:
            parts = [f"{self.multiplications:,}"]
        else:
            parts = [f"{self.unit} × {self.multiplications:,}"]
        for term in self.terms:
            sign = "+" if term.amount > 0 else "−"
            parts.append(f"{sign} {abs(term.amount):,} ({term.text})")
        sentence = f"{self.tool}: {self.value:,} = {' '.join(parts)}"
        if self.unexplained:
            sign = "+" if self.unexplained > 0 else "−"
            sentence += f" {sign} {abs(self.unexplained):,}; unexplained: {self.unexplained:+,}"
        if self.unknown:
            sentence += f"; it says that it does not know {', '.join(self.unknown)}"
        return sentence


def translate(module: nn.Module, inputs: Any, tool: str) -> Translation:
    """Say what a tool's number for module(*inputs) is made of.

    inputs: a tensor, or a tuple of the forward's arguments. The tool and the census work on copies.

    Raises:
        UnknownNameError: a tool that there is not.
        AuditError: a tool that is not installed or that cannot count this module.

    """
    from convbench.audit.census import census
    from convbench.counting.engine.run import profile

    asked = TOOLS[tool]
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    own = profile(module, *given)
    macs = int(own.total.multiplications)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked.load()
            answer = asked.count(copy.deepcopy(module), given, backward=False)
    except ImportError as error:
        raise AuditError(
            f"{tool} cannot be imported ({error}): pip install {asked.package}."
        ) from error
    except Exception as error:
        raise AuditError(
            f"{tool} cannot count {type(module).__name__}: {type(error).__name__}: {error}. Ask "
            "another tool, or convbench profile."
        ) from error
    found = census(copy.deepcopy(module), given)
    declared = [
        Term(text=text, amount=rate * found[kind])
        for kind, rate, text in RATES.get(tool, ())
        if found.get(kind)
    ]
    left_out = [
        Term(text=f"{name}, which it leaves out", amount=-asked.unit * counts.multiplications)
        for name, counts in own.by_operator.items()
        if counts.multiplications
    ]
    rest = answer.value - asked.unit * macs
    terms = _explain(rest, declared, left_out)
    return Translation(
        tool=tool,
        value=answer.value,
        multiplications=macs,
        unit=asked.unit,
        terms=terms,
        unexplained=rest - sum(term.amount for term in terms),
        unknown=answer.unknown if rest != sum(term.amount for term in terms) else (),
    )


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
