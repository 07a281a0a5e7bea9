"""One page for each registered convolution type, and the list of them."""

from __future__ import annotations

from typing import Final

from convbench.convs.base import TYPES, ConvType, make
from convbench.docs import dots, sections
from convbench.docs.docstrings import prose
from convbench.docs.measured import rows_of
from convbench.docs.sources import RUN, Sources
from convbench.docs.svg import figure
from convbench.docs.text import anchor, code, fence, plain, table
from convbench.report import format as show
from convbench.report.findings import main_group

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
        f"## Against {'transposed' if kind.upsamples else 'standard'}",
        sections.against(kind, spec, parts),
        "## When it pays",
        sections.when_it_pays(kind, sources),
        sections.facts(kind, spec),
        "## On the command line",
        fence(f"convbench explain {kind.name}", "sh"),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def overview(sources: Sources) -> str:
    """Return the table of all types: what each is, what it costs and what it took in the run."""
    rows = []
    for name in sorted(TYPES):
        kind = make(name)
        spec = sections.slot_for(kind)
        versus = make("transposed" if kind.upsamples else "standard")
        share = (
            kind.cost(spec).multiplications / versus.cost(spec).multiplications
            if versus.fits(spec) is None
            else None
        )
        timed = [row for row in rows_of(sources, name) if row.time]
        best = max(timed, key=lambda row: row.record.cost.multiplications if row.record.cost else 0,
                   default=None)  # fmt: skip
        rows.append(
            (
                f"[{code(name)}]({file_name(name).rpartition('/')[2]})",
                prose(sections.said(kind)[0].partition(". ")[0].rstrip(".")),
                plain("–" if share is None else show.ratio(share)),
                plain(show.ratio(best.time) if best and best.time else "–"),
            )
        )
    return table(
        ("type", "what it is", "multiplications ÷", "time ÷ (interval)"), rows, numbers="llrr"
    )


def clock_figure(sources: Sources) -> str:
    """Return the drawing of promise and clock in the run's main group; empty where it has none."""
    group = main_group(sources.groups)
    if group is None:
        return ""
    caption = (
        f"{group.label}, on {sources.machine} ({RUN}). Left of 1 is less. Hollow marks see or mix "
        "less of their input than a standard convolution does."
    )
    return figure([dots.drawing(group)], caption)
