"""network_formula: the exact multiplications of any module, as a formula in its input's sizes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import sympy

from convbench.core import text as show
from convbench.formulas.symbols import symbol
from convbench.formulas.tracing import causes
from convbench.formulas.tracing.causes import TraceError
from convbench.formulas.tracing.exporting import (
    AXES,
    CHANNELS,
    axes_of,
    export,
    taken_apart,
    tensors,
)
from convbench.formulas.tracing.formula import NetworkFormula
from convbench.formulas.tracing.naming import Naming
from convbench.formulas.tracing.ordering import proven
from convbench.formulas.tracing.sizes import collected, presented
from convbench.formulas.tracing.walking import Found, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import nn

LETTERS: Final = ("B", "D", "H", "W", "L")


def network_formula(
    module: nn.Module, *inputs: Any, dynamic: str | Iterable[str] = "auto"
) -> NetworkFormula:
    """Return the multiplications of module(*inputs) as a formula in the inputs' sizes.

    inputs: example arguments, of whose tensors only shape, type and device matter; a batch of 1
    is fine. dynamic: which sizes become symbols, such as "BHW", "B,H" or ("B", "L"): B batch; L,
    H and W, or D, H and W by position after the channels; L too for the length of (batch, length,
    features) and of whole-number tokens. "auto" takes all that can, keeps the others as numbers
    and says so in `.notes`. Sizes of a second input have a 2 after the name where they differ.

    Torch exports the module as it is (training or evaluation mode), nothing is computed and the
    module is left as it was. Raises TraceError with the cause and the remedy: no tensor among the
    inputs, a module that does not run on them or cannot be exported, or a size asked for in
    `dynamic` that the module fixes.
    """
    given = tensors(inputs)
    if not given:
        raise TraceError(
            "There is no tensor among the inputs: give example inputs, such as "
            "torch.empty(1, 3, 224, 224, device='meta')."
        )
    _refuse_lazy(module)
    every = [axes_of(tensor) for tensor in given]
    shapes = [tuple(tensor.shape) for tensor in given]
    wanted = _letters(dynamic)
    if wanted is not None:
        chosen = [_only(axes, wanted) for axes in every]
        _refuse_absent(wanted, chosen, shapes)
        try:
            result = _trace(module, inputs, chosen)
        except Exception as error:
            fixed = _exports(module, inputs, [{} for _ in every])
            raise causes.explained(module, shapes, error, runs_fixed=fixed) from error
        if kept := [name for name in result.fixed if name in wanted]:
            raise TraceError(
                f"{type(module).__name__} fixes {' and '.join(kept)}: {' '.join(result.notes)} "
                f"Give dynamic= without {' and '.join(kept)}, or dynamic='auto'."
            )
        return result
    try:
        return _trace(module, inputs, every)
    except Exception as error:
        batch = [_only(axes, ("B",)) for axes in every]
        for fewer in ([_without_batch(axes) for axes in every], batch):
            others = _rest(every, fewer, shapes)
            if others and any(fewer):
                with contextlib.suppress(Exception):  # the first failure says more
                    return _with_fixed(_trace(module, inputs, fewer), others, error)
        fixed = _exports(module, inputs, [{} for _ in every])
        raise causes.explained(module, shapes, error, runs_fixed=fixed) from error


def _trace(module: nn.Module, inputs: Sequence[Any], axes: list[dict[int, str]]) -> NetworkFormula:
    from convbench.counting.engine.process_state import drawn  # these load torch
    from convbench.counting.engine.recorder import ONE_DRAW

    before = drawn()
    traced = export(module, inputs, axes)
    notes = [] if drawn() == before else [f"{show.capital(ONE_DRAW)}."]
    naming = Naming.of(traced)
    shapes = [tensor.shape for tensor in tensors(inputs)]
    given = {name: int(shapes[turn][index]) for name, (turn, index) in naming.places.items()}
    if any(given[name] != number for name, number in naming.fixed.items()):
        # the module fixes its batch: trace it with the batch that was given
        result = _trace(module, inputs, [_without_batch(named) for named in axes])
        note = f"Kept as a number, B={shapes[0][0]}: the module fixes its batch."
        return replace(
            result, fixed={"B": int(shapes[0][0]), **result.fixed}, notes=(note, *result.notes)
        )
    found = walk(traced.program, naming.names)
    if found.unknown:  # composite operators may be made of known ones
        apart = replace(traced, program=taken_apart(traced.program, found.unknown))
        closer = Naming.of(apart)  # taking apart may ask more of the sizes
        parts = walk(apart.program, closer.names)
        if parts.unsupported.total() < found.unsupported.total():
            naming, found = closer, parts
    formula = NetworkFormula(
        multiplications=collected(item for terms in found.terms.values() for item in terms),
        parameters=sum(weight.numel() for weight in module.parameters()),
        by_operator={name: collected(terms) for name, terms in found.terms.items()},
        symbols=naming.symbols,
        unsupported=dict(found.unsupported),
        constraints=(*naming.constraints, *_larger(found.least, naming.constraints)),
        fixed=naming.fixed,
        notes=(*notes, *naming.notes, *_apart(found)),
        given={item.name: given[item.name] for item in naming.symbols},
        source=f"torch.export of {type(module).__name__}",
    )
    formula = _with_single(formula, module, inputs, axes)
    if given.get("B") == 1 and _two() in formula.constraints:
        # what was asked about is a batch of 1, which the module or torch treats in its own way
        result = _trace(module, inputs, [_without_batch(named) for named in axes])
        note = (
            "Kept as a number, B=1: a batch of 1 goes another way through the module than a larger "
            "one, or torch cannot tell; for those, trace it with a batch of 2."
        )
        return replace(result, fixed={"B": 1, **result.fixed}, notes=(note, *result.notes))
    return formula


def _apart(found: Found) -> tuple[str, ...]:
    """Say what the formula leaves apart."""
    if not found.transforms:
        return ()
    names = ", ".join(f"{name} (×{calls})" for name, calls in found.transforms.items())
    return (
        f"Fourier transforms stand apart: {names}; 5·N·log2 N operations for N complex numbers, "
        "half of that for real ones.",
    )


def _larger(sizes: Iterable[Any], constraints: Iterable[Any]) -> list[Any]:
    """Return the conditions that sizes are 2 or more, without those that the others show."""
    limits = {
        condition.lhs: (condition.rhs, sympy.oo)
        for condition in constraints
        if isinstance(condition, sympy.Ge) and condition.lhs.is_Symbol and condition.rhs.is_Integer
    }
    asked = dict.fromkeys(sympy.Ge(presented(size), 2, evaluate=False) for size in sizes)
    return [condition for condition in asked if not proven(condition, limits)]


def _with_single(
    formula: NetworkFormula, module: nn.Module, inputs: Sequence[Any], axes: list[dict[int, str]]
) -> NetworkFormula:
    """Let the batch be 1 where torch asks for 2 and the formula is right for 1 all the same.

    Torch asks whether a size is 1 to lay out memory, and keeps the answer as a limit. Whether more
    hangs on it is seen by tracing a batch of 1.
    """
    two = _two()
    if two not in formula.constraints:
        return formula
    with contextlib.suppress(Exception):  # then it stays at 2
        traced = export(module, inputs, axes, single=True)
        naming = Naming.of(traced)
        found = walk(traced.program, naming.names)
        terms = [item for terms in found.terms.values() for item in terms]
        sizes = {**formula.given, **formula.fixed, "B": 1}
        at = {symbol(name): number for name, number in sizes.items()}
        here, there = (part.subs(at) for part in (formula.multiplications, collected(terms)))
        if here == there and dict(found.unsupported) == formula.unsupported:
            rest = tuple(item for item in formula.constraints if item != two)
            return replace(formula, constraints=rest)
    return formula


def _two() -> Any:
    """Return the condition that a trace with a batch as a symbol may set: B ≥ 2."""
    return sympy.Ge(symbol("B"), 2, evaluate=False)


def _without_batch(axes: dict[int, str]) -> dict[int, str]:
    return {index: name for index, name in axes.items() if name != "B"}


def _exports(module: nn.Module, inputs: Sequence[Any], axes: list[dict[int, str]]) -> bool:
    try:
        export(module, inputs, axes)
    except Exception:  # noqa: BLE001  whatever it is, it does not export
        return False
    return True


def _letters(dynamic: str | Iterable[str]) -> tuple[str, ...] | None:
    if isinstance(dynamic, str):
        if dynamic == "auto":
            return None
        dynamic = dynamic.replace(",", " ").split() if "," in dynamic else list(dynamic)
    letters = tuple(str(letter).strip() for letter in dynamic)
    if not letters or not set(letters) <= set(LETTERS):
        raise TraceError(
            f"dynamic={','.join(letters)!r} names no sizes: give 'auto', or some of "
            f"{', '.join(LETTERS)}, as in dynamic='BHW'."
        )
    return letters


def _only(axes: dict[int, str], wanted: Sequence[str]) -> dict[int, str]:
    """Keep the wanted names; the length may lie in dimension 1 too, until the trace has told."""
    letters = {*wanted, CHANNELS} if "L" in wanted else {*wanted}
    return {index: name for index, name in axes.items() if name in letters}


def _refuse_absent(
    wanted: Sequence[str], chosen: list[dict[int, str]], shapes: Sequence[Sequence[int]]
) -> None:
    there = {name for axes in chosen for name in axes.values()}
    if absent := [name for name in wanted if name not in there]:
        sizes = ", ".join("×".join(map(str, shape)) for shape in shapes)
        names = {name for shape in shapes for name in AXES.get(len(shape), {}).values()}
        raise TraceError(
            f"dynamic= asks for {', '.join(absent)}, which an input of {sizes} does not have: "
            f"give some of {', '.join(sorted(names)) or 'no names, as its sizes have none'}."
        )


def _rest(
    every: list[dict[int, str]], kept: list[dict[int, str]], shapes: Sequence[Sequence[int]]
) -> dict[str, int]:
    """Return the sizes that are named in `every` and not in `kept`."""
    return {
        name: int(shape[index])
        for axes, still, shape in zip(every, kept, shapes, strict=True)
        for index, name in axes.items()
        if index not in still and name != CHANNELS
    }


def _with_fixed(
    result: NetworkFormula, others: dict[str, int], error: BaseException
) -> NetworkFormula:
    kept = " and ".join(f"{name}={size}" for name, size in others.items())
    note = f"Kept as numbers, {kept}: with them as symbols, {causes.cause(error)}."
    return replace(result, fixed={**others, **result.fixed}, notes=(note, *result.notes))


def _refuse_lazy(module: nn.Module) -> None:
    from torch.nn.parameter import is_lazy

    if any(is_lazy(weight) for weight in module.parameters()):
        raise TraceError(
            f"{type(module).__name__} has lazy layers whose weights have no shape yet: run it once "
            "on an input, then trace it."
        )
