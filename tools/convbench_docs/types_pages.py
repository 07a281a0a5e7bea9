"""One page for each registered convolution type, and the list of them."""

from __future__ import annotations

from typing import Final

from convbench.convs.base import TYPES, ConvType, make
from convbench.core import text as show
from convbench.formulas.explanation import versus_for
from convbench.report.findings import main_group
from convbench.report.groups import multiplications
from convbench.report.plots import ratios_figure
from convbench.runs.titles import slot_title, titles
from convbench_docs import dots, sections
from convbench_docs.docstrings import prose
from convbench_docs.measured import rows_of
from convbench_docs.sources import RUN, Sources
from convbench_docs.svg import figure
from convbench_docs.text import anchor, code, fence, plain, table

FOLDER: Final = "types"


def file_name(name: str) -> str:
    """Return the path of a type's page below the documentation."""
    safe = name if name.isidentifier() else anchor(name)
    return f"{FOLDER}/{safe}.md"


def pages(sources: Sources) -> dict[str, str]:
    """Return the Markdown of every type's page by its path, in alphabetical order."""
    return {file_name(name): page(make(name), sources) for name in sorted(TYPES)}


def page(kind: ConvType, sources: Sources) -> str:
    """Return the page of a type with its default knobs."""
    spec = sections.slot_for(kind)
    parts = sections.explained(kind, spec)
    blocks = [
        f"# {plain(kind.name)}",
        sections.opening(kind),
        "## What is connected to what",
        sections.connections(kind),
        "## What happens",
        sections.steps(kind, spec),
        "## Formula",
        sections.formula(kind, parts, spec),
        "## Worked example",
        sections.worked(kind, spec, parts),
        f"## Compared with {versus_for(kind, None)}",
        sections.against(kind, spec, parts),
        "## When it pays",
        sections.when_it_pays(kind, sources),
        sections.facts(kind, spec),
        "## On the command line",
        fence(f"convbench explain {kind.name}", "sh"),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def overview(sources: Sources) -> str:
    """Return a table of types for each slot: what each is, its cost and its time in the run."""
    slots: dict[str, list[tuple[str, ...]]] = {}
    for name in sorted(TYPES):
        kind = make(name)
        share, clock, slot = _in_brief(kind, sources)
        slots.setdefault(f"{slot}, relative to {versus_for(kind, None)}", []).append(
            (
                f"[{code(name)}]({file_name(name).rpartition('/')[2]})",
                prose(sections.said(kind)[0].partition(". ")[0].rstrip(".")),
                plain("–" if share is None else show.ratio(share)),
                plain(clock),
            )
        )
    heads = ("type", "what it is", "ratio of multiplications", "ratio of times (interval)")
    return "\n\n".join(
        f"In the slot {plain(slot)}:\n\n{table(heads, slots[slot], numbers='llrr')}"
        for slot in sorted(slots, key=lambda slot: -len(slots[slot]))
    )


def _in_brief(kind: ConvType, sources: Sources) -> tuple[float | None, str, str]:
    """Return ratio of multiplications, ratio of time and slot: the run's largest, or the page's."""
    timed = [row for row in rows_of(sources, kind.name) if row.record.cost]
    if timed:
        row = max(timed, key=multiplications)
        clock = "baseline" if row.is_baseline else (show.ratio(row.time) if row.time else "–")
        return row.multiplications, clock, slot_title(row.record)
    spec, versus = sections.slot_for(kind), make(versus_for(kind, None))
    if versus.fits(spec) is not None:
        return None, "–", spec.title
    share = kind.cost(spec).multiplications / versus.cost(spec).multiplications
    return share, "not timed", spec.title


def clock_figure(sources: Sources) -> str:
    """Return multiplications and times of the run's main group as a drawing; empty for no group."""
    group = main_group(sources.groups)
    ratios = ratios_figure(group, 1) if group else None
    if group is None or ratios is None:
        return ""
    caption = (
        f"{slot_title(group.rows[0].record)}; {titles(sources.run.records).shared}; "
        f"{sources.machine} ({RUN}). Left of 1 is less. Hollow marks: types that see or mix less "
        "of their input than a standard convolution does."
    )
    title = f"Multiplications and time relative to {group.baseline_name}"
    return figure([dots.drawing(ratios, title)], caption)
