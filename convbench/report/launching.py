"""What launching costs on a GPU, and what other modes give back: a section of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.clock.estimates import Estimates
from convbench.clock.samples import KERNEL
from convbench.core import text as show
from convbench.report.document import Column, Heading, Paragraph, Table, folded
from convbench.report.findings_launching import bound
from convbench.report.groups import timed_rows
from convbench.report.large import MANY_GROUPS
from convbench.runs.conditions import AXES
from convbench.runs.launching import LAUNCH_BOUND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.core.intervals import RatioInterval
    from convbench.report.document import Block
    from convbench.report.groups import Group
    from convbench.runs.frame import Row

_MODES: Final = {"compile": "torch.compile", "cuda_graph": "CUDA graph"}
"""The modes that may give back what launching costs, as readers know them."""
CLOCKS: Final = (
    Column(name="kernel time", key="seconds_kernel", kind="seconds"),
    Column(name="event time", key="seconds_events", kind="seconds"),
    Column(name="without kernels", key="launch_share", kind="share"),
    Column(name="host time", key="seconds_host", kind="seconds"),
    Column(name="issue time", key="seconds_issue", kind="seconds"),
    Column(name="launch-bound", key="launch_bound"),
)
"""The times of a call by all clocks of a GPU."""


def launching_section(main: Group | None, every: Sequence[Group]) -> tuple[Block, ...]:
    """Return what launching costs in each group, and what other modes give back; () on a CPU."""
    having = [group for group in every if any(row.launching for row in group.timed)]
    if not having:
        return ()
    first = main if main in having else having[0]
    others = [group for group in having if group is not first]
    text = (
        "Kernel time: a CUDA graph of the calls, replayed between CUDA events; launching is not in "
        "it. Event time: the calls made one after the other between CUDA events; the device may "
        "wait for launches. Without kernels: the share of the event time in which no kernel runs. "
        "Host time: of the same calls by the host's clock, the wait for the device included. Issue "
        "time: until a call had returned. Launch-bound: the event time exceeds the kernel time by "
        f"more than {show.percent(LAUNCH_BOUND)}, and the issue time is at least the kernel time."
    )
    return (
        Heading(level=2, text="What launching costs"),
        Paragraph(text=f"{text} {_in_all(having)}"),
        _of_group(first),
        *_of_modes(having),
        *folded("What launching costs in the other groups", _of_others(others, every)),
    )


def _in_all(having: Sequence[Group]) -> str:
    """Return how many cases are launch-bound, and of how many that is not known."""
    bounds = [row.launching.bound for row in timed_rows(having) if row.launching]
    known = [one for one in bounds if one is not None]
    if not known:
        return "No kernels were timed alone here, so it is not known what launching costs."
    text = f"Launch-bound are {sum(known):,} of {show.plural(len(known), 'case')}"
    if len(known) < len(bounds):
        text += f"; of {len(bounds) - len(known):,} more it is not known"
    return f"{text}."


def _of_group(group: Group) -> Table:
    return Table(
        id="launching",
        caption="Ratios are to the baseline; ± and parentheses: 95 % intervals.",
        columns=(
            Column(name="case", key="label"),
            *CLOCKS,
            Column(name="kernel time ratio", key="ratio_seconds_kernel", kind="ratio"),
            Column(name="event time ratio", key="ratio_seconds_events", kind="ratio"),
        ),
        rows=tuple(_row(row) for row in group.timed if row.launching),
        part=group.label,
        title=group.title,
    )


def _row(row: Row) -> tuple[Any, ...]:
    times = row.launching
    if times is None:
        return ()
    return (
        row.record.label,
        times.kernel,
        times.events,
        times.share,
        times.host.value if times.host else None,
        times.issue.value if times.issue else None,
        {True: "yes", False: "no", None: "not known"}[times.bound],
        row.time if row.record.kernels_alone else None,
        row.event_ratio,
    )


def _of_others(others: Sequence[Group], every: Sequence[Group]) -> Iterator[Table]:
    """Yield the tables of the other groups; of many groups one table with a row for each."""
    if len(every) <= MANY_GROUPS:
        yield from map(_of_group, others)
        return
    yield Table(
        id="launching-groups",
        caption="Without kernels: the largest share of the event time of a case. The rows of each "
        "case are in tables/cases.csv, which the csv format writes.",
        columns=(
            Column(name="group", key="title"),
            Column(name="launch-bound", key="launch_bound", kind="integer"),
            Column(name="timed cases", key="cases", kind="integer"),
            Column(name="without kernels", key="launch_share", kind="share"),
            Column(name="kernel time of baseline", key="seconds_kernel", kind="seconds"),
            Column(name="event time of baseline", key="seconds_events", kind="seconds"),
        ),
        rows=tuple(_whole(group) for group in others),
    )


def _whole(group: Group) -> tuple[Any, ...]:
    rows = [row for row in group.timed if row.launching]
    shares = [row.launching.share for row in rows if row.launching]
    base = group.baseline.launching if group.baseline else None
    return (
        group.title,
        sum(map(bound, rows)),
        len(rows),
        max((share for share in shares if share is not None), default=None),
        base.kernel if base else None,
        base.events if base else None,
    )


def _of_modes(having: Sequence[Group]) -> Iterator[Table]:
    """Yield what other modes make of the event time of eager mode, where a run has both."""
    found: dict[tuple[Any, ...], dict[str, tuple[Group, Row]]] = {}
    for group in having:
        for row in group.timed:
            record = row.record
            at = tuple(getattr(record, axis) for axis in ("device", *AXES) if axis != "mode")
            key = record.kind, record.label, record.slot, bool(record.knobs.get("block")), at
            found.setdefault(key, {})[record.mode] = group, row
    pairs = [modes for modes in found.values() if "eager" in modes and modes.keys() & _MODES.keys()]
    modes = [mode for mode in _MODES if any(mode in several for several in pairs)]
    if not modes:
        return
    columns = [Column(name="case", key="label"), Column(name="where", key="group")]
    columns.append(Column(name="eager", key="seconds_eager", kind="seconds"))
    for mode in modes:
        name = _MODES[mode]
        columns.append(Column(name=name, key=f"seconds_{mode}", kind="seconds"))
        columns.append(Column(name=f"{name} ÷ eager", key=f"ratio_{mode}", kind="ratio"))
    if "compile" in modes:
        columns.append(
            Column(name="kernels of torch.compile ÷ eager", key="ratio_kernels", kind="ratio")
        )
    yield Table(
        id="launching-modes",
        caption="What other modes give back: event time of a call in each, and divided by that of "
        "eager mode, with 95 % intervals. A CUDA graph runs the kernels of eager mode, with one "
        "launch for all. torch.compile runs others: the last column is the ratio of kernel times.",
        columns=tuple(columns),
        rows=tuple(_in_modes(several, modes) for several in pairs),
    )


def _in_modes(several: dict[str, tuple[Group, Row]], modes: Sequence[str]) -> tuple[Any, ...]:
    group, eager = several["eager"]
    cells: list[Any] = [eager.record.label, group.title, eager.event_time]
    for mode in modes:
        _, row = several.get(mode, (group, None))
        cells += [row.event_time, _ratio(row, eager, "events")] if row else [None, None]
    if "compile" in modes:
        _, row = several.get("compile", (group, None))
        cells.append(_ratio(row, eager, KERNEL) if row else None)
    return tuple(cells)


def _ratio(row: Row, eager: Row, clock: str) -> RatioInterval | None:
    """Return the ratio of two times by one clock, of cases that share no process."""
    both = {}
    for name, one in (("row", row), ("eager", eager)):
        known = one.clocks.get(clock)
        both[name] = known.cases.get(one.record.case, ()) if known else ()
    try:
        return Estimates(both).ratio("row", "eager")
    except ValueError:  # not timed by this clock, or rounds that do not pair up
        return None
