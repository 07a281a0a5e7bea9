"""The tables that `convbench list` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable


def types() -> Table:
    """List the convolution types."""
    from dataclasses import fields

    from convbench.convs.base import TYPES

    table = _table("Convolution types", "name", "idea", "knobs (defaults)")
    for name in TYPES:
        cls = TYPES[name]
        knobs = ", ".join(f"{item.name}={item.default}" for item in fields(cls))
        table.add_row(name, cls.idea().split("\n\n")[0].replace("\n", " "), knobs)
    return table


def networks() -> Table:
    """List the networks, with the cost at their own input size."""
    from convbench.networks.base import NETWORKS

    table = _table("Networks", "name", "input", "multiplications", "parameters", "source")
    for name in NETWORKS:
        network = NETWORKS[name]
        cost = network.cost()
        table.add_row(
            name,
            "×".join(map(str, network.input_size)),
            f"{cost.multiplications:,}",
            f"{cost.parameters:,}",
            network.paper,
        )
    return table


def suites() -> Table:
    """List the suites that ship."""
    from convbench.runs.suite import BUILT_IN, NetworkGroup, load_suite

    table = _table("Suites", "name", "what it measures", "slots", "network inputs")
    for name in BUILT_IN:
        suite = load_suite(name)
        nets = sum(isinstance(group, NetworkGroup) for group in suite.groups)
        table.add_row(name, suite.description, str(len(suite.groups) - nets), str(nets))
    table.caption = (
        "Your own: --suite FILE.toml, written like the one `list suites --example` shows"
    )
    return table


def counters() -> Table:
    """List the counters, and whether each can run here."""
    from convbench.counting.base import COUNTERS, asked_in_runs

    table = _table("Counters", "name", "package", "what it counts")
    for name in COUNTERS:
        counter = COUNTERS[name]
        table.add_row(name, counter.installed, str(counter.convention))
    table.caption = (
        f"`run` and `explain` ask {', '.join(asked_in_runs())}; `audit` asks all that are "
        "installed, and `profile --explain-counter NAME` says why one shows another number"
    )
    return table


def devices() -> Table:
    """List the devices that torch can use here."""
    import torch

    from convbench.machine.probes.processor import processor
    from convbench.machine.threads import default_threads

    table = _table("Devices", "name", "what it is")
    found, threads = processor(), default_threads("cpu")
    table.add_row(
        "cpu",
        f"{found['cpu']}, {found['cores_usable']} cores; timed with --threads {threads.number} "
        f"unless told: {threads.because}",
    )
    for index in range(torch.cuda.device_count()):
        table.add_row(f"cuda:{index}", torch.cuda.get_device_name(index))
    if not torch.cuda.is_available():
        table.caption = "No CUDA device: " + (
            "this torch was built without CUDA"
            if torch.version.cuda is None
            else "torch finds none; see nvidia-smi"
        )
    return table


def stopwatches() -> Table:
    """List the stopwatches that `run --stopwatch` and `measure` take."""
    from convbench.clock.stopwatch import STOPWATCHES

    table = _table("Stopwatches", "name", "what it times")
    for name in STOPWATCHES:
        table.add_row(name, (STOPWATCHES[name].__doc__ or "").split("\n")[0])
    return table


LISTS: dict[str, Callable[[], Table]] = {
    "types": types,
    "networks": networks,
    "suites": suites,
    "counters": counters,
    "devices": devices,
    "stopwatches": stopwatches,
}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    return table
