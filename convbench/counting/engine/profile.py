"""Profile: what a module costs, in total, by module and by operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from convbench.core.costs import Cost
from convbench.core.notebook_views import OneLine, Shown
from convbench.counting.engine.counts import NAMES, Counts
from convbench.counting.engine.recorder import kind_of

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from convbench.counting.engine.recorder import Recorder


_NUMBERS: Final = attrgetter(*NAMES)


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
            **{name: getattr(self.counts, name) for name in NAMES},
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class ModuleCost(OneLine):
    """A module of the tree: `counts` with everything inside it, `own` without its children.

    parameters: its own and its children's, a shared one once. visits: times it was called.
    """

    name: str
    kind: str
    visits: int
    parameters: int
    own: Counts
    counts: Counts
    backward: Counts
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
    shared weight once; of a function, those of the weights that it used.
    """

    name: str
    rows: tuple[Row, ...]
    modules: tuple[tuple[str, str, int], ...]
    parameters: int
    unsupported: dict[str, int]
    how: str
    held: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, module: nn.Module, recorder: Recorder, *, how: str) -> Profile:
        """Gather what was recorded."""
        from torch.nn.parameter import is_lazy  # torch is there: it ran the module

        from convbench.core.torch_internals import weights_of

        used = recorder.used
        held = tuple(
            (
                name,
                tuple(
                    (id(p), p.numel())
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
            parameters=sum({key: size for _, sizes in held for key, size in sizes}.values()),
            unsupported=dict(sorted(recorder.unknown.items())),
            how=how,
            held=held,
            notes=recorder.notes,
        )

    def with_backward(self, backward: Profile) -> Profile:
        """Return this profile of a forward pass with the rows of its backward pass."""
        rows = tuple(replace(row, backward=True) for row in backward.rows)
        unknown = {**self.unsupported, **backward.unsupported}
        notes = tuple(dict.fromkeys(self.notes + backward.notes))
        return replace(self, rows=self.rows + rows, unsupported=unknown, notes=notes)

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

        def build(name: str) -> tuple[ModuleCost, dict[int, int]]:
            weights = dict(held.get(name, ()))
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
                parameters=sum(weights.values()),
                own=mine,
                counts=forward,
                backward=backward,
                children=tuple(parts),
            )
            return made, weights

        return build("")[0]

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, one row for each operator in each module, and each pass."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "module": row.module,
                    "operator": row.operator,
                    "pass": "backward" if row.backward else "forward",
                    "calls": row.calls,
                    "additions": row.counts.additions,
                    **{name: getattr(row.counts, name) for name in NAMES},
                    "intensity": row.counts.intensity,
                }
                for row in self.rows
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return totals and rows as JSON types."""
        return {
            "name": self.name,
            "how": self.how,
            "notes": list(self.notes),
            "parameters": self.parameters,
            "multiplications": self.total.multiplications,
            "complete": self.complete,
            "unsupported": self.unsupported,
            "rows": [row.to_json() for row in self.rows],
        }

    def __str__(self) -> str:
        """Show the total, as a lower bound where an operator is unknown."""
        bound = "" if self.complete else "≥ "
        macs = f"{bound}{self.total.multiplications:,} MACs"
        return f"{self.name}: {macs}, {self.parameters:,} parameters"


def _summed(parts: Iterable[Counts]) -> Counts:
    columns = zip(*map(_NUMBERS, parts), strict=True)
    return Counts(**dict(zip(NAMES, map(sum, columns), strict=False)))  # none, where no parts are
