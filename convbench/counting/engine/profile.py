"""Profile: what a module costs, in total, by module and by operator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from torch.nn.parameter import is_lazy  # torch is there: it ran the module

from convbench.core.costs import Cost
from convbench.core.modules import kind_of
from convbench.core.notebook_views import OneLine, Shown
from convbench.core.torch_internals import weights_of
from convbench.counting.engine.columns import COLUMNS, module_table
from convbench.counting.engine.counts import NAMES, Counts
from convbench.counting.engine.recorder import Shapes

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from convbench.counting.engine.recorder import Recorder


_NUMBERS: Final = attrgetter(*NAMES)
_WITH_KERNEL: Final = frozenset(f"torch.nn.modules.{name}" for name in ("conv", "pooling", "fold"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One operator in one module, all its calls together."""

    module: str
    operator: str
    calls: int
    counts: Counts
    backward: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return all numbers by name."""
        return {
            "module": self.module,
            "operator": self.operator,
            "pass": "backward" if self.backward else "forward",
            "calls": self.calls,
            "additions": self.counts.additions,
            **{name: getattr(self.counts, name) for name in NAMES},
            "bytes_moved": self.counts.bytes_moved,
            "intensity": self.counts.intensity,
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class ModuleCost(OneLine):
    """A module of the tree: `counts` with everything inside it, `own` without its children.

    parameters: its own and its children's, a shared one once; frozen: those that require no
    gradient. visits: times it was called. shapes: the different shapes of its calls, and kernel:
    its taps on each axis; both empty where they were not noted.
    """

    name: str
    kind: str
    visits: int
    parameters: int
    frozen: int
    own: Counts
    counts: Counts
    backward: Counts
    shapes: tuple[Shapes, ...] = ()
    kernel: tuple[int, ...] = ()
    children: tuple[ModuleCost, ...] = ()

    @property
    def in_short(self) -> str:
        """Its name, its kind and its count."""
        name = f"{self.name} {self.kind}".strip()
        return f"{name}: {self.counts.multiplications:,} MACs, {self.parameters:,} parameters"

    def walk(self, depth: int = 0) -> Iterator[tuple[int, ModuleCost]]:
        """Iterate over the tree from the top, with depths."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass(frozen=True, kw_only=True, repr=False)
class Profile(OneLine, Shown, view="profiles"):
    """What one pass of a module costs, under the counting rules of `costs`.

    rows: the operators that ran. unsupported: operators without a rule, with calls: each may hide
    multiplications, and `total` is then a lower bound. how: "shapes" where nothing was computed,
    else why the module was run. notes: what else to know of this count. parameters: elements, a
    shared weight once; of a function, those of the weights that it used. shapes: by module, the
    different shapes of its calls, (inputs, outputs) each; None where they were not noted. kernels:
    by module, the taps on each axis, noted with the shapes. differentiated: the backward pass was
    counted.
    """

    name: str
    rows: tuple[Row, ...]
    modules: tuple[tuple[str, str, int], ...]
    parameters: int
    unsupported: dict[str, int]
    how: str
    held: tuple[tuple[str, tuple[tuple[int, int, bool], ...]], ...] = ()
    notes: tuple[str, ...] = ()
    shapes: dict[str, tuple[Shapes, ...]] | None = None
    kernels: dict[str, tuple[int, ...]] | None = None
    differentiated: bool = False

    @classmethod
    def of(cls, module: nn.Module, recorder: Recorder, *, how: str) -> Profile:
        """Gather what was recorded."""
        used, noted = recorder.used, recorder.shapes
        held = tuple(
            (
                name,
                tuple(
                    (id(p), p.numel(), p.requires_grad)
                    for p in weights_of(part).values()
                    if p is not None and (used is None or id(p) in used) and not is_lazy(p)
                )
                if weights_of(part)
                else (),
            )
            for name, part in recorder.parts
        )
        return cls(
            name=kind_of(module),
            rows=tuple(
                Row(module=path, operator=operator, calls=calls, counts=counts)
                for (path, operator), (calls, counts) in recorder.rows().items()
            ),
            modules=tuple(
                (name, kind_of(part), recorder.visits.get(name, 0)) for name, part in recorder.parts
            ),
            parameters=sum({key: size for _, sizes in held for key, size, _ in sizes}.values()),
            unsupported=dict(sorted(recorder.unknown.items())),
            how=how,
            held=held,
            notes=recorder.notes,
            shapes=noted if noted is None else {name: (*met,) for name, met in noted.items()},
            kernels=noted if noted is None else dict(_kernels(recorder.parts)),
        )

    def with_backward(self, backward: Profile) -> Profile:
        """Return this profile of a forward pass with the rows of its backward pass."""
        rows = tuple(replace(row, backward=True) for row in backward.rows)
        unknown = {**self.unsupported, **backward.unsupported}
        notes = tuple(dict.fromkeys(self.notes + backward.notes))
        return replace(
            self,
            rows=self.rows + rows,
            unsupported=unknown,
            notes=notes,
            shapes=backward.shapes,  # a checkpoint calls its parts there only
            differentiated=True,
        )

    def counts(self, *, backward: bool | None = None) -> Counts:
        """Sum the rows: of both passes, or of one."""
        return _summed(
            row.counts for row in self.rows if backward is None or row.backward is backward
        )

    @property
    def total(self) -> Cost:
        """The whole cost, forward and (if it was counted) backward."""
        return self.counts().cost(self.parameters)

    @property
    def forward(self) -> Cost:
        """The cost of the forward pass."""
        return self.counts(backward=False).cost(self.parameters)

    @property
    def backward(self) -> Cost:
        """The cost of the backward pass; zero where it was not counted."""
        return self.counts(backward=True).cost(0)

    @property
    def complete(self) -> bool:
        """Tell whether every operator has a rule."""
        return not self.unsupported

    @property
    def by_operator(self) -> dict[str, Counts]:
        """Counts by operator, both passes, dearest first."""
        found: dict[str, list[Counts]] = {}
        for row in self.rows:
            found.setdefault(row.operator, []).append(row.counts)
        summed = {name: _summed(parts) for name, parts in found.items()}
        return dict(sorted(summed.items(), key=lambda item: -item[1].multiplications))

    @property
    def by_module(self) -> ModuleCost:
        """The tree of modules, from the whole down."""
        own: dict[tuple[str, bool], list[Counts]] = {}
        for row in self.rows:
            own.setdefault((row.module, row.backward), []).append(row.counts)
        children: dict[str, list[str]] = {}
        for name, *_ in self.modules:
            if name:
                children.setdefault(name.rpartition(".")[0], []).append(name)
        facts = {name: (kind, visits) for name, kind, visits in self.modules}
        held = dict(self.held)
        shapes, kernels = self.shapes or {}, self.kernels or {}

        def build(name: str) -> tuple[ModuleCost, dict[int, tuple[int, bool]]]:
            weights = {key: (size, trains) for key, size, trains in held.get(name, ())}
            parts = []
            mine = _summed(own.get((name, False), ()))
            forward, backward = mine, _summed(own.get((name, True), ()))
            for child in children.get(name, ()):
                part, inner = build(child)
                parts.append(part)
                weights.update(inner)
                forward, backward = forward + part.counts, backward + part.backward
            kind, visits = facts[name]
            made = ModuleCost(
                name=name,
                kind=kind,
                visits=visits,
                parameters=sum(size for size, _ in weights.values()),
                frozen=sum(size for size, trains in weights.values() if not trains),
                own=mine,
                counts=forward,
                backward=backward,
                shapes=shapes.get(name, ()),
                kernel=kernels.get(name, ()),
                children=tuple(parts),
            )
            return made, weights

        return build("")[0]

    def to_frame(self, by: Literal["operator", "module"] = "operator") -> pd.DataFrame:
        """Return a DataFrame: a row for each operator in each module and pass, or for each module.

        Rows of modules are of all columns of `convbench profile --columns` that this profile has.
        """
        import pandas as pd

        rows = [row.to_json() for row in self.rows] if by == "operator" else self._modules()
        return pd.DataFrame(rows)

    def _modules(self, **chosen: Any) -> list[dict[str, Any]]:
        columns, rows = module_table(self, **{"columns": tuple(COLUMNS), **chosen})
        return [
            {
                "module": row.part.name,
                "kind": row.part.kind,
                **dict(zip(columns, row.values, strict=True)),
            }
            for row in rows
        ]

    def to_json(
        self,
        columns: Sequence[str] | None = None,
        *,
        depth: int | None = None,
        sort: str | None = None,
    ) -> dict[str, Any]:
        """Return totals, modules and operators as JSON types: see `ProfileFile`.

        columns, depth, sort: of the modules, as `convbench profile` takes them. Raises as
        `columns.module_table` does.
        """
        modules = self._modules(
            columns=tuple(COLUMNS) if columns is None else columns, depth=depth, sort=sort
        )
        file = ProfileFile(
            name=self.name,
            how=self.how,
            notes=list(self.notes),
            parameters=self.parameters,
            multiplications=self.total.multiplications,
            complete=self.complete,
            unsupported=self.unsupported,
            modules=modules,
            rows=[row.to_json() for row in self.rows],
        )
        return vars(file)

    def __str__(self) -> str:
        """Show the totals in a line, as lower bounds where an operator is unknown."""
        bound = "" if self.complete else "≥ "
        macs = f"{bound}{self.forward.multiplications:,} MACs"
        if self.differentiated:
            macs += f" forward, {bound}{self.backward.multiplications:,} MACs backward"
        return f"{self.name}: {macs}, {self.parameters:,} parameters"


@dataclass(frozen=True, kw_only=True)
class ProfileFile:
    """A profile as data: what `convbench profile --format json` writes.

    1 MAC = 1 multiplication with its addition, taps on padding included; counts are of the whole
    batch.

    Attributes:
        schema: version of this format. It is raised when a field changes its meaning or goes.
        name: the type of the model, or the name of the function.
        how: "shapes" where nothing was computed, else why the model was run.
        notes: what else to know of this count, in sentences.
        parameters: weights and biases held, each once.
        multiplications: MACs forward, and backward where those were counted.
        complete: false where an operator has no counting rule; counts are then lower bounds.
        unsupported: calls by operator without a counting rule.
        modules: the modules in the columns that were asked for, each with what is inside it; the
            name of the whole is empty.
        rows: the operators, in every module and pass, whatever modules are shown.

    """

    schema: Literal[1] = 1
    name: str
    how: str
    notes: list[str]
    parameters: int
    multiplications: int
    complete: bool
    unsupported: dict[str, int]
    modules: list[dict[str, Any]]
    rows: list[dict[str, Any]]


def _kernels(parts: Iterable[tuple[str, nn.Module]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Iterate over the layers of PyTorch that have a kernel, by name, with its taps."""
    for name, part in parts:
        layer = next((kind for kind in type(part).__mro__ if kind.__module__ in _WITH_KERNEL), None)
        if layer is None:
            continue
        weight, taps = weights_of(part).get("weight"), getattr(part, "kernel_size", None)
        if weight is not None:
            yield name, tuple(weight.shape[2:])
        elif isinstance(taps, tuple):
            yield name, taps
        elif isinstance(taps, int):  # of every axis: MaxPool2d has two, and so has Unfold
            yield name, (taps,) * int(re.sub(r"\D", "", layer.__name__) or 2)


def _summed(parts: Iterable[Counts]) -> Counts:
    columns = zip(*map(_NUMBERS, parts), strict=True)
    return Counts(**dict(zip(NAMES, map(sum, columns), strict=False)))  # none, where no parts are
