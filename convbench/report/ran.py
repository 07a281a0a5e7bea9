"""What ran in each case of a group: a table of implementations, calls and reorders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.report.document import Column, Table
from convbench.runs.columns import COLUMNS, OBSERVED
from convbench.runs.columns_gpu import OF_A_GPU, on_a_gpu

if TYPE_CHECKING:
    from convbench.report.groups import Group

_COLUMNS: Final = {
    "implementations": "what took most of a pass",
    "calls": "library calls",
    "reorders": "reorders",
    "seconds_calls": "time in calls",
    "seconds_reorders": "time in reorders",
}


_RAN_ON_A_GPU: Final = {"tensor_cores": "tensor cores", "kernel_choices": "choices"}
_ON_A_CPU: Final = (
    "What ran in one pass: library calls, those that only move data between memory layouts "
    f"(reorders), and time in them ({OBSERVED}; without an interval). The time of a call also "
    "holds dispatch and allocation around them."
)
_ON_A_GPU: Final = (
    "What ran in one pass, by PyTorch's profiler: kernels, those that only move data between "
    f"memory layouts (reorders), and time in them ({OBSERVED}; without an interval). Tensor cores: "
    "as the kernels' names say it. Choices: different sets of kernels among the processes, since "
    "libraries choose anew in each; with several, the remark “algorithms differ” has their times."
)


def ran_tables(group: Group, caption: str = "") -> tuple[Table, ...]:
    """Return the table of a group; none where nothing is known of any of its cases.

    caption: in the place of the one that says what the columns are.
    """
    known = [row for row in group.timed if row.record.execution]
    if not known:
        return ()
    on_gpu = on_a_gpu(row.record for row in known)
    shown = {**_COLUMNS, **(_RAN_ON_A_GPU if on_gpu else {})}
    of_frame = [{**COLUMNS, **OF_A_GPU}[key] for key in shown]
    rows = []
    for row in known:
        values = [column.value(row) for column in of_frame]
        if row.record.execution and row.record.execution.reason:
            values[0] = row.record.execution.words
        rows.append((row.record.label, *values))
    return (
        Table(
            id="ran",
            caption=caption or (_ON_A_GPU if on_gpu else _ON_A_CPU),
            columns=(
                Column(name="case", key="label"),
                *(
                    Column(name=name, key=column.name, kind=column.kind)
                    for name, column in zip(shown.values(), of_frame, strict=True)
                ),
            ),
            rows=tuple(rows),
            part=group.label,
            title=group.title,
        ),
    )
