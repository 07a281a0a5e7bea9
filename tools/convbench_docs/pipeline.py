"""A plan as a drawing: what happens, in which order, on which shape, for which share of the work.

Made from the steps alone, so a type that nobody has drawn has its drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from convbench.core import text as show
from convbench.core.costs import Step
from convbench.core.spec import ConvSpec
from convbench.core.steps import Branches
from convbench_docs.svg import Drawing

BOX: Final = 216.0
"""Width of a step."""
GAP: Final = 14.0
"""Between paths side by side."""
ARROW: Final = 22.0
"""From one step down to the next."""
_LINE: Final = 15.0
_LETTERS: Final = 30  # of a label, in a line of a box
_EDGE: Final = 6.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """A step as it is drawn: its label in lines, its output shape, its share of the work."""

    lines: tuple[str, ...]
    shape: str
    multiplications: int
    share: float
    does: str

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return _LINE * (len(self.lines) + 2) + (14.0 if self.multiplications else 6.0)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Paths side by side that read the same input; an empty one is the identity."""

    paths: tuple[tuple[Node, ...], ...]


Node: TypeAlias = Box | Split


def drawing(spec: ConvSpec, steps: Sequence[Step], name: str) -> Drawing:
    """Return the plan of a type in a slot, top to bottom.

    spec: the slot, whose input and output stand at the ends. steps: the plan. name: of the type.
    """
    nodes = _nodes(steps, sum(step.cost.multiplications for step in steps))
    width, height = _size(nodes)
    start, end = (f"{way} {_shape(shape[1:])}" for way, shape in
                  (("input", spec.input_shape), ("output", spec.output_shape)))  # fmt: skip
    pen = Drawing(
        width + 2 * _EDGE,
        height + 2 * _LINE + 2 * ARROW + 2 * _EDGE,
        name=f"steps-{name}",
        title=f"The steps of {name}",
        alt=". ".join([start, *_told(nodes), end]) + ".",
    )
    middle = pen.width / 2
    pen.text((middle, _EDGE + _LINE - 4), start, place="middle", strength=0.8)
    top = _EDGE + _LINE
    pen.line((middle, top), (middle, top + ARROW), strength=0.6, arrow=True)
    bottom = _draw(pen, nodes, middle, top + ARROW)
    pen.line((middle, bottom), (middle, bottom + ARROW), strength=0.6, arrow=True)
    pen.text((middle, bottom + ARROW + _LINE), end, place="middle", strength=0.8)
    return pen


def _nodes(steps: Sequence[Step], whole: int) -> tuple[Node, ...]:
    """Return what is drawn; a step that touches nothing in this slot is left out."""
    found: list[Node] = []
    for step in steps:
        if isinstance(step, Branches):
            paths = tuple(_nodes(path, whole) for path in step.paths)
            filled = [path for path in paths if path]
            beside = len(filled) > 1 or len(filled) < len(step.paths) or step.keeps_input
            if filled and beside:
                more = ((),) if step.keeps_input and len(filled) == len(paths) else ()
                found.append(Split(paths=(*paths, *more)))
            elif filled:
                found.extend(filled[0])
        elif step.cost.reads or step.cost.writes or step.cost.multiplications:
            found.append(_box(step, whole))
    return tuple(found)


def _box(step: Step, whole: int) -> Box:
    cost = step.cost
    if cost.multiplications:
        does = f"{show.count(cost.multiplications)} multiplications"
    elif cost.elementwise:
        does = f"{show.count(cost.elementwise)} elementwise operations"
    else:
        does = "data movement only"
    return Box(
        lines=_wrapped(step.label or type(step).__name__),
        shape=f"→ {output_shape(step)}",
        multiplications=cost.multiplications,
        share=cost.multiplications / whole if whole else 0.0,
        does=does,
    )


def output_shape(step: Step) -> str:
    """Return channels × positions of what a step writes; for one without, its elements."""
    channels: Any = getattr(step, "out_channels", getattr(step, "channels", None))
    axes: Any = getattr(step, "axes", None)
    features: Any = getattr(step, "out_features", None)
    if features is not None:
        return _shape((features,))
    if channels is None:
        return f"{step.live[1]:,} elements"
    if axes is not None:
        return _shape((channels, *(axis.output for axis in axes)))
    scale: Any = getattr(step, "scale", 1)
    operation = type(step).__name__
    size: Any = () if operation == "GlobalPool" else getattr(step, "size", ())
    return _shape((channels, *(length * scale for length in size)))


def _shape(numbers: Sequence[Any]) -> str:
    return "×".join(map(str, numbers))


def _wrapped(label: str) -> tuple[str, ...]:
    import textwrap

    return tuple(textwrap.wrap(label, _LETTERS)) or ("",)


def _size(nodes: Sequence[Node]) -> tuple[float, float]:
    """Return width and height of nodes beneath one another."""
    width, height = BOX, 0.0
    for index, node in enumerate(nodes):
        if isinstance(node, Box):
            wide, high = BOX, node.height
        else:
            sizes = [_size(path) for path in node.paths]
            wide = sum(size[0] for size in sizes) + GAP * (len(sizes) - 1)
            high = max(size[1] for size in sizes) + 2 * ARROW
        width = max(width, wide)
        height += high + (ARROW if index else 0.0)
    return width, height


def _draw(pen: Drawing, nodes: Sequence[Node], middle: float, top: float) -> float:
    """Draw nodes beneath one another, centred, and return where they end."""
    for index, node in enumerate(nodes):
        if index:
            pen.line((middle, top), (middle, top + ARROW), strength=0.6, arrow=True)
            top += ARROW
        top = (
            _draw_box(pen, node, middle, top)
            if isinstance(node, Box)
            else _draw_split(pen, node, middle, top)
        )
    return top


def _draw_box(pen: Drawing, box: Box, middle: float, top: float) -> float:
    left = middle - BOX / 2
    pen.rect((left, top), (BOX, box.height), fill="text", strength=0.04, outline=0.55, round_by=4)
    line = top + _LINE + 1
    for words in box.lines:
        pen.text((middle, line), words, place="middle", bold=True)
        line += _LINE
    pen.text((middle, line), box.shape, place="middle", size=11.5)
    line += _LINE
    does = box.does
    if box.multiplications:
        does += f" · {show.share(box.share)}" if box.share < 1 else " · all"
    pen.text((middle, line), does, place="middle", size=11, strength=0.85)
    if box.multiplications:
        full = BOX - 24
        pen.rect((left + 12, line + 6), (full, 5), fill="text", strength=0.12)
        pen.rect((left + 12, line + 6), (max(full * box.share, 1), 5), fill="count")
    return top + box.height


def _draw_split(pen: Drawing, split: Split, middle: float, top: float) -> float:
    sizes = [_size(path) for path in split.paths]
    whole = sum(size[0] for size in sizes) + GAP * (len(sizes) - 1)
    deep = max(size[1] for size in sizes)
    bar, join = top + ARROW / 3, top + deep + 2 * ARROW - ARROW / 3
    left, centres = middle - whole / 2, []
    for width, _ in sizes:
        centres.append(left + width / 2)
        left += width + GAP
    pen.line((middle, top), (middle, bar), strength=0.6)
    pen.line((middle, join), (middle, top + deep + 2 * ARROW), strength=0.6)
    for level in (bar, join):
        pen.line((centres[0], level), (centres[-1], level), strength=0.6)
    for path, centre in zip(split.paths, centres, strict=True):
        if not path:
            pen.line((centre, bar), (centre, join), strength=0.6, dashed=True)
            pen.text((centre + 6, (bar + join) / 2), "identity", size=11, strength=0.85)
            continue
        pen.line((centre, bar), (centre, top + ARROW), strength=0.6, arrow=True)
        bottom = _draw(pen, path, centre, top + ARROW)
        pen.line((centre, bottom), (centre, join), strength=0.6)
    return top + deep + 2 * ARROW


def _told(nodes: Sequence[Node]) -> list[str]:
    """Return the nodes in words, one sentence each."""
    told: list[str] = []
    for node in nodes:
        if isinstance(node, Box):
            share = f", {show.share(node.share)} of all" if node.multiplications else ""
            told.append(f"{' '.join(node.lines)} {node.shape}: {node.does}{share}")
            continue
        for number, path in enumerate(node.paths, start=1):
            inside = "; ".join(_told(path)) or "the input unchanged"
            told.append(f"Path {number} of {len(node.paths)}: {inside}")
    return told
