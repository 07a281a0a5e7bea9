"""Connectivity as drawings: channels by channels, positions, and how evenly outputs see inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench_docs.svg import Drawing

if TYPE_CHECKING:
    from convbench_docs.connectivity import Connectivity

CELL: Final = 20.0
_SMALL_CELL: Final = 12.0
_MANY: Final = 12  # rows or columns from which cells are small
_SIDE: Final = 34.0
_HEAD: Final = 40.0


def channels(found: Connectivity, name: str) -> Drawing:
    """Return which output channel depends on which input channel."""
    rows, columns = found.channels.shape
    each = found.channels.sum(axis=1)
    few, many = int(each.min()), int(each.max())
    number = f"{few}" if few == many else f"{few} to {many}"
    pen = _grid(
        rows,
        columns,
        name=f"channels-{name}",
        title=f"{name}: which channel sees which",
        alt=(
            f"A grid of {rows} output channels by {columns} input channels: each output channel "
            f"depends on {number} of the {columns}, {found.channels.sum()} of "
            f"{rows * columns} pairs."
        ),
        heads=("input channels", "output channels"),
    )
    for row in range(rows):
        for column in range(columns):
            met = bool(found.channels[row, column])
            pen.rect(
                *_cell(row, column, rows, columns),
                fill="count" if met else "text",
                strength=0.9 if met else 0.07,
                says=f"output {row} {'depends' if met else 'does not depend'} on input {column}",
            )
    return pen


def positions(found: Connectivity, name: str) -> Drawing:
    """Return which input positions one output depends on."""
    rows, columns = found.seen.shape
    seen = int((found.seen & found.within).sum())
    more = f", and through a global average on all {rows * columns}" if found.beyond else ""
    pen = _grid(
        rows,
        columns,
        name=f"positions-{name}",
        title=f"{name}: which positions an output sees",
        alt=(
            f"A grid of {rows} by {columns} input positions: the output in the middle depends on "
            f"{seen} of them{more}."
        ),
        heads=("input positions", ""),
    )
    for row in range(rows):
        for column in range(columns):
            met, near = bool(found.seen[row, column]), bool(found.within[row, column])
            pen.rect(
                *_cell(row, column, rows, columns),
                fill="count" if met else "text",
                strength=(0.9 if near else 0.3) if met else 0.07,
                outline=0.5 if near and not met else 0.0,
                dashed=True,
                says="is seen" if met else "is not seen",
            )
    return pen


def evenness(found: Connectivity, name: str) -> Drawing:
    """Return on how many input positions each output depends."""
    rows, columns = found.inputs.shape
    inner = _inner(found)
    least, most = min(inner), max(inner)
    even = f"{least}, all alike" if least == most else f"{least} to {most}"
    pen = _grid(
        rows,
        columns,
        name=f"evenness-{name}",
        title=f"{name}: how many inputs each output sees",
        alt=(
            f"A grid of {rows} by {columns} output positions: away from the border each depends "
            f"on {even} input positions."
        ),
        heads=("output positions", ""),
    )
    top = int(found.inputs.max())
    for row in range(rows):
        for column in range(columns):
            number = int(found.inputs[row, column])
            (x, y), size = _cell(row, column, rows, columns)
            pen.rect((x, y), size, fill="count", strength=0.75 * number / top)
            pen.text((x + size[0] / 2, y + 13), str(number), size=10, place="middle")
    return pen


def is_even(found: Connectivity) -> bool:
    """Tell whether all outputs away from the border see equally many inputs."""
    return len(set(_inner(found))) == 1


def _inner(found: Connectivity) -> list[int]:
    """Return the numbers away from the border, as far as the kernel goes."""
    edge = max(2, *(found.spec.kernel_size))
    rows, columns = found.inputs.shape
    part = found.inputs
    if min(rows, columns) > 2 * edge:
        part = part[edge:-edge, edge:-edge]
    return [int(number) for number in part.flat]


def _cell(
    row: int, column: int, rows: int, columns: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where a cell is and how large."""
    cell = _cell_of(rows, columns)
    gap = cell / 10
    return (_SIDE + column * cell, _HEAD + row * cell), (cell - gap, cell - gap)


def _cell_of(rows: int, columns: int) -> float:
    return _SMALL_CELL if max(rows, columns) > _MANY else CELL


def _grid(
    rows: int, columns: int, *, name: str, title: str, alt: str, heads: tuple[str, str]
) -> Drawing:
    cell = _cell_of(rows, columns)
    width = max(_SIDE + columns * cell + 12, 160.0)
    pen = Drawing(width, _HEAD + rows * cell + 6, name=name, title=title, alt=alt)
    across, down = heads
    pen.text((_SIDE, _HEAD - 12), f"{across} →", strength=0.85)
    if down:
        pen.text((_SIDE - 12, _HEAD + rows * cell), f"{down} →", strength=0.85, upright=False)
    return pen
