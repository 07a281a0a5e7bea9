"""The networks: what every width costs, with what the paper prints and what the run measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from convbench.core import text as show
from convbench.core.costs import Step
from convbench.core.steps import flatten
from convbench.networks.base import NETWORKS, Network
from convbench.report.published_figures import meets
from convbench_docs.measured import sentence
from convbench_docs.sources import Sources
from convbench_docs.svg import Drawing, figure
from convbench_docs.text import bullets, code, plain, table

_ROW: Final = 26.0
_NAMES: Final = 140.0
_WIDTH: Final = 480.0
_LEAST_NAMED: Final = 0.02


def costs_table() -> str:
    """Return every registered network at its own input size, with published figures."""
    rows = []
    for name in NETWORKS:
        network = NETWORKS[name]
        cost = network.cost()
        printed = network.published(network.input_size)
        rows.append(
            (
                code(name),
                plain("×".join(map(str, network.input_size))),
                plain(f"{cost.multiplications:,}"),
                _published(cost.multiplications, printed.get("multiplications")),
                plain(f"{cost.parameters:,}"),
                _published(cost.parameters, printed.get("parameters")),
            )
        )
    heads = ("network", "input", "multiplications", "published", "parameters", "published")
    named = (NETWORKS[name].published(NETWORKS[name].input_size).values() for name in NETWORKS)
    sources = dict.fromkeys(source for figures in named for _, source in figures)
    return (
        f"{table(heads, rows, numbers='llrlrl')}\n\n"
        f"Published figures: {plain(show.listing(list(sources)))}."
    )


def _published(derived: int, printed: tuple[str, str] | None) -> str:
    if printed is None:
        return "–"
    return plain(f"{printed[0]}, {meets(derived, printed[0])}")


def sizes_table() -> str:
    """Return the multiplications of every network at each size that its paper prints."""
    sizes = list(dict.fromkeys(size for n in NETWORKS for size in NETWORKS[n].published_sizes()))
    rows = [
        (
            code(name),
            *(plain(show.count(NETWORKS[name].cost(size=size).multiplications)) for size in sizes),
        )
        for name in NETWORKS
    ]
    heads = ("network", *("×".join(map(str, size)) for size in sizes))
    return table(heads, rows, numbers="l" + "r" * len(sizes))


def stages(network: Network) -> dict[str, int]:
    """Return the multiplications of a network's parts by the first word of their names."""
    found: dict[str, int] = {}
    for step in flatten(network.plan(1, network.input_size)):
        if step.cost.multiplications:
            part = step.label.partition(".")[0]
            found[part] = found.get(part, 0) + step.cost.multiplications
    return found


def stages_figure() -> str:
    """Return where in each network the multiplications are, as bars."""
    names = list(NETWORKS)
    pen = Drawing(
        _WIDTH,
        _ROW * len(names) + 10,
        name="stages",
        title="Multiplications by stage of each network",
        alt=". ".join(f"{name}: {_told(stages(NETWORKS[name]))}" for name in names) + ".",
    )
    for index, name in enumerate(names):
        _bar(pen, name, stages(NETWORKS[name]), 5 + _ROW * index)
    return figure(
        [pen], "Shares of the multiplications by stage, at each network's own input size."
    )


def _told(parts: dict[str, int]) -> str:
    whole = sum(parts.values())
    return ", ".join(f"{part} {show.share(number / whole)}" for part, number in parts.items())


def _bar(pen: Drawing, name: str, parts: dict[str, int], top: float) -> None:
    pen.text((_NAMES - 10, top + 15), name, place="end")
    whole, left, room = sum(parts.values()), _NAMES, _WIDTH - _NAMES - 4
    for turn, (part, number) in enumerate(parts.items()):
        wide = room * number / whole
        pen.rect(
            (left, top),
            (wide, _ROW - 6),
            fill="count",
            strength=0.55 if turn % 2 else 0.25,
            outline=0.4,
            says=f"{part}: {number:,} ({show.share(number / whole)})",
        )
        if wide > 9.0 * len(part) and number / whole > _LEAST_NAMED:
            pen.text((left + wide / 2, top + 14), part, place="middle", size=11)
        left += wide


def kinds_of(steps: Sequence[Step]) -> dict[str, int]:
    """Return the multiplications of a plan by kind: 1×1, depthwise, other convolutions, linear."""
    found: dict[str, int] = {}
    for step in flatten(steps):
        number = step.cost.multiplications
        if not number:
            continue
        axes = getattr(step, "axes", None)
        if axes is None:
            kind = "linear"
        elif all(axis.kernel == 1 for axis in axes):
            kind = "1×1"
        elif getattr(step, "groups", 1) > 1:
            kind = "depthwise"
        else:
            kind = "other convolutions"
        found[kind] = found.get(kind, 0) + number
    return found


def kinds_table() -> str:
    """Return what kind of layer the multiplications of each network are in."""
    columns = ("1×1", "depthwise", "other convolutions", "linear")
    rows = []
    for name in NETWORKS:
        network = NETWORKS[name]
        found = kinds_of(network.plan(1, network.input_size))
        whole = sum(found.values())
        rows.append((code(name), *(plain(show.share(found.get(k, 0) / whole)) for k in columns)))
    return table(("network", *columns), rows, numbers="lrrrr")


def on_the_clock(sources: Sources) -> str:
    """Return what the committed run measured of networks, one sentence each."""
    found = [row for row in sources.rows if row.record.kind == "network" and row.time]
    return bullets([f"{code(row.record.label)}: {_second_half(sentence(row))}" for row in found])


def _second_half(text: str) -> str:
    return text.partition(" it ")[2]
