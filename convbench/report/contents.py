"""Run -> Document: what a report holds, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.counting.tally import Tally, Unavailable
from convbench.report.cases import cases_table
from convbench.report.clock import time_section
from convbench.report.counts import agreement_section, cost_section
from convbench.report.document import (
    Bullet,
    Bullets,
    Code,
    Column,
    Document,
    Heading,
    Paragraph,
    Table,
)
from convbench.report.doubts import busy, remedy
from convbench.report.findings import findings, main_group, scope
from convbench.report.groups import groups, telling, timed_rows
from convbench.report.plots import networks_figure, ratios_figure
from convbench.report.published_figures import figures
from convbench.runs.frame import counters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.report.groups import Group
    from convbench.runs.record import Record, Run

_MOST_SLOTS: Final = 3
IN_FORCE: Final = (
    "grad_mode", "deterministic_algorithms", "default_dtype", "autocast", "matmul_precision",
    "mkldnn_enabled", "flush_denormal", "interop_threads", "cudnn_enabled", "cudnn_benchmark",
    "cudnn_deterministic", "tf32",
)  # fmt: skip
"""Settings of torch that `clock.settings` sets and reads, in the order of the table."""


RULES: Final = {
    "1 MAC": (
        "one multiplication, and the addition that goes with it. This report counts "
        "multiplications; a figure called FLOPs elsewhere may be once or twice as many."
    ),
    "Convolution": (
        "B·N·(C/G)·|K|·|O| multiplications for batch B, C input and N output channels, G groups, "
        "|K| taps and |O| output positions, taps on padding included."
    ),
    "Transposed convolution": (
        "B·C·(N/G)·|K|·|I|, on the |I| input positions: that is what is multiplied."
    ),
    "Bias, normalisation, activation, pooling, resizing": (
        "no multiplications. A bias is an addition for each output element; the others are "
        "elementwise operations."
    ),
    "A weight used several times": (
        "counts its parameters once and its multiplications every time."
    ),
    "Not the same function": (
        "types in one slot have equal input and output shapes, and that is all. What each does to "
        "the accuracy of a network is not measured here."
    ),
}
"""The counting rules in a reader's words; they stand in full in `convbench.core.costs`."""


def contents(run: Run) -> Document:
    """Return the report of a run: findings first, then what they rest on."""
    all_groups = groups(run)
    blocks: tuple[Block, ...] = (
        *_state(run, all_groups),
        Heading(level=2, text="What the numbers say"),
        *findings(run, all_groups),
        *_first_figure(all_groups),
        *_environment(run),
        *agreement_section(run),
        *cost_section(all_groups),
        *time_section(all_groups),
        *_networks(run, all_groups),
        *_left_out(run),
        *_conventions(run),
        Heading(level=2, text="How to make this again"),
        Code(text=run.header.command or "the run does not say which command made it"),
        Paragraph(
            text=(
                "Every case with every column is in tables/cases.csv, which the csv format writes. "
                "The page itself is made again from the run's files alone, with nothing measured."
            )
        ),
    )
    return Document(
        title=_title(run),
        blocks=blocks,
        data=(cases_table(run),),
        scope=scope(run, all_groups),
    )


def _title(run: Run) -> str:
    devices = list(dict.fromkeys(record.device for record in run.records))
    suite = run.header.suite.get("name")
    title = f"What convolutions cost: {f'the {suite} suite' if suite else 'a suite without a name'}"
    return f"{title} on {show.listing(devices)}" if devices else title


def _state(run: Run, all_groups: Sequence[Group]) -> tuple[Block, ...]:
    """Return what a reader must know before anything else: a busy machine, a run not whole."""
    texts = []
    why = busy(run.header.machine, all_groups)
    if why:
        what = remedy(timed_rows(all_groups))
        texts.append(
            f"The machine was busy while this was measured: {why}. So nothing below is called "
            f"sure: {what}. convbench doctor says what disturbs."
        )
    if not run.finished:
        texts.append(
            f"This run is not finished: it holds {len(run.records):,} of {_planned(run)} cases "
            "planned, and all below is about these alone."
        )
    if run.torn:
        texts.append(
            f"{show.plural(run.torn, 'line')} of the run could not be read, and what they held is "
            "missing here: resuming the run measures again what they held."
        )
    return tuple(Paragraph(text=text) for text in texts)


def _planned(run: Run) -> str:
    planned = run.header.suite.get("cases")
    return f"{planned:,}" if isinstance(planned, int) else "the"


def _first_figure(all_groups: Sequence[Group]) -> tuple[Block, ...]:
    main = main_group(all_groups)
    figure = ratios_figure(main, 1) if main else None
    return (figure,) if figure else ()


def _environment(run: Run) -> tuple[Block, ...]:
    header = run.header
    known: dict[str, Any] = {
        "started": header.started,
        "convbench": header.version,
        "seed": header.seed,
        "schema of the run": header.schema,
        **_flat(header.fingerprint),
        **_in_force(run),
    }
    return (
        Heading(level=2, text="Where this ran"),
        Table(
            id="environment",
            caption="",
            columns=(Column(name="what", key="key"), Column(name="value", key="value")),
            rows=tuple((key, show.cell(value, "text")) for key, value in known.items()),
        ),
    )


def _in_force(run: Run) -> dict[str, Any]:
    """Return the settings under which everything was timed, where they were the same throughout."""
    seen: dict[str, set[str]] = {}
    for record in run.records:
        for key in record.ran.keys() & set(IN_FORCE):
            seen.setdefault(key, set()).add(record.ran[key])
    return {f"in force: {key}": "; ".join(sorted(seen[key])) for key in IN_FORCE if key in seen}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = "not known" if value is None else value
    return found


def _networks(run: Run, all_groups: Sequence[Group]) -> tuple[Block, ...]:
    """Return networks side by side, and others' figures beside ours, of types too."""
    published = figures(run)
    candidates = [group for group in all_groups if group.kind == "network"]
    if not candidates and not published:
        return ()
    blocks: list[Block] = [Heading(level=2, text="Networks, and published figures")]
    main = next(iter(telling(candidates, 1)), None)
    figure = networks_figure(main) if main else None
    if figure:
        blocks.append(figure)
    if not published:
        blocks.append(Paragraph(text="The run carries no published figures."))
        return tuple(blocks)
    table = Table(
        id="published",
        caption=(
            "Figures as printed by others, for one image, and ours. A figure is met where ours "
            "rounds to it; one whose unit or quantity is not known here is shown and not compared."
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
    return *blocks, table


def _left_out(run: Run) -> tuple[Block, ...]:
    heading = Heading(level=2, text="Skipped, failed and invalid")
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in run.records:
        if record.status != "ok":
            reason = record.reason or "no reason was given"
            reasons.setdefault((record.status, reason), []).append(record)
    if not reasons:
        ran = "every case ran" if run.records else "there are no cases"
        return heading, Paragraph(text=f"Nothing: {ran}.")
    order = {"invalid": 0, "failed": 1, "skipped": 2}
    rows = sorted(reasons.items(), key=lambda item: order.get(item[0][0], 0))
    return (
        heading,
        Paragraph(
            text=(
                "Skipped: the type does not fit the slot. Failed: it stopped with an error. "
                "Invalid: it was measured and is not to be believed. Equal reasons share a row."
            )
        ),
        Table(
            id="left-out",
            caption="",
            columns=(
                Column(name="status", key="status"),
                Column(name="case", key="label"),
                Column(name="where", key="slot"),
                Column(name="cases", key="cases", kind="integer"),
                Column(name="why", key="reason"),
            ),
            rows=tuple(
                (
                    status,
                    show.listing(_distinct(record.label for record in records)),
                    show.listing(_distinct(record.slot for record in records), _MOST_SLOTS),
                    len(records),
                    reason,
                )
                for (status, reason), records in rows
            ),
        ),
    )


def _distinct(names: Any) -> list[str]:
    return list(dict.fromkeys(names))


def _conventions(run: Run) -> tuple[Block, ...]:
    items = [Bullet(lead=lead, text=text) for lead, text in RULES.items()]
    items += [Bullet(lead=name, text=text) for name, text in _counter_conventions(run)]
    return Heading(level=2, text="Conventions"), Bullets(items=tuple(items))


def _counter_conventions(run: Run) -> list[tuple[str, str]]:
    """Return what each counter says of itself, once for each convention it declared."""
    found: dict[tuple[str, str], None] = {}
    for name in counters(run):
        tallies = [r.tallies[name] for r in run.records if name in r.tallies]
        for tally in tallies:
            if isinstance(tally, Tally):
                said = tally.convention
                source = f" ({said.source})" if said.source else ""
                text = (
                    f"reports {said.unit}; beside that, for elementwise work: {said.elementwise}; "
                    f"transposed convolutions on the {said.transposed}{source}. The table above "
                    "shows the part that is shared: multiplications of convolutions and matrix "
                    "products."
                )
                found[name, text] = None
        if all(isinstance(tally, Unavailable) for tally in tallies):
            reasons = _distinct(t.reason for t in tallies if isinstance(t, Unavailable))
            found[name, f"could not count anything in this run: {show.listing(reasons, 3)}"] = None
    return list(found)
