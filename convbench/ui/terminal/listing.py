"""The tables that `convbench list` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from convbench.core.text import plural
from convbench.counting.base import COUNTERS, asked_in_runs
from convbench.networks.base import NETWORKS
from convbench.report.document import Column, Document, Paragraph, Table


def types() -> Document:
    """List the convolution types."""
    from convbench.convs.base import TYPES

    rows = (
        (
            name,
            " ".join(kind.idea().split("\n\n")[0].split()),
            ", ".join(f"{item.name}={item.default}" for item in fields(kind)),
        )
        for name, kind in ((name, TYPES[name]) for name in TYPES)
    )
    return _listed("Convolution types", ("name", "idea", "knobs (defaults)"), rows)


def networks() -> Document:
    """List the networks, with the cost at their own input size."""
    rows = []
    for name in NETWORKS:
        network = NETWORKS[name]
        cost = network.cost()
        size = "×".join(map(str, network.input_size))
        rows.append((name, size, cost.multiplications, cost.parameters, network.paper))
    return _listed(
        "Networks", ("name", "input", "multiplications", "parameters", "source"), rows,
        "Multiplications (= MACs) of one image of this size, taps on padding included.",
    )  # fmt: skip


def suites() -> Document:
    """List the suites that ship."""
    from convbench.runs.suite import BUILT_IN, NetworkGroup, load_suite

    rows = []
    for name in BUILT_IN:
        suite = load_suite(name)
        nets = sum(isinstance(group, NetworkGroup) for group in suite.groups)
        rows.append((name, suite.description, len(suite.groups) - nets, nets))
    return _listed(
        "Suites", ("name", "what it measures", "slots", "network inputs"), rows,
        "Your own: --suite FILE.toml, written like the one that `list suites --example` shows.",
    )  # fmt: skip


def counters() -> Document:
    """List the counters, and whether each can run here."""
    found = ((name, COUNTERS[name]) for name in COUNTERS)
    return _listed(
        "Counters", ("name", "package", "what it counts"),
        ((name, counter.installed, str(counter.convention)) for name, counter in found),
        f"`run` and `explain` ask {', '.join(asked_in_runs())}; `audit` asks all that are "
        "installed, and `profile --explain-counter NAME` says why one shows another number.",
    )  # fmt: skip


def devices() -> Document:
    """List the devices that torch can use here."""
    import torch

    from convbench.machine.probes.gpu import no_cuda
    from convbench.machine.probes.processor import processor
    from convbench.machine.threads import default_threads

    found, threads = processor(), default_threads("cpu")
    what = (
        f"{found['cpu']}, {plural(found['cores_usable'], 'core')}; timed with --threads "
        f"{threads.number} unless told: {threads.because}"
    )
    cards = range(torch.cuda.device_count())
    rows = [("cpu", what), *((f"cuda:{n}", torch.cuda.get_device_name(n)) for n in cards)]
    missing = "" if torch.cuda.is_available() else f"No CUDA device: {no_cuda()}."
    return _listed("Devices", ("name", "what it is"), rows, missing)


def stopwatches() -> Document:
    """List the stopwatches that `run --stopwatch` and `measure` take."""
    from convbench.clock.stopwatch import STOPWATCHES

    rows = ((name, (STOPWATCHES[name].__doc__ or "").split("\n")[0]) for name in STOPWATCHES)
    return _listed("Stopwatches", ("name", "what it times"), rows)


LISTS: dict[str, Callable[[], Document]] = {
    "types": types,
    "networks": networks,
    "suites": suites,
    "counters": counters,
    "devices": devices,
    "stopwatches": stopwatches,
}


def _listed(
    title: str, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]], note: str = ""
) -> Document:
    """Return a table as a document; a column of whole numbers is one of numbers."""
    rows = tuple(rows)
    columns = tuple(
        Column(
            name=name,
            key=name,
            kind="integer" if all(isinstance(v, int) for v in cells) else "text",
        )
        for name, *cells in zip(names, *rows, strict=True)
    )
    table = Table(id=title.lower(), caption="", columns=columns, rows=rows)
    return Document(title=title, blocks=(table, *([Paragraph(text=note)] if note else [])))
