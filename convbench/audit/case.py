"""What a case is: a program, its inputs, and its multiplications written out from the definition.

WHAT IS RIGHT

- 1 MAC = 1 multiplication of a product that is then summed: convolutions, matrix products, and
  contractions however they are written;
- every tap counts, those on padding too; a transposed convolution is counted on input positions;
- the whole batch is counted; a weight that is used twice multiplies twice;
- scaling, gating, normalisation, activation, pooling, interpolation and transforms are apart;
- what is computed from weights alone (a standardised weight, a spectral norm) is apart;
- one product of complex numbers is four real multiplications;
- forward only, unless the case says backward: then forward and backward together, where the
  gradient of an input and the gradient of a weight cost one forward each, whatever the groups, and
  a network's inputs need no gradient.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from convbench.core.errors import ConvbenchError
from convbench.core.random_state import seeded
from convbench.core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

Program: TypeAlias = "tuple[nn.Module, tuple[Any, ...]]"
"""A module and the positional arguments of its forward."""


class CaseError(ConvbenchError):
    """A case that cannot be built here, or whose count is not written as arithmetic."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One program with a known number of multiplications.

    id: family/what. count: the multiplications, as arithmetic with the program's own numbers.
    note: what is counted, where that needs saying. needs: packages it is built with.
    """

    id: str
    count: str
    builder: Callable[[], Program]
    backward: bool = False
    training: bool = False
    note: str = ""
    needs: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]

    @property
    def known(self) -> int:
        """The multiplications."""
        return evaluate(self.count)

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages it needs and that are not installed."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)

    def build(self) -> Program:
        """Build the module and its inputs, the same on every call.

        Raises CaseError where a package is missing.
        """
        if self.missing:
            raise CaseError(
                f"{self.id} is built with {', '.join(self.missing)}, which is not installed: "
                f"pip install --no-deps {' '.join(self.missing)}."
            )
        with seeded(0), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls some deprecated; models still hold them
            module, inputs = self.builder()
            return module.train(self.training), inputs


def _load_cases() -> None:
    import convbench.audit.cases as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


CASES: Final[Registry[Case]] = Registry("audit case", _load_cases)
"""Every case by its id; add one with `@case("family/what", "its count")`."""


def case(
    id: str,  # noqa: A002  the name that a case is known by
    count: str,
    *,
    backward: bool = False,
    training: bool = False,
    note: str = "",
    needs: tuple[str, ...] = (),
) -> Callable[[Callable[[], Program]], Callable[[], Program]]:
    """Register the decorated builder as a case; see `Case` for the rest."""

    def keep(builder: Callable[[], Program]) -> Callable[[], Program]:
        CASES.register(id)(
            Case(
                id=id,
                count=count,
                builder=builder,
                backward=backward,
                training=training,
                note=note,
                needs=needs,
            )
        )
        return builder

    return keep


def evaluate(count: str) -> int:
    """Return the value of whole-number arithmetic with + - * and brackets, and nothing else."""
    try:
        return _value(ast.parse(count, mode="eval").body)
    except (SyntaxError, TypeError) as error:
        raise CaseError(
            f"The count {count!r} is not whole-number arithmetic: use numbers, + - * and brackets."
        ) from error


def _value(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left) + _value(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left) - _value(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left) * _value(right)
        case _:
            raise TypeError(ast.dump(node))
