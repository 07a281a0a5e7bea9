"""Cost, what a step of a plan is, and how a plan adds up.

THE COUNTING RULES

1 MAC = 1 multiplication, and the addition that goes with it. For |K| taps, |O| output positions,
|I| input positions, batch B, C input and N output channels, G groups:

- convolution: B·N·(C/G)·|K|·|O| multiplications; N·(C/G)·|K| parameters, N more with a bias;
- transposed convolution: B·C·(N/G)·|K|·|I|, on the *input* positions: that is what is multiplied.
  Counting it over the output is wrong by the stride to the power of the axes;
- linear: B·in·out; a mix of E kernels for each sample: B·E times the kernel's size;
- `multiplications` is the textbook count, every tap, padding included; `multiplications_valid`
  leaves out the taps that lie on padding (for a transposed convolution: the products whose output
  is cropped away);
- `additions`: one for each multiplication, and one for each output element that has a bias;
- a product of two complex numbers is 4 real multiplications, of a complex and a real one 2;
- a product with a sparse matrix: each element that it stores times the rows or columns it meets;
- normalisation, activation, pooling, resize, gating and addition of tensors are `elementwise`
  operations, at the rates of `steps.ELEMENTWISE`, and never MACs;
- elementwise products that a model sums itself are MACs where they make a contraction: see
  `counting.by_hand.handmade`;
- a weight used several times counts its parameters once and its multiplications every time;
- `reads` and `writes` are elements: every step reads its input and its weights once and writes its
  output once (the least an unfused program can move; bytes follow from the data type);
- `activations`: output elements of convolutions and linear layers (as in Radosavovic et al., CVPR
  2020, arXiv:2003.13678).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from convbench.core.arithmetic import Quantity, ceiling, is_array, maximum, product, too_many
from convbench.core.serialization import Stored
from convbench.core.shown import ShownOnPaper


@dataclass(frozen=True, kw_only=True)
class Cost(ShownOnPaper, Stored, view="costs"):
    """What something costs, under the counting rules at the top of this module.

    All counts are for one forward pass of the whole batch. `a + b` adds the counts and keeps the
    larger `peak_live`; `receptive_field` has no meaning for a bare sum, so it is dropped there and
    set by `total`, which knows the order.

    Attributes:
        multiplications: textbook count, taps on padding included.
        multiplications_valid: without the taps that lie on padding.
        additions: one for each multiplication, and one for each output that has a bias.
        parameters: weights and biases held, each once.
        elementwise: operations of normalisation, activation, pooling, resizing, gating, addition.
        reads: elements of inputs and weights, each read once a step.
        writes: elements of outputs, each written once a step.
        activations: output elements of convolutions and linear layers.
        peak_live: elements of activations alive at once, weights not counted, when each is freed
            after use.
        receptive_field: input elements on each axis that can reach one output element; () where
            it does not apply.

    """

    multiplications: Quantity = 0
    multiplications_valid: Quantity = 0
    additions: Quantity = 0
    parameters: Quantity = 0
    elementwise: Quantity = 0
    reads: Quantity = 0
    writes: Quantity = 0
    activations: Quantity = 0
    peak_live: Quantity = 0
    receptive_field: tuple[Quantity, ...] = ()

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
        counts = {
            field.name: getattr(self, field.name) + getattr(other, field.name)
            for field in fields(self)
            if field.name not in {"peak_live", "receptive_field"}
        }
        for value in counts.values():
            if is_array(value) and (value < 0).any():  # two counts below 2**63, wrapped around
                raise too_many()
        return Cost(**counts, peak_live=maximum(self.peak_live, other.peak_live))

    def __radd__(self, other: object) -> Cost:
        """Let `sum(costs)` start from 0."""
        if other == 0:
            return self
        return NotImplemented


Reach = tuple[tuple[Quantity, Quantity, Quantity], ...]
"""For each axis: the first and last input element that output 0 sees (negative: on padding), and
the input elements between neighbouring outputs."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One primitive thing a convolution does. Subclasses know their cost.

    `label` names the step for people. `shared` marks a weight that an earlier step has counted:
    its multiplications count again, its parameters do not.
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
