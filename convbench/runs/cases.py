"""From a suite to cases: every competitor, under every condition. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convbench.convs.base import ConvType
from convbench.core.costs import Cost
from convbench.core.errors import SpecError, SuiteError
from convbench.core.patterns import matching
from convbench.core.spec import ConvSpec
from convbench.networks.base import NETWORKS
from convbench.runs.conditions import Condition
from convbench.runs.record import Record
from convbench.runs.suite import MOST_CASES, NetworkGroup, SlotGroup, Suite, Timing


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to derive, count and time. `skeleton` is its record before anything is known."""

    skeleton: Record
    kind: ConvType | None
    spec: ConvSpec | None
    condition: Condition

    @property
    def identity(self) -> str:
        """The case's name, unique in a run."""
        return self.skeleton.case

    @property
    def misfit(self) -> str | None:
        """Why the case is skipped, if it is."""
        if self.kind is not None and self.spec is not None:
            why = self.kind.fits(self.spec)
        else:
            why = self._network_misfit()
        return why or self.condition.misfit(len(self.skeleton.input_shape) - 2)

    def _network_misfit(self) -> str | None:
        try:
            self.cost()
        except SpecError as error:
            return str(error)
        return None

    def cost(self) -> Cost:
        """Derive what the case costs."""
        if self.kind is not None and self.spec is not None:
            return self.kind.cost(self.spec)
        batch, _, *size = self.skeleton.input_shape
        return NETWORKS[self.skeleton.name].cost(batch, tuple(size))

    def build(self) -> Any:
        """Build the module, on the CPU, in float32."""
        if self.kind is not None and self.spec is not None:
            return self.kind.build(self.spec)
        return NETWORKS[self.skeleton.name].build()


@dataclass(frozen=True, kw_only=True)
class Group:
    """Cases that are interleaved in time and compared with each other.

    family: shared with the same slot at other batches, of which the larger ones are timed only
    until the throughput saturates; empty where the batch is fixed.
    """

    label: str
    cases: tuple[Case, ...]
    timing: Timing
    family: str = ""

    @property
    def runnable(self) -> tuple[Case, ...]:
        """The cases that fit."""
        return tuple(case for case in self.cases if case.misfit is None)

    def left(self, before: Mapping[str, Record]) -> tuple[Case, ...]:
        """Return the cases that have no record yet, or fewer processes than planned."""
        return tuple(
            case
            for case in self.cases
            if (known := before.get(case.identity)) is None
            or (known.status == "ok" and len(known.samples) < self.timing.processes)
        )


def expand(
    suite: Suite, conditions: Sequence[Condition], only: str | None = None
) -> tuple[Group, ...]:
    """Return the suite's groups under every condition.

    only: a regular expression searched for in the cases' names; a group's baseline is kept with
    whatever of the group is. Raises SuiteError for more than MOST_CASES, and for an expression that
    is none.
    """
    if (number := suite.cases * len(conditions)) > MOST_CASES:
        raise SuiteError(
            f"Suite {suite.name} has {number:,} cases under {len(conditions):,} conditions, and a "
            f"run at most {MOST_CASES:,}: give shorter lists."
        )
    made = [
        _slot_group(group, condition)
        if isinstance(group, SlotGroup)
        else _network_group(group, condition)
        for group in suite.groups
        for condition in conditions
    ]
    _check_identities(made)
    if only is not None:
        names = [case.identity for case in all_cases(made)]
        kept = frozenset(matching(only, names, "--only", SuiteError))
        made = [_filtered(group, kept) for group in made]
    found: dict[str, Group] = {}
    for group in made:
        if group.cases:
            known = found.get(group.label)
            found[group.label] = group if known is None else _merged(known, group)
    return tuple(found.values())


def _check_identities(groups: Iterable[Group]) -> None:
    """Check that no two types make one case; SuiteError for those that do.

    One slot may be in a suite twice with the same type, but not twice in one table.
    """
    found: dict[str, tuple[int, Case]] = {}
    for table, group in enumerate(groups):
        for case in group.cases:
            first, other = found.setdefault(case.identity, (table, case))
            if other is not case and (first == table or other.kind != case.kind):
                types = " and ".join(type(one.kind).__qualname__ for one in (other, case))
                raise SuiteError(
                    f"Two convolution types ({types}) make the case {case.identity!r:.200}, and a "
                    "case is one: register each class under one name, do not change its name or "
                    "label to another's, or leave one of them out of the suite."
                )


def _filtered(group: Group, names: frozenset[str]) -> Group:
    kept = {case.identity for case in group.cases if case.identity in names}
    kept |= {
        case.skeleton.baseline
        for case in group.cases
        if case.identity in kept and case.skeleton.baseline and case.misfit is None
    }
    return replace(group, cases=tuple(case for case in group.cases if case.identity in kept))


def _merged(first: Group, second: Group) -> Group:
    """Put groups of the same slot and conditions together, each case once."""
    said = [
        (group.timing, {case.skeleton.baseline for case in group.cases}, group.family)
        for group in (first, second)
    ]
    if said[0] != said[1]:
        raise SuiteError(
            f"The slot {first.label} is in the suite twice, with another baseline or [timing], or "
            'once with batch = "saturate": make it one table with all its types.'
        )
    cases = {case.identity: case for case in (*second.cases, *first.cases)}
    ordered = {case.identity: cases[case.identity] for case in (*first.cases, *second.cases)}
    return replace(first, cases=tuple(ordered.values()))


def _slot_group(group: SlotGroup, condition: Condition) -> Group:
    block = " · blocks" if group.block else ""
    label = f"{group.spec.label}{block} · {condition.label}"
    labels = [_label(kind) for kind in group.competitors]
    names = [kind.name for kind in group.competitors]
    baseline = _baseline(group, labels, names)
    cases = tuple(
        Case(
            skeleton=Record(
                case=f"{kind_label} | {label}",
                group=label,
                slot=group.spec.label,
                kind="type",
                name=kind.name,
                label=kind_label,
                knobs={name: _plain(value) for name, value in kind.knobs().items()},
                caveat=kind.caveat,
                spec=group.spec,
                input_shape=group.spec.input_shape,
                **condition.values,
                baseline=f"{baseline} | {label}" if baseline else None,
                status="ok",
            ),
            kind=kind,
            spec=group.spec,
            condition=condition,
        )
        for kind, kind_label in zip(group.competitors, labels, strict=True)
    )
    return Group(
        label=label,
        cases=cases,
        timing=group.timing,
        family=f"{replace(group.spec, batch=1).label}{block} · {condition.label}"
        if group.saturates
        else "",
    )


def _label(kind: ConvType) -> str:
    """Name a type in a group; that all of a group are blocks, the group says."""
    return replace(kind, block=False).label


def _baseline(group: SlotGroup, labels: list[str], names: list[str]) -> str | None:
    """Name what ratios refer to: the suite's baseline, else standard, else transposed."""
    for wanted in filter(None, (group.baseline, "standard", "transposed")):
        for kind, label, name in zip(group.competitors, labels, names, strict=True):
            if name == wanted and kind.fits(group.spec) is None:
                return label
    return None


def _network_group(group: NetworkGroup, condition: Condition) -> Group:
    size = "×".join(map(str, group.size))
    label = f"networks @{size} b{group.batch} · {condition.label}"
    base = next((name for name in group.names if NETWORKS[name].is_baseline), group.names[0])
    cases = []
    for name in group.names:
        network = NETWORKS[name]
        cases.append(
            Case(
                skeleton=Record(
                    case=f"{name} | {label}",
                    group=label,
                    slot=f"@{size} b{group.batch}",
                    kind="network",
                    name=name,
                    label=name,
                    knobs={key: _plain(value) for key, value in network.knobs().items()},
                    spec=None,
                    input_shape=(group.batch, network.in_channels, *group.size),
                    **condition.values,
                    baseline=f"{base} | {label}",
                    status="ok",
                    published=network.published(group.size),
                ),
                kind=None,
                spec=None,
                condition=condition,
            )
        )
    family = f"networks @{size} · {condition.label}" if group.saturates else ""
    return Group(label=label, cases=tuple(cases), timing=group.timing, family=family)


def _plain(value: Any) -> Any:
    """Return a knob as a JSON type."""
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def all_cases(groups: Iterable[Group]) -> Iterator[Case]:
    """Iterate over all cases."""
    for group in groups:
        yield from group.cases
