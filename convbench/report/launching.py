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
    from collections.abc import Iterator, Mapping, Sequence

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
    modes = _of_modes(having)
    shown = modes.pop(first.label, None) or (modes.pop(next(iter(modes))) if modes else None)
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
        *([shown] if shown else []),
        *folded("What launching costs in the other groups", _of_others(others, every)),
        *folded("What other modes give back in the other groups", modes.values()),
    )


def _in_all(having: Sequence[Group]) -> str:
    """Return how many cases are launch-bound, and of how many that is not known, and why."""
    times = [row.launching for row in timed_rows(having) if row.launching]
    if all(one.kernel is None for one in times):
        return "No kernels were timed alone here, so it is not known what launching costs."
    known = [one.bound for one in times if one.bound is not None]
    waiting = sum(one.bound is None and one.kernel is not None for one in times)
    lost = len(times) - len(known) - waiting
    said = []
    if known:
        said.append(f"Launch-bound are {sum(known):,} of {show.plural(len(known), 'case')}.")
    if waiting:
        said.append(
            f"Of {waiting:,} it is not known, since they have no issue times: launching costs at "
            "most the share without kernels."
        )
    if lost:
        said.append(f"Of {lost:,} it is not known, since their kernels were not timed alone.")
    return " ".join(said)


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


def _of_modes(having: Sequence[Group]) -> dict[str, Table]:
    """Return what other modes make of event times of eager mode, by the label of eager groups."""
    found: dict[tuple[Any, ...], dict[str, Group]] = {}
    for group in having:
        record = group.rows[0].record  # a group has one slot and one condition
        at = tuple(getattr(record, axis) for axis in ("device", *AXES) if axis != "mode")
        found.setdefault((group.kind, record.slot, record.input_shape, at), {})[record.mode] = group
    several = [one for one in found.values() if "eager" in one and one.keys() & _MODES.keys()]
    modes = [mode for mode in _MODES if any(mode in one for one in several)]
    return {one["eager"].label: _in_modes(one, modes) for one in several}


def _in_modes(groups: Mapping[str, Group], modes: Sequence[str]) -> Table:
    """Return the cases of a group in eager mode beside the same in other modes."""
    eager = groups["eager"]
    others = {
        mode: {_key(row): row for row in groups[mode].timed} if mode in groups else {}
        for mode in modes
    }
    columns = [Column(name="case", key="label")]
    columns.append(Column(name="eager", key="seconds_eager", kind="seconds"))
    for mode in modes:
        name = _MODES[mode]
        columns.append(Column(name=name, key=f"seconds_{mode}", kind="seconds"))
        columns.append(Column(name=f"{name} ÷ eager", key=f"ratio_{mode}", kind="ratio"))
    if "compile" in modes:
        name = "kernels of torch.compile ÷ eager"
        columns.append(Column(name=name, key="ratio_kernels", kind="ratio"))
    rows = []
    for row in eager.timed:
        cells: list[Any] = [row.record.label, row.event_time]
        for mode in modes:
            other = others[mode].get(_key(row))
            cells += [other.event_time, _ratio(other, row, "events")] if other else [None, None]
        if "compile" in modes:
            other = others["compile"].get(_key(row))
            cells.append(_ratio(other, row, KERNEL) if other else None)
        rows.append(tuple(cells))
    return Table(
        id="launching-modes",
        caption=f"What other modes give back in {eager.title}: event time of a call in each, and "
        "divided by that of eager mode, with 95 % intervals. A CUDA graph runs the kernels of "
        "eager mode, with one launch for all. torch.compile runs others"
        + (": the last column is the ratio of kernel times." if "compile" in modes else "."),
        columns=tuple(columns),
        rows=tuple(rows),
        part=eager.label,
        title=eager.title,
    )


def _key(row: Row) -> tuple[str, bool]:
    return row.record.label, bool(row.record.knobs.get("block"))


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
