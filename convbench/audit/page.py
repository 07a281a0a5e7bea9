"""AuditResult -> Document: the summary, the matrix, what is counted, what is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from convbench.audit.result import AuditResult
from convbench.audit.verdicts import Cell, Verdict
from convbench.report.document import (
    Block,
    Bullet,
    Bullets,
    Code,
    Column,
    Document,
    Fold,
    Heading,
    Paragraph,
    Table,
)

COMMAND: Final = 'pip install "convbench[audit]"\npython -m convbench audit --out {out}'

_LEGEND: Final = (
    ("✓", "right: the number, in the tool's own unit, is the known number of multiplications"),
    (
        "c",
        "right by its convention: what the tool declares to count besides (bias, normalisation, "
        "…) explains the whole difference",
    ),
    ("×2", "wrong, and nothing says so: by this factor"),
    ("0", "a silent zero"),
    ("?", "wrong, but the tool names operators that it does not know; ?×0.5 is by which factor"),
    ("R", "refuses: the tool itself says that it cannot"),
    ("!", "crashes, or gives no answer in a minute"),
    ("–", "not asked: the tool counts no backward pass"),
    ("*", "beside a mark: the model, torch or the random state was left changed"),
)


_MARKS: Final[dict[Verdict, str]] = {
    "right": "✓",
    "right by its convention": "c",
    "wrong": "{factor}",
    "silent zero": "0",
    "flagged": "?{factor}",
    "refuses": "R",
    "crashes": "!",
    "forward only": "–",
    "not installed": "",
    "not built": "",
}

_SCORES: Final = {
    "right": "Right",
    "by_convention": "Right by its convention",
    "flagged": "Wrong, flagged",
    "silent": "Silently wrong or 0",
    "no_answer": "Refuses or crashes",
    "forward_only": "Not asked",
    "asked": "Of",
    "touched": "Left something changed",
}
"""What a summary says of a counter: the fields of its score, and the columns' names."""
_NUMBERS: Final = {*_SCORES, "before", "now", "known"}
_NOTES: Final = {"forward_only": "no backward"}


def page(
    result: AuditResult, out: str = "reports/counter-audit", before: Sequence[Cell] = ()
) -> Document:
    """Return the page of an audit. out: the folder that the printed command names.

    before: what convbench itself answered before its last mends, where that was not right.
    """
    families = dict.fromkeys(case.family for case in result.cases)
    return Document(
        title="Which counter is right",
        blocks=(
            Paragraph(text=_opening(result)),
            Heading(level=2, text="Summary"),
            _summary(result),
            *_absent(result),
            Heading(level=2, text="The matrix"),
            Bullets(items=tuple(Bullet(text=text, lead=mark) for mark, text in _LEGEND)),
            *(_matrix(result, family) for family in families),
            *_mended(result, before),
            Heading(level=2, text="What is counted"),
            Paragraph(
                text="One multiply-accumulate is one multiplication whose product is then summed. "
                "Every tap counts, those on padding too; a transposed convolution is counted on "
                "its input positions; the whole batch is counted; work on weights alone, "
                "elementwise work and transforms are apart. Backward cases are forward and "
                "backward together. Notes say what that means where it may be doubted."
            ),
            _notes(result),
            Fold(summary="Every case, with its count written out", blocks=(_cases(result),)),
            Heading(level=2, text="What is left behind"),
            Paragraph(
                text="State is compared before and after each count: the keys and values of "
                "state_dict, gradients, train and requires_grad flags, hooks, attributes, torch's "
                "own functions, the random state, and whether the module still pickles."
            ),
            _touched(result),
            Heading(level=2, text="How to repeat it"),
            Code(text=COMMAND.format(out=out)),
            Paragraph(
                text="Each cell ran in a process of its own; no cell is filled in by hand. "
                + _environment(result)
            ),
        ),
        data=(_cells(result),),
    )


def mark(cell: Cell) -> str:
    """Return the short mark of a cell, as the legend explains it."""
    text = _MARKS[cell.verdict].format(factor=f"×{cell.factor or 0:.3g}")
    return text + ("*" if text and cell.changed else "")


def _opening(result: AuditResult) -> str:
    asked = len(result.cases)
    every = len(result.agreed)
    best = [item for item in result.installed if result.score(item.name).silent == 0]
    names = ", ".join(item.name for item in best) or "none"
    return (
        f"{asked} small programs whose multiplications are known, asked of "
        f"{len(result.installed)} counters. All of them are right on {every}. Without a silent "
        f"error: {names}."
    )


def _summary(result: AuditResult) -> Table:
    scores = [(item, result.score(item.name)) for item in result.installed]
    return _table(
        "audit_summary",
        (
            (item.name, item.version, *(getattr(score, key) for key in _SCORES), item.convention)
            for item, score in scores
        ),
        caption="Of each counter's cases, how many it had right, and how the others ended.",
        counter="Counter",
        version="Version",
        **_SCORES,
        convention="What it says it counts",
    )


def _absent(result: AuditResult) -> tuple[Block, ...]:
    """Say which counters were not there, and which cases could not be built."""
    missing = [item.name for item in result.counters if not item.version]
    unbuilt = sorted({cell.case for cell in result.cells if cell.verdict == "not built"})
    texts = []
    if missing:
        texts.append(f"Not installed here, so not asked: {', '.join(missing)}.")
    if unbuilt:
        texts.append(f"Could not be built here: {', '.join(unbuilt)}.")
    return tuple(Paragraph(text=text) for text in texts)


def _mended(result: AuditResult, before: Sequence[Cell]) -> tuple[Block, ...]:
    """Show what new cases found in convbench itself."""
    if not before:
        return ()
    now = {cell.case: cell for cell in result.of_counter("convbench")}
    return (
        Heading(level=2, text="What the matrix found in convbench"),
        Paragraph(
            text="The column of convbench on the same cases, before it was mended and now. Its "
            "marks are those of the matrix: what is flagged is said as a lower bound (≥)."
        ),
        _table(
            "audit_mended",
            (
                (cell.case, cell.value, mark(cell), found.value, mark(found), cell.known)
                for cell in before
                if (found := now.get(cell.case)) is not None
            ),
            case="Case",
            before="Before",
            before_mark="Mark",
            now="Now",
            now_mark="Mark",
            right="Right",
        ),
    )


def _matrix(result: AuditResult, family: str) -> Table:
    unbuilt = {cell.case for cell in result.cells if cell.verdict == "not built"}
    cases = [case for case in result.cases if case.family == family and case.id not in unbuilt]
    names = [item.name for item in result.installed]
    return _table(
        "audit_matrix",
        (
            (case.id.partition("/")[2], *(mark(result.cell(case.id, name)) for name in names))
            for case in cases
        ),
        caption=family.capitalize(),
        part=family,
        case="Case",
        **dict(zip(names, names, strict=True)),
    )


def _notes(result: AuditResult) -> Bullets:
    return Bullets(
        items=tuple(Bullet(lead=case.id, text=case.note) for case in result.cases if case.note)
    )


def _cases(result: AuditResult) -> Table:
    return _table(
        "audit_cases",
        (
            (case.id, case.count, case.known, "both" if case.backward else "forward")
            for case in result.cases
        ),
        **{"case": "Case", "count": "Count", "known": "Multiplications", "pass": "Pass"},
    )


def _touched(result: AuditResult) -> Table:
    rows = []
    for item in result.installed:
        found = Counter(what for cell in result.of_counter(item.name) for what in cell.changed)
        said = ", ".join(f"{what} ({times})" for what, times in sorted(found.items()))
        rows.append((item.name, said or "nothing"))
    return _table(
        "audit_touched",
        rows,
        caption="What each counter left changed, and in how many cases.",
        counter="Counter",
        changed="Changed",
    )


def _cells(result: AuditResult) -> Table:
    """Return every cell; as data only, so that no column needs a name of its own."""
    keys = ("case", "counter", "verdict", "known", "value", "macs", "why")
    return Table(
        id="audit_cells",
        caption="",
        columns=tuple(Column(name=key, key=key) for key in (*keys, "changed")),
        rows=tuple(
            (*(getattr(cell, key) for key in keys), "; ".join(cell.changed))
            for cell in result.cells
        ),
    )


def _table(
    name: str,
    rows: Iterable[tuple[Any, ...]],
    /,
    *,
    caption: str = "",
    part: str = "",
    **columns: str,
) -> Table:
    """Return a table of columns named by key; those that hold numbers are known by their keys."""
    return Table(
        id=name,
        caption=caption,
        part=part,
        columns=tuple(
            Column(
                name=text,
                key=key,
                kind="integer" if key in _NUMBERS else "text",
                note=_NOTES.get(key, ""),
            )
            for key, text in columns.items()
        ),
        rows=tuple(rows),
    )


def _environment(result: AuditResult) -> str:
    return ", ".join(f"{name} {text}" for name, text in result.environment.items()) + "."
