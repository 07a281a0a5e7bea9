"""Run -> Document: what a report holds, in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.core.sources import UNKNOWN
from convbench.counting.tally import Tally, Unavailable
from convbench.report import results
from convbench.report.agreements import disagreements
from convbench.report.cases import cases_table
from convbench.report.document import (
    Bullet,
    Bullets,
    Code,
    Column,
    Document,
    Heading,
    Paragraph,
    Table,
    folded,
)
from convbench.report.doubts import busy, remedy
from convbench.report.findings import findings, main_group, scope
from convbench.report.groups import groups, telling, timed_rows
from convbench.report.plots import curve_figure, networks_figure, ratios_figure
from convbench.report.published_figures import figures
from convbench.runs.columns import LISTED, TIME
from convbench.runs.frame import counters
from convbench.runs.titles import slot_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.report.groups import Group
    from convbench.report.published_figures import Figure as Published
    from convbench.runs.frame import Row
    from convbench.runs.record import Record, Run

_MOST_SLOTS: Final = 2
"""Slots that are named beside a reason; the others are counted."""
IN_FORCE: Final = (
    "grad_mode", "deterministic_algorithms", "default_dtype", "autocast", "matmul_precision",
    "mkldnn_enabled", "flush_denormal", "interop_threads", "cudnn_enabled", "cudnn_benchmark",
    "cudnn_deterministic", "tf32",
)  # fmt: skip
"""Settings of torch that `clock.settings` sets and reads, in the order of the table."""
_NOTHING: Final = ("none", "unknown", "not known")
"""Values of facts about the machine that share a row."""


RULES: Final = {
    "1 MAC": (
        "one multiplication and the addition that goes with it; FLOPs elsewhere may be once or "
        "twice as many."
    ),
    "Convolution": (
        "B·N·(C/G)·|K|·|O| multiplications for batch B, C input and N output channels, G groups, "
        "|K| taps and |O| output positions, taps on padding included."
    ),
    "Transposed convolution": "B·C·(N/G)·|K|·|I| multiplications, for |I| input positions.",
    "Bias, normalisation, activation, pooling, resizing": (
        "no multiplications; a bias is an addition for each output element."
    ),
    "Counters": (
        "compared with the formula on what both count, the multiplications of convolutions and "
        "matrix products."
    ),
    "A weight used several times": (
        "counts its parameters once and its multiplications every time."
    ),
    "Not the same function": (
        "types in one slot have equal input and output shapes. What each does to the accuracy of "
        "a network is not measured."
    ),
}
"""The counting rules in a reader's words; they stand in full in `convbench.core.costs`."""


def contents(run: Run) -> Document:
    """Return the report of a run: the answer, the main group, the others, then what they rest on.

    What a reader opens only when wanted is folded.
    """
    every = groups(run)
    code = telling([group for group in every if group.kind == "code"], 1)
    main = main_group(every) or next(iter(code), None)
    rest = [group for group in every if group is not main and group.kind != "network"]
    blocks: tuple[Block, ...] = (
        *_state(run, every),
        Heading(level=2, text="What the numbers say"),
        *findings(run, every),
        *([figure] if main and (figure := ratios_figure(main, 1)) else []),
        *results.main_section(main, every),
        *disagreements(run),
        *results.overview(every),
        *results.other_groups(rest, every),
        *_curve(every),
        *_networks(run, every),
        *_left_out(run),
        Heading(level=2, text="How this was measured"),
        *folded("Environment: machine, libraries, settings", [_environment(run)]),
        *folded("Conventions of counts and times", [_conventions(run, every)]),
        *folded("How to make this again", _again(run)),
    )
    return Document(
        title=_title(run),
        blocks=blocks,
        data=(cases_table(run),),
        scope=scope(run, every),
    )


def _again(run: Run) -> tuple[Block, ...]:
    text = (
        "Every case with every column is in tables/cases.csv, which the csv format writes. "
        "convbench report makes this page again from the run's files, without measuring."
    )
    command = run.header.command or "the run does not say which command made it"
    return Code(text=command), Paragraph(text=text)


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
        texts.append(
            f"The machine was busy while this was measured: {why}. Nothing below is certain: "
            f"{what}. convbench doctor shows what disturbs."
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


def _environment(run: Run) -> Table:
    header = run.header
    known: dict[str, Any] = {
        "started": header.started,
        "convbench": header.version,
        "seed": header.seed,
        "schema of the run": header.schema,
        **_flat(header.fingerprint),
        **_in_force(run),
    }
    rows: dict[str, str] = {}
    without: dict[str, list[str]] = {}
    for key, value in known.items():
        text = show.cell(value, "text")
        if text in _NOTHING:
            without.setdefault(text, []).append(key)
        else:
            rows[key] = text
    rows |= {", ".join(keys): text for text, keys in without.items()}
    return Table(
        id="environment",
        caption="",
        columns=(Column(name="what", key="key"), Column(name="value", key="value")),
        rows=tuple(rows.items()),
    )


def _in_force(run: Run) -> dict[str, Any]:
    """Return the settings under which everything was timed, where they were the same throughout."""
    seen: dict[str, set[str]] = {}
    for record in run.records:
        for key in record.ran.keys() & set(IN_FORCE):
            seen.setdefault(key, set()).add(record.ran[key])
    told = {key: "; ".join(sorted(seen[key])) for key in IN_FORCE if key in seen}
    return {"settings in force": told} if told else {}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = "not known" if value is None else value
    return found


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


def _networks(run: Run, every: Sequence[Group]) -> tuple[Block, ...]:
    """Return networks side by side, and others' figures beside ours, of types too."""
    several = telling([group for group in every if group.kind == "network"], len(every))
    found = [(group, each) for group in several if (each := results.group_blocks(group))]
    title = "Published figures"
    blocks: list[Block] = []
    for group, inside in found[:1]:
        title, figure = show.capital(group.title), networks_figure(group)
        blocks += [*([figure] if figure else []), *inside]
        blocks += folded("Details of each network", results.details(group, every))
    for group, inside in found[1:]:
        blocks += folded(group.title, inside)
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
    return (
        heading,
        *((Paragraph(text=text), other) if other.rows else ()),
        *folded(
            f"Skipped: the type does not fit the slot. {number}, with reasons",
            [skipped] if skipped.rows else [],
        ),
    )


def _places(records: Sequence[Record]) -> str:
    slots = _distinct(slot_title(record) for record in records)
    more = [f"{len(slots) - _MOST_SLOTS} more"] if slots[_MOST_SLOTS:] else []
    return "; ".join([*slots[:_MOST_SLOTS], *more])


def _distinct(names: Any) -> list[str]:
    return list(dict.fromkeys(names))


_OF_DETAILS: Final = {
    **{column.name.capitalize(): f"{LISTED[column.key].note}." for column in results.COUNTS},
    "Spread": "median absolute deviation within a process, in percent of the time.",
    "Sample": "a block of calls that are timed together. The first call, which pays for what is "
    "set up once, is kept apart.",
}


def _conventions(run: Run, every: Sequence[Group]) -> Bullets:
    told = {
        **RULES,
        "Time of a call": f"{TIME}, so that every time here was measured.",
        "±": "95 % interval for the time of one more process (of one process: for the quantile of "
        "its rounds); how much processes differ is estimated from all cases of a group.",
        "Time ratio": "the median of the ratios that the processes measured, with the 95 % "
        "interval for that median; of one process, over its rounds.",
        **_short_names(every),
        "Remarks": "contaminated: other programs took time from many samples. Outliers: many "
        "samples far from the rest. Disturbed: processes far from the others. Not settled: the "
        "warm-up was too short. tables/cases.csv has the numbers (flags).",
        **(_OF_DETAILS if len(every) <= results.MANY_GROUPS else {}),
        **_of_the_device(timed_rows(every)),
    }
    items = [Bullet(lead=lead, text=text) for lead, text in told.items()]
    items += [Bullet(lead=name, text=text) for name, text in _counter_conventions(run)]
    return Bullets(items=tuple(items))


def _short_names(every: Sequence[Group]) -> dict[str, str]:
    """Return what the short name of a slot is for, by the example of the main group."""
    main = main_group(every)
    if main is None:
        return {}
    slot = main.rows[0].record.slot
    text = f"files and --only call the slot {slot_title(main.rows[0].record)} “{slot}”."
    return {"Short names": text}


def _of_the_device(rows: Sequence[Row]) -> dict[str, str]:
    """Return what holds for times with cold caches and on a GPU, where there are any."""
    told = {}
    pools = {row.record.samples[0].pool_bytes for row in rows} - {0}
    if pools:
        told["Cold caches"] = (
            f"{max(pools) / 2**20:,.0f} MiB were read before every sample, and every call of a "
            "sample used another copy; the time is without that."
        )
    if any(row.record.samples[0].issue_seconds for row in rows):
        told["Times of a GPU"] = (
            "the device's own (CUDA events). Kernels alone: replayed from a graph. Host: by the "
            "caller's clock, the wait for the device included. Launching: until the caller had "
            "issued all calls."
        )
    return told


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
                    f"reports {said.unit}; for elementwise work: {said.elementwise}; "
                    f"transposed convolutions on the {said.transposed}{source}."
                )
                found[name, text] = None
        if all(isinstance(tally, Unavailable) for tally in tallies):
            reasons = _distinct(t.reason for t in tallies if isinstance(t, Unavailable))
            found[name, f"could not count anything in this run: {show.listing(reasons, 3)}"] = None
    return list(found)
