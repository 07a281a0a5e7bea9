"""AuditResult -> Document: the summary, the matrix, what is counted, what is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from convbench.audit.result import AuditResult, CaseInfo, CounterInfo
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


def page(
    result: AuditResult, out: str = "reports/counter-audit", before: Sequence[Cell] = ()
) -> Document:
    """Return the page of an audit. out: the folder that the printed command names.

    before: what convbench itself answered before its last mends, where that was not right.
    """
    counters = result.installed
    return Document(
        title="Which counter is right",
        blocks=(
            Paragraph(text=_opening(result)),
            Heading(level=2, text="Summary"),
            _summary(result),
            *_absent(result),
            Heading(level=2, text="The matrix"),
            Bullets(items=tuple(Bullet(text=text, lead=mark) for mark, text in _LEGEND)),
            *(_matrix(result, family, counters) for family in _families(result)),
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
    rows: list[tuple[Any, ...]] = []
    for item in result.installed:
        score = result.score(item.name)
        rows.append(
            (
                item.name,
                item.version,
                score.right,
                score.by_convention,
                score.flagged,
                score.silent,
                score.no_answer,
                score.forward_only,
                score.asked,
                score.touched,
                item.convention,
            )
        )
    return Table(
        id="audit_summary",
        caption="Of each counter's cases, how many it had right, and how the others ended.",
        columns=(
            Column(name="Counter", key="counter"),
            Column(name="Version", key="version"),
            Column(name="Right", key="right", kind="integer"),
            Column(name="Right by its convention", key="by_convention", kind="integer"),
            Column(name="Wrong, flagged", key="flagged", kind="integer"),
            Column(name="Silently wrong or 0", key="silent", kind="integer"),
            Column(name="Refuses or crashes", key="no_answer", kind="integer"),
            Column(name="Not asked", key="forward_only", kind="integer", note="no backward"),
            Column(name="Of", key="asked", kind="integer"),
            Column(name="Left something changed", key="touched", kind="integer"),
            Column(name="What it says it counts", key="convention"),
        ),
        rows=tuple(rows),
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
        Table(
            id="audit_mended",
            caption="",
            columns=(
                Column(name="Case", key="case"),
                Column(name="Before", key="before", kind="integer"),
                Column(name="Mark", key="before_mark"),
                Column(name="Now", key="now", kind="integer"),
                Column(name="Mark", key="now_mark"),
                Column(name="Right", key="right", kind="integer"),
            ),
            rows=tuple(
                (cell.case, cell.value, mark(cell), found.value, mark(found), cell.known)
                for cell in before
                if (found := now.get(cell.case)) is not None
            ),
        ),
    )


def _families(result: AuditResult) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.family for case in result.cases))


def _matrix(result: AuditResult, family: str, counters: tuple[CounterInfo, ...]) -> Table:
    index = {(cell.case, cell.counter): cell for cell in result.cells}
    unbuilt = {cell.case for cell in result.cells if cell.verdict == "not built"}
    cases = [case for case in result.cases if case.family == family and case.id not in unbuilt]
    return Table(
        id="audit_matrix",
        caption=family.capitalize(),
        part=family,
        columns=(
            Column(name="Case", key="case"),
            *(Column(name=item.name, key=item.name) for item in counters),
        ),
        rows=tuple(
            (_short(case), *(mark(index[case.id, item.name]) for item in counters))
            for case in cases
        ),
    )


def _short(case: CaseInfo) -> str:
    return case.id.partition("/")[2]


def _notes(result: AuditResult) -> Bullets:
    return Bullets(
        items=tuple(Bullet(lead=case.id, text=case.note) for case in result.cases if case.note)
    )


def _cases(result: AuditResult) -> Table:
    return Table(
        id="audit_cases",
        caption="",
        columns=(
            Column(name="Case", key="case"),
            Column(name="Count", key="count"),
            Column(name="Multiplications", key="known", kind="integer"),
            Column(name="Pass", key="pass"),
        ),
        rows=tuple(
            (case.id, case.count, case.known, "both" if case.backward else "forward")
            for case in result.cases
        ),
    )


def _touched(result: AuditResult) -> Table:
    rows = []
    for item in result.installed:
        found = Counter(what for cell in result.of_counter(item.name) for what in cell.changed)
        said = ", ".join(f"{what} ({times})" for what, times in sorted(found.items()))
        rows.append((item.name, said or "nothing"))
    return Table(
        id="audit_touched",
        caption="What each counter left changed, and in how many cases.",
        columns=(Column(name="Counter", key="counter"), Column(name="Changed", key="changed")),
        rows=tuple(rows),
    )


def _cells(result: AuditResult) -> Table:
    return Table(
        id="audit_cells",
        caption="",
        columns=tuple(
            Column(name=name, key=name)
            for name in ("case", "counter", "verdict", "known", "value", "macs", "why", "changed")
        ),
        rows=tuple(
            (
                cell.case,
                cell.counter,
                cell.verdict,
                cell.known,
                cell.value,
                cell.macs,
                cell.why,
                "; ".join(cell.changed),
            )
            for cell in result.cells
        ),
    )


def _environment(result: AuditResult) -> str:
    return ", ".join(f"{name} {text}" for name, text in result.environment.items()) + "."
