"""Cost, what a step of a plan is, and how a plan adds up.

THE COUNTING RULES

1 MAC = 1 multiplication, and the addition that goes with it. For |K| taps, |O| output positions,
|I| input positions, batch B, C input and N output channels, G groups:

- convolution: B·N·(C/G)·|K|·|O| multiplications; N·(C/G)·|K| parameters, N more with a bias;
- transposed convolution: B·C·(N/G)·|K|·|I|, on the *input* positions, where it multiplies. A count
  on the output positions is too high by the stride to the power of the number of axes;
- linear: B·in·out; a mix of E kernels for each sample: B·E times the kernel's size;
- `multiplications` is the textbook count: every tap, padding included; `multiplications_valid`
  leaves out the taps on padding (for a transposed convolution: the products whose output is
  cropped);
- `additions`: one for each multiplication, and one for each output element that has a bias;
- a product of two complex numbers is 4 real multiplications, of a complex and a real one 2;
- a product with a sparse matrix: its stored elements, times the rows or columns of the other one;
- normalisation, activation, pooling, resize, gating and addition of tensors are `elementwise`
  operations, at the rates of `steps.ELEMENTWISE`, and never MACs;
- elementwise products that a model sums itself are MACs where they make a contraction: see
  `counting.by_hand.contractions`;
- a weight used several times counts its parameters once and its multiplications every time;
- `reads` and `writes` are elements: every step reads its input and its weights once and writes its
  output once (the least an unfused program can move; bytes follow from the data type);
- `activations`: output elements of convolutions and linear layers (as in Radosavovic et al., CVPR
  2020, arXiv:2003.13678).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from inspect import cleandoc
from typing import Any, ClassVar, Final, Literal, NamedTuple

from convbench.core.arithmetic import Quantity, ceiling, is_array, maximum, product, too_many
from convbench.core.notebook_views import ShownOnPaper
from convbench.core.serialization import Stored


class Described(NamedTuple):
    """What a number of a cost is, for everything that shows, writes or checks it.

    title: a narrow heading. note: what the number is, where the title leaves it open. label: a
    wider heading, where there is one. column: its name in the frame of a run, where it is not the
    field's. kind: "axes" is one count for each spatial axis. adds: whether the whole is the sum of
    the steps. padded: whether it depends on the padding, so that it has no formula in symbols.
    listed: whether a report's table of costs has it, and not only its table of everything.
    """

    title: str
    note: str
    label: str = ""
    column: str = ""
    kind: Literal["count", "bytes", "axes"] = "count"
    adds: bool = True
    padded: bool = False
    listed: bool = False


def _is(title: str, note: str, *, default: Any = 0, **more: Any) -> Any:
    """Declare a field of Cost: the one place that says what it is."""
    return field(default=default, metadata={"is": Described(title, note, **more)})


@dataclass(frozen=True, kw_only=True)
class Cost(ShownOnPaper, Stored, view="costs"):
    """The cost of a type, a step or a network, by the counting rules of this module.

    All counts are for one forward pass of the whole batch. `a + b` adds the counts and keeps the
    larger `peak_live`; its `receptive_field` is empty, because that depends on the order of steps,
    which only `total` knows.
    """

    recurs: ClassVar[bool] = True

    multiplications: Quantity = _is(
        "multiplications",
        "MACs, taps on padding included; FLOPs would be twice as many",
        label="multiplications (= MACs)",
        listed=True,
    )
    multiplications_valid: Quantity = _is(
        "on real input",
        "the same without taps on padding",
        label="… without taps on padding",
        padded=True,
        listed=True,
    )
    additions: Quantity = _is(
        "additions", "one for each multiplication, and one for each output that has a bias"
    )
    parameters: Quantity = _is("parameters", "weights and biases held, each once", listed=True)
    elementwise: Quantity = _is(
        "elementwise",
        "operations of normalisation, activation, pooling, resizing, gating, addition: never MACs",
        label="elementwise operations",
        listed=True,
    )
    reads: Quantity = _is(
        "elements read",
        "elements of inputs and weights, each read once a step",
        column="elements_read",
    )
    writes: Quantity = _is(
        "elements written",
        "elements of outputs, each written once a step",
        column="elements_written",
    )
    activations: Quantity = _is(
        "activations", "output elements of convolutions and linear layers", listed=True
    )
    peak_live: Quantity = _is(
        "most alive",
        "elements of activations alive at once, each freed after use; weights not counted",
        label="most elements alive at once",
        column="peak_live_elements",
        adds=False,
    )
    receptive_field: tuple[Quantity, ...] = _is(
        "receptive field",
        "input elements on each axis that can reach one output; none where it does not apply",
        default=(),
        kind="axes",
        adds=False,
    )

    @property
    def macs(self) -> Quantity:
        """Multiply-accumulates: another name of `multiplications`."""
        return self.multiplications

    @property
    def flops(self) -> Quantity:
        """Floating point operations of the MACs alone: 2 * multiplications."""
        return product(2, self.multiplications)

    def bytes_moved(self, itemsize: int) -> Quantity:
        """Return the bytes read and written with elements of `itemsize` bytes."""
        return product(self.reads + self.writes, itemsize)

    def __add__(self, other: Cost) -> Cost:
        """Add the counts of two costs."""
        if not isinstance(other, Cost):
            return NotImplemented
        counts = {name: getattr(self, name) + getattr(other, name) for name in SUMMED}
        for value in counts.values():
            if is_array(value) and (value < 0).any():  # two counts below 2**63, wrapped around
                raise too_many()
        return Cost(**counts, peak_live=maximum(self.peak_live, other.peak_live))

    def __radd__(self, other: object) -> Cost:
        """Let `sum(costs)` start from 0."""
        if other == 0:
            return self
        return NotImplemented


FIELDS: Final[dict[str, Described]] = {item.name: item.metadata["is"] for item in fields(Cost)}
"""What each field of a Cost is, in the order in which all show them."""
Cost.__doc__ = f"{cleandoc(Cost.__doc__ or '')}\n\nAttributes:\n" + "".join(
    f"    {name}: {described.note}.\n" for name, described in FIELDS.items()
)
SUMMED: Final = tuple(name for name, described in FIELDS.items() if described.adds)
"""The fields whose whole is the sum of the steps."""
BYTES_MOVED: Final = Described(
    "bytes moved",
    "the least an unfused program moves, each step reading its input and weights once and writing "
    "its output once",
    kind="bytes",
    listed=True,
)


def _shown() -> Iterator[tuple[str, Described]]:
    for name, described in FIELDS.items():
        yield name, described
        if name == "writes":
            yield "bytes_moved", BYTES_MOVED


SHOWN: Final = dict(_shown())
"""FIELDS, and what follows from them where the data type is known: what a run shows of a cost."""


Reach = tuple[tuple[Quantity, Quantity, Quantity], ...]
"""For each axis: the first and last input element that output 0 sees (negative: on padding), and
the input elements between neighbouring outputs."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a plan, such as a convolution, a matrix product or a pooling.

    Subclasses compute their cost. `label` is the name that reports show. `shared` marks a weight
    that an earlier step has counted: its multiplications count again, its parameters do not.
    """

    label: str = ""
    shared: bool = False

    @property
    def cost(self) -> Cost:
        """Counts of this step alone."""
        raise NotImplementedError

    @property
    def reach(self) -> Reach | None:
        """How far the step sees on each axis; None when it leaves positions alone."""
        return None

    @property
    def formula(self) -> str:
        """The multiplication of the step's numbers, written out; empty when it has none."""
        return ""

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Elements of the input and of the output, both alive while the step runs."""
        cost = self.cost
        return cost.reads, cost.writes


def path_reach(steps: Iterable[Step]) -> Reach:
    """Compose the reach of steps in order: each adds its own, times the jump before it."""
    whole: Reach = ()
    for step in steps:
        here = step.reach
        if here is None:
            continue
        before = whole or tuple((0, 0, 1) for _ in here)
        whole = tuple(
            (low + jump * first, high + jump * last, jump * stride)
            for (low, high, jump), (first, last, stride) in zip(before, here, strict=True)
        )
    return whole


def peak_live(steps: Iterable[Step]) -> Quantity:
    """Return the most elements alive at once: a step's input and output, at its largest."""
    peak: Quantity = 0
    for step in steps:
        inputs, outputs = step.live
        peak = maximum(peak, inputs + outputs)
    return peak


def total(steps: Iterable[Step]) -> Cost:
    """Sum a plan, and add what depends on the order: receptive field and peak live elements."""
    plan = tuple(steps)
    summed = sum((step.cost for step in plan), start=Cost())
    return replace(
        summed,
        peak_live=peak_live(plan),
        receptive_field=tuple(ceiling(high - low) + 1 for low, high, _ in path_reach(plan)),
    )
