"""Published measurements of speed, with the figures as printed: what `replicate` repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from convbench.core import text as show
from convbench.core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

Processor = Literal["cpu", "cuda"]
STACKED: Final = 10
"""Blocks one after the other, in all these experiments."""
_SIZE: Final = 56


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One figure of a published table, and what it was measured of.

    Attributes:
        row: its row; rows are what is compared.
        column: its column: a width or a size.
        printed: the figure as printed.
        build: returns the module.
        input_shape: of its input, batch first.
        multiplications: of one pass.
        printed_multiplications: of one pass of what was published, where that cannot be built.

    """

    row: str
    column: str
    printed: str
    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    multiplications: int
    printed_multiplications: int

    @property
    def name(self) -> str:
        """What it is called beside the others."""
        return f"{self.row} {self.column}"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is published of an experiment on a kind of processor, its claim as two of its rows.

    Attributes:
        title: what it is about.
        source: paper and table.
        claim: in a sentence.
        slower: row that takes longer for each multiplication, as is claimed.
        faster: row that it is compared with.
        unit: of the printed figures.
        printed_on: what they were measured on.
        assumed: what the source does not say and is done here; empty where it says all.

    """

    title: str
    source: str
    claim: str
    slower: str
    faster: str
    unit: Literal["images/s", "batches/s", "ms"]
    printed_on: str
    assumed: str = ""


@dataclass(frozen=True, kw_only=True)
class Experiment(Claim):
    """A published experiment, with its table row by row."""

    entries: tuple[Entry, ...]

    def against(self, entry: Entry) -> Entry:
        """Return the entry of the faster row in the same column."""
        return next(e for e in self.entries if (e.row, e.column) == (self.faster, entry.column))

    def printed_ratio(self, entry: Entry) -> float:
        """Return the printed time for each multiplication, divided by that of the faster row."""
        base = self.against(entry)
        quotient = float(entry.printed) / float(base.printed)
        times = quotient if self.unit == "ms" else 1 / quotient
        return times * base.printed_multiplications / entry.printed_multiplications


EXPERIMENTS: Final[Registry[Callable[[Processor], Experiment]]] = Registry("experiment")
"""Every experiment by name, as what returns it for a processor."""


class _Made(NamedTuple):
    """A block of `modules` by name, its arguments and channels, multiplications for a position.

    printed: those of what was published, where that cannot be built; else None.
    """

    block: str
    arguments: tuple[int, ...]
    channels: int
    products: int
    printed: int | None = None


def _entries(
    rows: Mapping[str, Callable[[int], _Made]],
    printed: Mapping[str, str],
    columns: Mapping[str, tuple[int, int]],
    batch: int = 1,
) -> tuple[Entry, ...]:
    """Return the entries of a table.

    rows: what is made of a number of channels. printed: the figures of a row, with spaces. columns:
    from a column, the factor of the channels, and height and width.
    """
    found = []
    for row, made in rows.items():
        for (column, (width, size)), figure in zip(
            columns.items(), printed[row].split(), strict=True
        ):
            one = made(width)
            passes = batch * STACKED * size**2
            found.append(
                Entry(
                    row=row,
                    column=column,
                    printed=figure,
                    build=partial(_stack, one.block, one.arguments),
                    input_shape=(batch, one.channels, size, size),
                    multiplications=passes * one.products,
                    printed_multiplications=passes * (one.printed or one.products),
                )
            )
    return tuple(found)


def _stack(block: str, arguments: tuple[int, ...]) -> nn.Module:
    from convbench.experiments import modules

    return modules.stack(getattr(modules, block), STACKED, *arguments)


_WIDTHS: Final = {f"×{width}": (width, _SIZE) for width in (1, 2, 4)}
"""Factors of the channels, as the columns of the tables are headed."""


def _shufflenet(
    table: int, processor: Processor, rows: Any, printed: Any, more: str = "", **texts: str
) -> Experiment:
    """Return an experiment of ShuffleNet V2; what its tables leave open is the same in all."""
    cpu = processor == "cpu"
    assumed = "Convolutions have a bias and no normalisation."
    if not cpu:
        assumed += " The batch is not stated: 1 here."
    return Experiment(
        source=f"Ma et al. (ShuffleNet V2), arXiv:1807.11164, Table {table}",
        unit="images/s" if cpu else "batches/s",
        printed_on="ARM (Snapdragon 810), 1 thread" if cpu else "GPU (GTX 1080 Ti)",
        entries=_entries(rows, printed, _WIDTHS),
        assumed=f"{assumed} {more}".strip(),
        **texts,
    )


@EXPERIMENTS.register("shufflenetv2-g1")
def _g1(processor: Processor) -> Experiment:
    channels = {
        "cpu": {"1:1": (32, 32), "1:2": (22, 44), "1:6": (13, 78), "1:12": (9, 108)},
        "cuda": {"1:1": (128, 128), "1:2": (90, 180), "1:6": (52, 312), "1:12": (36, 432)},
    }
    printed = {
        "cpu": {"1:1": "76.2 21.7 5.3", "1:2": "72.9 20.5 5.1", "1:6": "69.1 17.9 4.6",
                "1:12": "57.6 15.1 4.4"},
        "cuda": {"1:1": "1480 723 232", "1:2": "1296 586 206", "1:6": "876 489 189",
                 "1:12": "748 392 163"},
    }  # fmt: skip

    def row(narrow: int, wide: int) -> Callable[[int], _Made]:
        return lambda w: _Made(
            "widened", (narrow * w, wide * w), narrow * w, 2 * narrow * wide * w * w
        )

    return _shufflenet(
        1,
        processor,
        {name: row(*pair) for name, pair in channels[processor].items()},
        printed[processor],
        title="G1: 1×1 convolutions with unequal numbers of channels",
        claim="Of 1×1 convolutions with equal multiplications, those with equally many input and "
        "output channels take the least time.",
        slower="1:12",
        faster="1:1",
    )


@EXPERIMENTS.register("shufflenetv2-g2")
def _g2(processor: Processor) -> Experiment:
    channels = {"cpu": {1: 64, 2: 90, 4: 128, 8: 180}, "cuda": {1: 128, 2: 180, 4: 256, 8: 360}}
    printed = {
        "cpu": {1: "40.0 10.2 2.3", 2: "35.0 9.5 2.2", 4: "32.9 8.7 2.1", 8: "27.8 7.5 1.8"},
        "cuda": {1: "2451 1289 437", 2: "1725 873 341", 4: "1026 644 338", 8: "634 445 230"},
    }

    def row(groups: int, c: int) -> Callable[[int], _Made]:
        def made(w: int) -> _Made:
            wide = groups * round(c * w / groups)
            return _Made(
                "pointwise", (wide, groups), wide, wide**2 // groups, (c * w) ** 2 // groups
            )

        return made

    return _shufflenet(
        2,
        processor,
        {show.plural(groups, "group"): row(groups, c) for groups, c in channels[processor].items()},
        {show.plural(groups, "group"): text for groups, text in printed[processor].items()},
        "180 channels do not divide into 8 groups: 176 here, at ×1." if processor == "cpu" else "",
        title="G2: 1×1 convolutions with groups",
        claim="Of 1×1 convolutions with equal multiplications, more groups take more time.",
        slower="8 groups",
        faster="1 group",
    )


@EXPERIMENTS.register("shufflenetv2-g3")
def _g3(processor: Processor) -> Experiment:
    printed = {
        "cpu": {"1 convolution": "40.2 10.1 2.3", "2 in series": "38.6 10.1 2.2",
                "4 in series": "38.4 10.1 2.3", "2 in parallel": "33.4 9.1 2.2",
                "4 in parallel": "35.0 8.4 2.1"},
        "cuda": {"1 convolution": "2446 1274 434", "2 in series": "1790 909 336",
                 "4 in series": "752 745 349", "2 in parallel": "1537 803 320",
                 "4 in parallel": "691 572 292"},
    }  # fmt: skip
    channels = {"cpu": 64, "cuda": 128}[processor]

    def row(block: str, number: int) -> Callable[[int], _Made]:
        def made(w: int) -> _Made:
            c = isqrt((channels * w) ** 2 // number)
            return _Made(block, (c, number), c, number * c * c)

        return made

    return _shufflenet(
        3,
        processor,
        {
            "1 convolution": row("series", 1),
            "2 in series": row("series", 2),
            "4 in series": row("series", 4),
            "2 in parallel": row("Parallel", 2),
            "4 in parallel": row("Parallel", 4),
        },
        printed[processor],
        "The blocks are drawn in an appendix that was not at hand: here n convolutions of c/√n "
        "channels, in series, or of one input and added.",
        title="G3: one 1×1 convolution or several in its place",
        claim="Of blocks of 1×1 convolutions with equal multiplications, fragmented ones take more "
        "time.",
        slower="4 in parallel",
        faster="1 convolution",
    )


@EXPERIMENTS.register("shufflenetv2-g4")
def _g4(processor: Processor) -> Experiment:
    printed = {
        "cpu": {"ReLU and shortcut": "56.7 16.9 5.0", "ReLU": "61.9 18.8 5.2",
                "shortcut": "57.3 18.2 5.1", "neither": "66.3 20.2 5.4"},
        "cuda": {"ReLU and shortcut": "2427 2066 1436", "ReLU": "2647 2256 1735",
                 "shortcut": "2672 2121 1458", "neither": "2842 2376 1782"},
    }  # fmt: skip

    def row(relu: int, shortcut: int) -> Callable[[int], _Made]:
        def made(w: int) -> _Made:
            c, inner = 32 * w, 8 * w
            return _Made("Bottleneck", (c, relu, shortcut), c, 2 * c * inner + 9 * inner**2)

        return made

    return _shufflenet(
        4,
        processor,
        {
            "ReLU and shortcut": row(1, 1),
            "ReLU": row(1, 0),
            "shortcut": row(0, 1),
            "neither": row(0, 0),
        },
        printed[processor],
        "The bottleneck's inner width and the size of its input are not in the table: here a "
        f"quarter of the channels, and {_SIZE}×{_SIZE}.",
        title="G4: a bottleneck with and without elementwise operations",
        claim="ReLU and shortcut, which multiply nothing, take a noticeable part of the time.",
        slower="ReLU and shortcut",
        faster="neither",
    )


@EXPERIMENTS.register("fasternet-table1")
def _fasternet(processor: Processor) -> Experiment:
    sizes = {f"{96 * w} @{_SIZE // w}×{_SIZE // w}": (w, _SIZE // w) for w in (1, 2, 4, 8)}
    printed = {
        "cpu": {"standard": "35.67 28.41 31.85 62.71", "16 groups": "21.90 7.58 4.40 4.28",
                "depthwise": "3.59 1.97 1.06 0.68", "partial, 1/4": "5.46 3.09 3.58 5.02"},
        "cuda": {"standard": "3010 4893 4558 3159", "16 groups": "2888 10811 15534 16000",
                 "depthwise": "11940 23358 46377 88889", "partial, 1/4": "9215 14360 24408 32866"},
    }  # fmt: skip
    cpu = processor == "cpu"

    def grouped(groups: Callable[[int], int]) -> Callable[[int], _Made]:
        def made(w: int) -> _Made:
            c = 96 * w
            return _Made("spatial", (c, groups(c)), c, 9 * c * c // groups(c))

        return made

    return Experiment(
        title="3×3 convolutions: multiplications a second",
        source="Chen et al. (FasterNet), arXiv:2303.03667, Table 1",
        claim="A partial convolution makes more multiplications a second than a depthwise one.",
        slower="depthwise",
        faster="partial, 1/4",
        unit="ms" if cpu else "images/s",
        printed_on="CPU (Core i9-9900X), 1 thread, one image"
        if cpu
        else "GPU (RTX 2080 Ti), batch 32",
        entries=_entries(
            {
                "standard": grouped(lambda _: 1),
                "16 groups": grouped(lambda _: 16),
                "depthwise": grouped(lambda c: c),
                "partial, 1/4": lambda w: _Made("Partial", (96 * w,), 96 * w, 9 * (24 * w) ** 2),
            },
            printed[processor],
            sizes,
            1 if cpu else 32,
        ),
        assumed="Convolutions have a bias, as from a merged normalisation; the partial one has "
        "none, and works on a copy of its input, as in the authors' code.",
    )
