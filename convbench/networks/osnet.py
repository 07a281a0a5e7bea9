"""OSNet, the Omni-Scale Network: its knobs, its plan, and what its paper prints about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from convbench.convs.lite import Lite
from convbench.convs.pointwise import Pointwise
from convbench.convs.standard import Standard
from convbench.core.arithmetic import (
    Quantity,
    at_least,
    divides,
    exact,
    holds,
    is_array,
    is_symbolic,
)
from convbench.core.errors import SpecError
from convbench.core.steps import Branches, Gating, GlobalPool, Linear
from convbench.networks.base import NETWORKS, Network
from convbench.networks.flow import Map, Part, conv_norm, elementwise, named, pool, slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from convbench.core.costs import Step

CHANNELS: Final = (64, 256, 384, 512)
"""Output channels of the stem, conv2, conv3 and conv4 at width 1 (paper, Table 1)."""
FEATURES: Final = 512
"""Length of the feature vector, at every width."""
STREAMS: Final = ("conv2a", "conv2b", "conv2c", "conv2d")
"""Streams of a block; the n-th is n layers of 3×3 deep."""
NARROWING: Final = 4
"""A block works on 1/4 of its output channels."""
REDUCTION: Final = 16
"""A gate's hidden layer has 1/16 of the channels it gates, rounded down."""
WIDTH_UNIT: Final = 32
"""Widths are multiples of 1/32: others give some block a channel count that is not whole."""
MIN_SIZE: Final = 13
"""Least height and width: of 12 elements the last average pool gets one, and it pools two."""

PAPER: Final = "arXiv:1905.00953v5"
TABLE_6: Final[dict[Fraction, tuple[str, dict[tuple[int, ...], str]]]] = {
    # width: (parameters, multiply-adds at each size). Table 6; also Table 1 for the first of all.
    # Parameters are without the identity classifier, which inference does not run.
    Fraction(1): (
        "2.2 M",
        {(256, 128): "978.9 M", (192, 96): "550.7 M", (128, 64): "244.9 M", (64, 32): "61.5 M"},
    ),
    Fraction(3, 4): (
        "1.3 M",
        {(256, 128): "571.8 M", (192, 96): "321.7 M", (128, 64): "143.1 M", (64, 32): "35.9 M"},
    ),
    Fraction(1, 2): (
        "0.6 M",
        {(256, 128): "272.9 M", (192, 96): "153.6 M", (128, 64): "68.3 M", (64, 32): "17.2 M"},
    ),
    Fraction(1, 4): (
        "0.2 M",
        {(256, 128): "82.3 M", (192, 96): "46.3 M", (128, 64): "20.6 M", (64, 32): "5.2 M"},
    ),
}
PARAMETERS: Final[dict[tuple[Fraction, tuple[int, ...], bool, int | None], tuple[str, str]]] = {
    # (width, blocks, full_conv, num_classes): (as printed, where)
    **{(w, (2, 2, 2), False, None): (p, "Table 6") for w, (p, _) in TABLE_6.items()},
    (Fraction(1), (2, 2, 2), True, None): ("6.9 M", "section 3.3"),
    (Fraction(1), (2, 2, 2), False, 10): ("2.2 M", "Table 8"),
    (Fraction(1), (3, 8, 6), False, 10): ("4.6 M", "Table 8"),
    (Fraction(1), (2, 2, 2), False, 1000): ("2.7 M", "Table 10"),
    (Fraction(3, 4), (2, 2, 2), False, 1000): ("1.8 M", "Table 10"),
    (Fraction(1, 2), (2, 2, 2), False, 1000): ("1.1 M", "Table 10"),
}
# Left out: section 3.3's 3,384.9 M multiply-adds with standard 3×3 convolutions, which does not
# follow from the architecture, and Table 10's multiply-adds, which count batch norm too.


@dataclass(frozen=True, kw_only=True)
class OSNet(Network):
    """OSNet: blocks of four streams that see 3, 5, 7 and 9 elements, weighted by one shared gate.

    width: factor on the channels, a multiple of 1/32 from 1/4 on (int, Fraction or exact float; an
    array or a SymPy symbol for plans only). blocks: OSBlocks in conv2, conv3 and conv4.
    instance_norm: the "ibn" variant, with instance norm in the stem and at the end of the conv2
    blocks. full_conv: standard 3×3 convolutions in place of the Lite ones. num_classes: None, or
    the size of a classifier, which training alone runs: in evaluation it costs parameters only.

    Steps that are modules in what `build` gives are labelled with the modules' names. Raises
    SpecError for a knob that cannot be, and for an input below 13×13.
    """

    paper = f"Zhou et al., ICCV 2019, {PAPER}"
    input_size = (256, 128)
    in_all = True

    width: Quantity = 1
    blocks: tuple[int, int, int] = (2, 2, 2)
    instance_norm: bool = False
    full_conv: bool = False
    num_classes: int | None = None

    def __post_init__(self) -> None:
        """Check the knobs; keep a width that is a number as an exact one."""
        width = self.width
        if not self._sweeps:
            try:
                width = Fraction(width)
            except (TypeError, ValueError, OverflowError):  # no number; not a number; infinite
                width = Fraction(0)
        if not holds(at_least(width * 4, 1)) or not holds(divides(1, width * WIDTH_UNIT)):
            raise SpecError(
                f"width={self.width!r} of OSNet gives channel counts that are not whole, or a gate "
                f"without channels: give a multiple of 1/{WIDTH_UNIT} from 1/4 on, such as 1, "
                "0.75, 0.5 or 0.25."
            )
        object.__setattr__(self, "width", width)
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if len(self.blocks) != len(CHANNELS) - 1 or not all(map(_is_count, self.blocks)):
            raise SpecError(
                f"blocks={self.blocks!r} of OSNet: give three whole numbers of at least 1, for "
                "conv2, conv3 and conv4."
            )
        if self.num_classes is not None and not _is_count(self.num_classes):
            raise SpecError(
                f"num_classes={self.num_classes!r} of OSNet: give None for no classifier, or a "
                "whole number of at least 1."
            )

    @property
    def _sweeps(self) -> bool:
        """Whether the width is an array or a formula, which has a plan and no module."""
        return is_array(self.width) or bool(getattr(self.width, "free_symbols", ()))

    @property
    def channels(self) -> tuple[Quantity, ...]:
        """Output channels of the stem, conv2, conv3 and conv4 at this width."""
        return tuple(_whole(base * self.width) for base in CHANNELS)

    def plan(self, batch: Quantity, size: tuple[Quantity, ...]) -> tuple[Step, ...]:
        """Return what happens to (batch, 3, *size) in evaluation, on the way to the features."""
        if len(size) != len(self.input_size):
            raise SpecError(f"size={size!r} has {len(size)} numbers: give height and width.")
        if not all(holds(at_least(length, MIN_SIZE)) for length in size):
            raise SpecError(
                f"size={size!r} is too small for OSNet, which halves it until nothing is left to "
                f"pool: give at least {MIN_SIZE} for height and width."
            )
        image = Map(batch, self.in_channels, tuple(size))
        stem, *stages = self.channels
        norm = "instance_norm" if self.instance_norm else "batch_norm"
        steps, x = conv_norm("conv1", image, stem, kernel=7, stride=2, norm=norm)
        pooling, x = pool("maxpool", x, kernel=3, stride=2, padding=1)
        steps += pooling
        for stage, (out, blocks) in enumerate(zip(stages, self.blocks, strict=True)):
            name = f"conv{stage + 2}"
            for index in range(blocks):
                more, x = self._block(
                    f"{name}.{index}",
                    x,
                    out,
                    widens=index == 0,
                    instance_norm=self.instance_norm and stage == 0,
                )
                steps += more
            if stage < len(stages) - 1:
                conv, x = conv_norm(f"{name}.{blocks}.0", x, out)
                pooling, x = pool(f"{name}.{blocks}.1", x, kernel=2, stride=2)
                steps += (*conv, *pooling)
        conv, x = conv_norm("conv5", x, x.channels)
        return (*steps, *conv, *self._head(x))

    def _head(self, x: Map) -> Iterable[Step]:
        yield GlobalPool(label="global_avgpool", batch=x.batch, channels=x.channels, size=x.size)
        yield Linear(
            label="fc.0", rows=x.batch, in_features=x.channels, out_features=FEATURES, bias=True
        )
        features = Map(x.batch, FEATURES, ())
        yield elementwise("fc.1", features, "batch_norm")
        yield elementwise("fc.2", features, "relu")
        if self.num_classes is not None:
            yield Linear(
                label="classifier",
                rows=0,
                in_features=FEATURES,
                out_features=self.num_classes,
                bias=True,
            )

    def _block(
        self, name: str, x: Map, out: Quantity, *, widens: bool, instance_norm: bool
    ) -> Part:
        """Plan one OSBlock; one that `widens` has a convolution on its identity path.

        Every first block of a stage does, at every width, so symbols need not be compared.
        """
        narrow, y = conv_norm(f"{name}.conv1", x, exact(out, NARROWING))
        streams = tuple(
            (
                *self._stream(f"{name}.{stream}", y, depth),
                *_gate(f"{name}.gate", y, shared=depth > 1),
            )
            for depth, stream in enumerate(STREAMS, start=1)
        )
        sums = tuple(elementwise(f"{name}.sum", y, "add") for _ in STREAMS[1:])
        wide, z = conv_norm(f"{name}.conv3", y, out, relu=False)
        main = (*narrow, Branches(label=f"{name}.conv2", paths=streams), *sums, *wide)
        identity = conv_norm(f"{name}.downsample", x, out, relu=False).steps if widens else ()
        steps = (
            Branches(label=name, paths=(main, identity)),
            elementwise(f"{name}.add", z, "add"),
            *([elementwise(f"{name}.IN", z, "instance_norm")] if instance_norm else []),
            elementwise(f"{name}.relu", z, "relu"),
        )
        return Part(steps, z)

    def _stream(self, name: str, x: Map, depth: int) -> tuple[Step, ...]:
        """Plan `depth` layers of 3×3 that keep the shape of x."""
        place = slot(x, x.channels, kernel=3)
        names: tuple[str, ...]
        if self.full_conv:
            layer, names = Standard(block=True).plan(place), ("conv", "bn", "relu")
        else:
            layer, names = Lite(block=True).plan(place), ("conv1", "conv2", "bn", "relu")
        # a single layer is not in a sequence, so its name has no index
        prefixes = [name] if depth == 1 else [f"{name}.{index}" for index in range(depth)]
        return tuple(step for prefix in prefixes for step in named(prefix, layer, *names))

    def build(self) -> nn.Module:
        """Return the module, with fresh weights; SpecError unless the width is a number.

        (batch, 3, height, width) in; (batch, 512) features out, or in training with a classifier
        (batch, num_classes) logits. Names in its state_dict are those of the public code.
        """
        if self._sweeps:
            raise SpecError(
                f"width={self.width!r} is no number, so OSNet can be planned and not built: "
                "give a number."
            )
        from convbench.networks.osnet_modules import OmniScaleNetwork

        return OmniScaleNetwork(self)

    def published(self, size: tuple[int, ...]) -> dict[str, tuple[str, str]]:
        """Return the paper's multiplications and parameters, where it prints them.

        Multiplications are those of convolutions and linear layers without the classifier.
        """
        if self._sweeps or self.instance_norm:
            return {}
        found = {}
        if printed := self._table_6().get(tuple(size)):
            found["multiplications"] = (printed, f"{PAPER} Table 6")
        key = (self.width, self.blocks, self.full_conv, self.num_classes)
        if key in PARAMETERS:
            printed, where = PARAMETERS[key]
            found["parameters"] = (printed, f"{PAPER} {where}")
        return found

    def published_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Return those of the paper's Table 6."""
        return tuple(self._table_6())

    def _table_6(self) -> dict[tuple[int, ...], str]:
        """Return the multiplications that Table 6 prints of this network, by input size."""
        if self._sweeps or self.instance_norm or self.full_conv or self.blocks != (2, 2, 2):
            return {}
        return TABLE_6.get(self.width, ("", {}))[1]

    @property
    def is_baseline(self) -> bool:
        """The whole width, plain."""
        return not self._sweeps and self == OSNet()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _whole(value: Quantity) -> Quantity:
    """Return as integers what the check of the width has made sure is whole."""
    if is_symbolic(value):
        return value
    return value.astype("int64") if is_array(value) else int(value)


def _gate(name: str, x: Map, *, shared: bool) -> tuple[Step, ...]:
    """Plan the gate of one stream; `shared` where an earlier stream has counted its weights."""
    pooled = x._replace(size=(1, 1))
    hidden = pooled._replace(channels=x.channels // REDUCTION)
    down = Pointwise().plan(slot(pooled, hidden.channels, bias=True))
    up = Pointwise().plan(slot(hidden, x.channels, bias=True))
    return (
        GlobalPool(label=f"{name}.global_avgpool", batch=x.batch, channels=x.channels, size=x.size),
        *(replace(step, shared=shared) for step in named(name, down, "fc1")),
        elementwise(f"{name}.relu", hidden, "relu"),
        *(replace(step, shared=shared) for step in named(name, up, "fc2")),
        elementwise(f"{name}.gate_activation", pooled, "sigmoid"),
        Gating(label=name, batch=x.batch, channels=x.channels, size=x.size),
    )


for _name, _network in {
    "osnet_x1_0": OSNet(),
    "osnet_x0_75": OSNet(width=Fraction(3, 4)),
    "osnet_x0_5": OSNet(width=Fraction(1, 2)),
    "osnet_x0_25": OSNet(width=Fraction(1, 4)),
    "osnet_ibn_x1_0": OSNet(instance_norm=True),
    "osnet_x1_0_fullconv": OSNet(full_conv=True),
}.items():
    NETWORKS.register(_name)(_network)
