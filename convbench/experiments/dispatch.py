"""What flips the implementation of a type in a slot: its variants timed together and observed.

Every variant changes one thing (data type, threads, batch, channels, multiplier, or how a grouped
convolution is written), and each is run in both memory layouts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from convbench.clock.execution import Execution
from convbench.convs.base import ConvType
from convbench.core import text as show
from convbench.core.errors import SpecError
from convbench.core.intervals import RatioInterval
from convbench.core.spec import ConvSpec
from convbench.experiments.setups import Raced, Setup, race, why_no_time

LAYOUTS: Final = {"channels_first": "channels first", "channels_last": "channels last"}
_ALIGNED: Final = 16
"""Channels of a block of oneDNN's with AVX-512: float32 of a register of 512 bits."""
_MANY: Final = 16
"""Images at once, in the variant with a larger batch."""
_LARGEST: Final = 2**28
"""Weights that a grouped convolution written as a dense one may have."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One change of what was asked for, in one layout.

    Attributes:
        change: what is changed, in words; empty for what was asked for.
        instead: of what; empty likewise.
        layout: of memory.
        setup: what is run.

    """

    change: str
    instead: str
    layout: str
    setup: Setup

    @property
    def name(self) -> str:
        """What it is called beside the others."""
        return f"{self.change or 'as asked'}, {LAYOUTS[self.layout]}"


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A change that makes another implementation run.

    Attributes:
        before: the variant without the change.
        after: the variant with it.
        ratio: time after divided by time before, each for one multiplication; None where one of
            them has no time.
        same_work: whether both have equal numbers of multiplications.

    """

    before: Variant
    after: Variant
    ratio: RatioInterval | None
    same_work: bool


@dataclass(frozen=True, kw_only=True)
class Dispatched:
    """The variants of a type in a slot, with times and what ran.

    flips: changes that make another implementation run: the layout alone, then by factor.
    """

    kind: ConvType
    spec: ConvSpec
    variants: tuple[Variant, ...]
    raced: Raced
    flips: tuple[Flip, ...]

    def execution(self, name: str) -> Execution | None:
        """Return what ran in a variant; None where it has no time."""
        return self.raced.executions.get(name)


def dispatch(
    kind: ConvType,
    spec: ConvSpec,
    *,
    budget: float = 10.0,
    processes: int = 5,
    device: str = "cpu",
    plugins: Sequence[str] = (),
) -> Dispatched:
    """Run the variants of a type in a slot on a device; SpecError where it does not fit the slot.

    budget: seconds of timed rounds of all variants together.
    """
    kind.checked(spec)
    if not 0 < budget <= _LONGEST:
        raise SpecError(f"--budget {budget:g}: give seconds above 0, at most {_LONGEST:,}.")
    several = variants(kind, spec, device)
    raced = race(
        {one.name: one.setup for one in several},
        budget=budget,
        processes=processes,
        device=device,
        plugins=plugins,
    )
    return Dispatched(kind=kind, spec=spec, variants=several, raced=raced,
                      flips=_flips(several, raced))  # fmt: skip


_LONGEST: Final = 3600


def variants(kind: ConvType, spec: ConvSpec, device: str = "cpu") -> tuple[Variant, ...]:
    """Return the variants, as asked first; in both layouts where the slot has 2 or 3 axes."""
    plain = _of(kind, spec)
    found: dict[tuple[str, str], Setup] = {
        ("", ""): plain,
        ("bfloat16", show.precision(plain.dtype, device)): replace(plain, dtype="bfloat16"),
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if device == "cpu" and cores and cores > 1:
        found[f"{cores} threads", "1 thread"] = replace(plain, threads=cores)
    batch = _MANY if spec.batch < _MANY else 1
    found[f"batch {batch}", f"batch {spec.batch}"] = _of(kind, spec.with_(batch=batch))
    found |= _others(kind, spec)
    if (dense := _dense(plain)) is not None:
        found["dense, block-diagonal weights", "grouped"] = dense
    layouts = LAYOUTS if spec.dims > 1 else ("channels_first",)
    return tuple(
        Variant(change=change, instead=instead, layout=layout, setup=replace(setup, layout=layout))
        for (change, instead), setup in found.items()
        for layout in layouts
    )


def _others(kind: ConvType, spec: ConvSpec) -> dict[tuple[str, str], Setup]:
    """Return the variants of other channels and multipliers that the type has."""
    found: dict[tuple[str, str], Setup] = {}
    channels = spec.in_channels
    aligned = channels % _ALIGNED == 0
    wanted = channels + 1 if aligned else channels + _ALIGNED - channels % _ALIGNED
    outputs = kind.forced_outputs(wanted, max(spec.stride))
    other = spec.with_(in_channels=wanted, out_channels=outputs or spec.out_channels)
    if kind.fits(other) is None:
        found[f"{wanted} input channels", str(channels)] = _of(kind, other)
    if "multiplier" in {item.name for item in fields(kind)}:
        usual = getattr(kind, "multiplier", 1)
        multiplier = 2 if usual == 1 else 1
        changed = replace(kind, multiplier=multiplier)  # type: ignore[call-arg]
        outputs = changed.forced_outputs(channels, max(spec.stride))
        other = spec.with_(out_channels=outputs or spec.out_channels)
        if changed.fits(other) is None:
            found[f"multiplier {multiplier}", f"multiplier {usual}"] = _of(changed, other)
    return found


def _of(kind: ConvType, spec: ConvSpec) -> Setup:
    return Setup(
        build=partial(kind.build, spec),
        input_shape=spec.input_shape,
        multiplications=int(kind.cost(spec).multiplications),
    )


def _dense(plain: Setup) -> Setup | None:
    """Return the setup with its grouped convolutions written as dense ones; None without any.

    Its multiplications stay those of the type: the others are with zeros.
    """
    with torch.device("meta"):
        module = plain.build()
    modules: list[Any] = list(module.modules())
    grouped = [one for one in modules if _groups(one) > 1]
    weights = sum(_groups(one) * one.weight.numel() for one in grouped)
    if not grouped or weights > _LARGEST:
        return None
    return replace(plain, build=partial(densified, plain.build))


def densified(build: Callable[[], nn.Module]) -> nn.Module:
    """Return a module whose grouped convolutions are dense ones with block-diagonal weights.

    It computes the same function: Qin et al., Diagonalwise Refactorization, arXiv:1803.09926, for
    depthwise convolutions, where the blocks are the diagonal. Weights outside the blocks are 0.
    """
    module = build()
    if _groups(module) > 1:
        return _written_dense(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if _groups(child) > 1:
                setattr(parent, name, _written_dense(child))
    return module


def _groups(module: Any) -> int:
    plain = isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return int(module.groups) if plain else 1


def _written_dense(conv: Any) -> nn.Module:
    dense: Any = type(conv)(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        bias=conv.bias is not None,
        padding_mode=conv.padding_mode,
    )
    each, wide = conv.out_channels // conv.groups, conv.in_channels // conv.groups
    with torch.no_grad():
        dense.weight.zero_()
        for group in range(conv.groups):
            rows = slice(group * each, (group + 1) * each)
            dense.weight[rows, group * wide : (group + 1) * wide] = conv.weight[rows]
        if conv.bias is not None:
            dense.bias.copy_(conv.bias)
    written: nn.Module = dense
    return written


def implementation(execution: Execution | None, *, words: bool = True) -> str:
    """Return who computes the products of a pass and how, most time first; empty where unknown.

    Elementwise work and reorders are left out: "oneDNN jit_dw:avx512_core (direct, depthwise)";
    without words: "oneDNN jit_dw:avx512_core".
    """
    if execution is None:
        return ""
    products = [k for k in execution.kernels if not k.reorder and _PRODUCTS & {k.operator}]
    ordered = sorted(products, key=lambda kernel: -kernel.seconds)
    named = dict.fromkeys(kernel.words for kernel in ordered)
    return "; ".join(name if words else name.partition(" (")[0] for name in named)


_PRODUCTS: Final = frozenset(
    {"convolution", "deconvolution", "matmul", "inner_product", "mm", "addmm", "bmm", "baddbmm",
     "cudnn_convolution", "conv_depthwise2d", "conv_depthwise3d", "cudnn_convolution_transpose"}
)  # fmt: skip


def _flips(several: Sequence[Variant], raced: Raced) -> tuple[Flip, ...]:
    """Return the changes that flip the implementation: of layout, and of anything else."""
    named = {(one.change, one.layout): one for one in several}
    pairs = [
        (named[one.change, "channels_first"], one)
        for one in several
        if one.layout == "channels_last"
    ] + [(named["", one.layout], one) for one in several if one.change]
    found = [flip for before, after in pairs if (flip := _flip(before, after, raced))]
    return tuple(sorted(found, key=_rank))


def _rank(flip: Flip) -> tuple[bool, float]:
    """Return what flips are sorted by: that of what was asked for first, then by factor."""
    factor = flip.ratio.value if flip.ratio else 1.0
    return bool(flip.after.change), -max(factor, 1 / factor)


def _flip(before: Variant, after: Variant, raced: Raced) -> Flip | None:
    was, now = (raced.executions.get(one.name) for one in (before, after))
    if was is None or now is None or _how(was) == _how(now):
        return None
    work = after.setup.multiplications / before.setup.multiplications
    timed = not any(why_no_time(raced.measurement, one.name) for one in (before, after))
    return Flip(
        before=before,
        after=after,
        ratio=raced.measurement.ratio(after.name, before.name).over(work) if timed else None,
        same_work=work == 1,
    )


def _how(execution: Execution) -> frozenset[str]:
    """Return the algorithms of a pass, without the names that differ by data type."""
    several = [one for one in implementation(execution).split("; ") if one]
    return frozenset(f"{one.partition(' ')[0]} {one.partition('(')[2] or one}" for one in several)
