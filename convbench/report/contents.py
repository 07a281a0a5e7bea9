"""Run -> Document: what a report holds, in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.core.sources import UNKNOWN
from convbench.report import results
from convbench.report.agreements import disagreements
from convbench.report.cases import cases_table
from convbench.report.device import device_tables
from convbench.report.document import (
    Column,
    Document,
    Heading,
    Paragraph,
    Table,
    folded,
)
from convbench.report.doubts import blamed, busy, remedy
from convbench.report.findings import findings, main_group, scope
from convbench.report.findings_batch import batch_figure
from convbench.report.groups import groups, telling, timed_rows
from convbench.report.large import MOST_GROUPS, cut
from convbench.report.launching import launching_section
from convbench.report.measured import measured_section
from convbench.report.plots import curve_figure, networks_figure, ratios_figure
from convbench.report.published_figures import figures
from convbench.report.ran import ran_tables
from convbench.report.why import why_section
from convbench.runs.saturation import BEGINS
from convbench.runs.titles import slot_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.report.groups import Group
    from convbench.report.published_figures import Figure as Published
    from convbench.runs.record import Record, Run

_MOST_SLOTS: Final = 2
"""Slots that are named beside a reason; the others are counted."""


def contents(run: Run) -> Document:
    """Return the report of a run: the answer, the main group, the others, then what they rest on.

    What a reader opens only when wanted is folded.
    """
    every = groups(run)
    code = telling([group for group in every if group.kind == "code"], 1)
    main = main_group(every) or next(iter(code), None)
    nets = telling([group for group in every if group.kind == "network"], len(every))
    rest = [group for group in every if group is not main and group.kind != "network"]
    told = {id(group) for group in telling(rest, MOST_GROUPS)}
    shown, left = (
        [group for group in rest if (id(group) in told) is there] for there in (True, False)
    )
    blocks, longer = cut((
        *_state(run, every),
        Heading(level=2, text="What the numbers say"),
        *findings(run, every),
        *([figure] if main and (figure := ratios_figure(main, 1)) else []),
        *results.main_section(main, every),
        *why_section(main, every),
        *disagreements(run),
        *launching_section(main, every),
        *results.overview(every),
        *results.other_groups(shown, every, left),
        *_curve(every),
        *_batches(every),
        *_networks(run, every, nets),
        *_left_out(run),
        *measured_section(run, every),
    ))  # fmt: skip
    return Document(
        title=_title(run),
        blocks=blocks,
        data=(cases_table(run), *longer, *results.tables([*left, *nets[MOST_GROUPS:]])),
        scope=scope(run, every),
    )


def _title(run: Run) -> str:
    devices = [_device(run, name) for name in dict.fromkeys(r.device for r in run.records)]
    suite = run.header.suite.get("name")
    title = f"What convolutions cost: {f'the {suite} suite' if suite else 'a suite without a name'}"
    return f"{title} on {show.listing(devices)}" if devices else title


def _device(run: Run, name: str) -> str:
    """Return a device with the model of its processor, where that is known: cpu (AMD EPYC)."""
    model = run.header.fingerprint.get("cpu" if name == "cpu" else "gpu")
    return name if model in {None, UNKNOWN, "none"} else f"{name} ({model})"


def _state(run: Run, all_groups: Sequence[Group]) -> tuple[Block, ...]:
    """Return what a reader must know before anything else: a busy machine, a run not whole."""
    texts = []
    why = busy(run.header.machine, all_groups)
    if why:
        what = remedy(timed_rows(all_groups))
        whom = blamed(why)
        begins = f"{whom} while this was measured: {why}" if whom not in why else why
        texts.append(
            f"{show.capital(begins)}. Nothing below is certain: {what}. convbench doctor shows "
            "what disturbs."
        )
    if not run.finished:
        texts.append(
            f"This run is not finished: it holds {len(run.records):,} of {_planned(run)} cases "
            "planned, and this report is about these alone."
        )
    if run.torn:
        texts.append(
            f"{show.plural(run.torn, 'line')} of the run could not be read and what they held is "
            "missing here: run --resume measures it again."
        )
    return tuple(Paragraph(text=text) for text in texts)


def _planned(run: Run) -> str:
    planned = run.header.suite.get("cases")
    return f"{planned:,}" if isinstance(planned, int) else "the"


def _curve(every: Sequence[Group]) -> tuple[Block, ...]:
    figure = curve_figure(every)
    if figure is None:
        return ()
    text = (
        "Depthwise separable needs 1/N + 1/|K| of the multiplications of standard, for N output "
        "channels and |K| taps. Filled marks: by formula; crosses: counted from the program; open "
        "marks: time ratio. A time ratio above the curve saves less than the count."
    )
    heading = Heading(level=2, text="Depthwise separable against its formula")
    return heading, Paragraph(text=text), figure


def _batches(every: Sequence[Group]) -> tuple[Block, ...]:
    figure = batch_figure([group for group in every if group.kind == "type"])
    return (Heading(level=2, text="Where the batch decides"), figure) if figure else ()


def _networks(run: Run, every: Sequence[Group], several: Sequence[Group]) -> tuple[Block, ...]:
    """Return networks side by side, and others' figures beside ours, of types too."""
    found = [
        (group, each) for group in several[:MOST_GROUPS] if (each := results.group_blocks(group))
    ]
    title = "Published figures"
    blocks: list[Block] = []
    for group, inside in found[:1]:
        title, figure = show.capital(group.title), networks_figure(group)
        blocks += [*([figure] if figure else []), *inside]
        blocks += folded("What the GPU did in each network", device_tables(group))
        blocks += folded("What ran in each network", ran_tables(group))
        blocks += folded("Details of each network", results.details(group, every))
    for group, inside in found[1:]:
        blocks += folded(group.title, inside)
    if text := results.elsewhere(several[MOST_GROUPS:]):
        blocks.append(Paragraph(text=text))
    published = figures(run)
    blocks += folded("Published figures", [_published(published)] if published else [])
    return (Heading(level=2, text=title), *blocks) if blocks else ()


def _published(published: Sequence[Published]) -> Table:
    return Table(
        id="published",
        caption=(
            "Published figures, for one image. One is met where ours rounds to it; one whose unit "
            "or quantity is not known here is not compared."
        ),
        columns=(
            Column(name="case", key="label"),
            Column(name="quantity", key="quantity"),
            Column(name="published", key="printed"),
            Column(name="derived here", key="derived", kind="integer"),
            Column(name="is it met?", key="meeting"),
            Column(name="source", key="source"),
        ),
        rows=tuple(
            (f.label, f.quantity, f.printed, f.derived, f.meeting, f.source) for f in published
        ),
    )


def _left_out(run: Run) -> tuple[Block, ...]:
    """Return why cases have no result: equal reasons share a row, and skipped ones are folded."""
    heading = Heading(level=2, text="Skipped, failed and invalid")
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in run.records:
        if record.status != "ok":
            reason = record.reason or "no reason was given"
            reasons.setdefault((record.status, reason), []).append(record)
    if not reasons:
        ran = "every case ran" if run.records else "there are no cases"
        return heading, Paragraph(text=f"Nothing: {ran}.")
    columns = (
        Column(name="status", key="status"),
        Column(name="case", key="label"),
        Column(name="where", key="slot"),
        Column(name="cases", key="cases", kind="integer"),
        Column(name="why", key="reason"),
    )
    rows = tuple(
        (
            status,
            show.listing(_distinct(record.label for record in records)),
            _places(records),
            len(records),
            reason,
        )
        for (status, reason), records in sorted(reasons.items(), key=lambda item: item[0][0])
    )
    skipped = Table(
        id="left-out", caption="", columns=columns, rows=tuple(r for r in rows if r[0] == "skipped")
    )
    other = replace(skipped, rows=tuple(row for row in rows if row[0] != "skipped"))
    number = show.plural(sum(row[3] for row in skipped.rows), "case")
    text = "Failed: stopped with an error. Invalid: measured, and not to be believed."
    saturated = any(row[-1].startswith(BEGINS) for row in skipped.rows)
    more = ", or a smaller batch was enough" if saturated else ""
    return (
        heading,
        *((Paragraph(text=text), other) if other.rows else ()),
        *folded(
            f"Skipped: the type does not fit the slot{more}. {number}, with reasons",
            [skipped] if skipped.rows else [],
        ),
    )


def _places(records: Sequence[Record]) -> str:
    slots = _distinct(slot_title(record) for record in records)
    more = [f"{len(slots) - _MOST_SLOTS} more"] if slots[_MOST_SLOTS:] else []
    return "; ".join([*slots[:_MOST_SLOTS], *more])


def _distinct(names: Any) -> list[str]:
    return list(dict.fromkeys(names))
