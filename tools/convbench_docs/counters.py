"""The counters: what each counts, in words, and what the audit found of those that exist."""

from __future__ import annotations

import csv
import inspect
import io

from convbench.core import costs
from convbench.core.docstrings import parts
from convbench.counting.tally import Tally
from convbench_docs import docstrings
from convbench_docs.sources import AUDIT, Sources
from convbench_docs.text import bullets, code, plain, table


def rules() -> str:
    """Return the counting rules as they stand where the numbers are made."""
    doc = inspect.getdoc(costs) or ""
    _, _, rest = doc.partition("THE COUNTING RULES\n\n")
    return docstrings.markdown(rest)


def conventions(sources: Sources) -> str:
    """Return what each counter of the committed run says that it counts."""
    found: dict[str, Tally] = {}
    for record in sources.run.records:
        for name, tally in record.tallies.items():
            if isinstance(tally, Tally):
                found.setdefault(name, tally)
    rows = [
        (
            code(name),
            plain(tally.convention.unit),
            plain(tally.convention.elementwise),
            plain(tally.convention.transposed),
            plain(tally.convention.source),
        )
        for name, tally in found.items()
    ]
    heads = ("counter", "unit", "for elementwise work", "transposed convolution on", "version")
    return table(heads, rows)


def audit(sources: Sources) -> str:
    """Return the summary of the audit: every counter, and how often it was right."""
    text = sources.file(f"{AUDIT}/tables/audit_summary.csv")
    rows = [
        (
            plain(f"{row['counter']} {row['version']}"),
            *(plain(row[key]) for key in _COLUMNS),
        )
        for row in csv.DictReader(io.StringIO(text))
    ]
    return table(("counter", *_COLUMNS.values()), rows, numbers="l" + "r" * len(_COLUMNS))


def audited(sources: Sources) -> int:
    """Return how many programs the audit asked of each counter."""
    text = sources.file(f"{AUDIT}/tables/audit_summary.csv")
    return max(int(row["asked"]) for row in csv.DictReader(io.StringIO(text)))


_COLUMNS = {
    "right": "right",
    "by_convention": "by its convention",
    "flagged": "flagged",
    "silent": "silent",
    "no_answer": "no answer",
    "forward_only": "not asked",
}


def renderers() -> str:
    """Return the report formats that are registered, with what each gives."""
    from convbench.report.renderers import RENDERERS

    points = []
    for name in RENDERERS:
        doc = parts(inspect.getdoc(RENDERERS[name]) or "")
        said = docstrings.prose(doc[0].items[0]) if doc else "–"
        points.append(f"{code(name)}: {said}")
    return bullets(points)
