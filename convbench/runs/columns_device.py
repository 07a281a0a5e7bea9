"""What a GPU did: the columns that a frame of one has beside those of every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.clock.contamination import choices
from convbench.runs.columns import FrameColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.runs.frame import Row
    from convbench.runs.record import Record


def _tensor_cores(row: Row) -> str | None:
    return row.record.execution.tensor_cores or None if row.record.execution else None


def _choices(row: Row) -> int | None:
    return len(choices(row.record.samples)) or None


_ALL: Final = (
    FrameColumn(
        "tensor_cores",
        "text",
        _tensor_cores,
        "whether the kernels of a pass multiply on tensor cores: yes, no, or how many of those "
        "whose names say it",
    ),
    FrameColumn(
        "kernel_choices",
        "integer",
        _choices,
        "different sets of kernels that libraries chose in the processes; with several, flags name "
        "them, each with its time",
    ),
)
OF_THE_DEVICE: Final[dict[str, FrameColumn]] = {column.name: column for column in _ALL}
"""By name, in their order."""


def on_a_gpu(records: Iterable[Record]) -> bool:
    """Tell whether one of the records is of a GPU."""
    return any(record.device.startswith("cuda") for record in records)
