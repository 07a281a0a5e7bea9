"""What a convolution type is: knobs, requirements, plan and module."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar

from convbench.core.arithmetic import Quantity, divides, holds, indicator, same
from convbench.core.costs import Cost, Step, total
from convbench.core.errors import SpecError, quoted
from convbench.core.registry import Registry
from convbench.core.serialization import Stored
from convbench.core.spec import ConvSpec, whole
from convbench.core.steps import Branches, Conv, Elementwise

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import Axis


class Need(NamedTuple):
    """A condition for a type to fill a slot: bool (or a mask, for a sweep), and why not."""

    met: Any
    reason: str


@dataclass(frozen=True)
class Caveat(Stored):
    """What a type lacks compared with a standard convolution.

    text: in a few words; empty for nothing. less: whether the type sees or mixes less of its input;
    reports then never call it the cheapest or the fastest. The effect of a type on the accuracy of
    a network is not measured by this package.
    """

    recurs: ClassVar[bool] = True

    text: str = ""
    less: bool = False


WITHIN_GROUPS: Final = Caveat("mixes channels only within groups", less=True)
SQUEEZES: Final = Caveat("fewer channels inside")


def knob(
    default: Any,
    *,
    symbol: str | None = None,
    help: str = "",  # noqa: A002  what argparse calls it too
    low: int | None = 1,
) -> Any:
    """Declare a knob of a type: its default, its symbol in formulas, the least it may be."""
    return field(default=default, metadata={"symbol": symbol, "help": help, "low": low})


@dataclass(frozen=True, kw_only=True)
class ConvType:
    """A convolution type: a frozen dataclass whose fields are its knobs.

    A subclass defines `plan` and `build`; `requirements` if it does not fit every slot; and
    `caveat` if it does less than a standard convolution. The first paragraph of its docstring says
    what it is, the others when it pays; `paper` names the source. Registered with
    `@register("name")`, it is available in all commands, reports and contract tests.
    """

    name: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    upsamples: ClassVar[bool] = False
    """Whether the type fills slots that enlarge (spec.scale) instead of the others."""

    block: bool = field(
        default=False,
        metadata={"help": "wrap as layers are used: batch norm and ReLU where the paper has them"},
    )

    def __post_init__(self) -> None:
        """Check every knob that declares a least value."""
        for item in fields(self):
            low, value = item.metadata.get("low"), getattr(self, item.name)
            if low is None or (value is None and item.default is None):
                continue
            checked = whole(item.name, value, low=low)
            object.__setattr__(self, item.name, checked)
        if not isinstance(self.block, bool):
            raise SpecError(
                f"block={quoted(self.block)} is neither True nor False: give one of them."
            )

    @property
    def caveat(self) -> Caveat:
        """What the type lacks, with its knobs as they are; nothing by default."""
        return Caveat()

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """Yield the conditions under which this type fits the slot, most basic first."""
        del spec
        yield from ()

    def forced_outputs(self, in_channels: Quantity, stride: int = 1) -> Quantity | None:
        """Return the only possible N for C `in_channels`; None if any N is possible."""
        del in_channels, stride
        return None

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Return the steps, in order, for a slot that the type fits."""
        raise NotImplementedError

    def build(self, spec: ConvSpec) -> nn.Module:
        """Return the module, which maps spec.input_shape to spec.output_shape."""
        raise NotImplementedError

    def facts(self, spec: ConvSpec) -> tuple[tuple[str, list[str]], ...]:
        """Return further facts to show about this type, as (title, lines)."""
        del spec
        return ()

    # What every type has, made of the above.

    def needs(self, spec: ConvSpec) -> Iterator[Need]:
        """Yield all requirements, those common to all types first."""
        if self.upsamples:
            yield Need(
                spec.scale is not None,
                f"{self.name} fills upsampling slots: give the slot a scale",
            )
        else:
            yield Need(
                spec.scale is None,
                f"the slot upsamples by {spec.scale} and {self.name} does not: use {upsampling()}",
            )
        yield from self.requirements(spec)

    def fits(self, spec: ConvSpec) -> str | None:
        """Return None, or why this type does not fit the slot (of a sweep: any of its slots)."""
        for need in self.needs(spec):
            if not holds(need.met):
                return need.reason
        return None

    def checked(self, spec: ConvSpec) -> ConvSpec:
        """Return the slot; SpecError with the reason if this type does not fit it."""
        if not isinstance(spec, ConvSpec):
            raise SpecError(
                f"{self.name} is given a {type(spec).__name__} for its slot: give a ConvSpec."
            )
        if reason := self.fits(spec):
            raise SpecError(f"{self.name} cannot fill the slot {spec.label}: {reason}.")
        return spec

    def cost(self, spec: ConvSpec) -> Cost:
        """Return the summed cost of the plan; SpecError if the type does not fit."""
        return total(self.plan(self.checked(spec)))

    def knobs(self) -> dict[str, Any]:
        """Return the knobs by name, as given."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def label(self) -> str:
        """The name, with the knobs that differ from their defaults: grouped(groups=4)."""
        changed = [
            f"{item.name}={getattr(self, item.name)}"
            for item in fields(self)
            if getattr(self, item.name) != item.default
        ]
        return f"{self.name}({', '.join(changed)})" if changed else self.name

    def conv(
        self,
        spec: ConvSpec,
        label: str,
        in_channels: Quantity,
        out_channels: Quantity,
        axes: tuple[Axis, ...] | None = None,
        groups: Quantity = 1,
    ) -> Conv:
        """Return a convolution step with the slot's batch, bias and (unless given) axes."""
        return Conv(
            label=label,
            batch=spec.batch,
            in_channels=in_channels,
            out_channels=out_channels,
            axes=spec.axes if axes is None else axes,
            groups=groups,
            bias=spec.bias,
        )

    def after(
        self, spec: ConvSpec, channels: Quantity, *operations: str, size: Any = None
    ) -> tuple[Step, ...]:
        """Return the elementwise steps that follow a convolution when `block` is on.

        `size` is the output's unless given; without `operations`: batch norm and ReLU.
        """
        if not self.block:
            return ()
        return tuple(
            Elementwise(
                label=operation.replace("_", " "),
                operation=operation,
                batch=spec.batch,
                channels=channels,
                size=spec.output_size if size is None else size,
            )
            for operation in operations or ("batch_norm", "relu")
        )

    def with_identity(self, spec: ConvSpec, *path: Step) -> tuple[Step, ...]:
        """Return a block's path, with its input added if the shapes agree."""
        if not self.block:
            return path
        agree = indicator(spec.in_channels, spec.out_channels)
        for axis in spec.axes:
            agree = agree * indicator(axis.input, axis.output)
        return (
            Branches(label="path", paths=(path,), keeps_input=agree),
            Elementwise(
                label="add the input, where shapes agree",
                operation="add",
                batch=spec.batch,
                channels=spec.out_channels,
                size=spec.output_size,
                times=agree,
            ),
        )

    @classmethod
    def idea(cls) -> str:
        """Return the docstring, which says what the type is and when it pays."""
        return inspect.getdoc(cls) or ""


def _load_types() -> None:
    import convbench.convs as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        importlib.import_module(f"{package.__name__}.{module.name}")


TYPES: Final[Registry[type[ConvType]]] = Registry("convolution type", _load_types)
"""Every registered convolution type by name."""

C = TypeVar("C", bound=type[ConvType])


def register(name: str) -> Callable[[C], C]:
    """Register a ConvType subclass under `name`, and give it that name."""

    def keep(cls: C) -> C:
        TYPES.register(name)(cls)
        cls.name = name
        return cls

    return keep


def make(name: str, knobs: Mapping[str, Any] | None = None) -> ConvType:
    """Return the type `name` with its knobs set; unknown names and knobs say what there is."""
    cls = TYPES[name]
    known = [item.name for item in fields(cls)]
    for given in knobs or {}:
        if given not in known:
            raise SpecError(
                f"{name} has no knob {quoted(given)}: its knobs are {', '.join(known)}."
            )
    return cls(**dict(knobs or {}))


def upsampling() -> str:
    """Return the names of the types that upsample, as a choice: one, two or three."""
    *others, last = (name for name in TYPES if TYPES[name].upsamples)
    return f"{', '.join(others)} or {last}"


def keeps_size_when_pointwise(spec: ConvSpec) -> Iterator[Need]:
    """Yield the needs that a 1×1 convolution without padding gives the slot's output size."""
    for axis in spec.axes:
        own = (axis.input - 1) // axis.stride + 1
        yield Need(
            same(own, axis.output),
            f"a 1×1 convolution turns {axis.input} positions into {own} and the slot wants "
            f"{axis.output}: use kernel_size=1 without padding, or padding='same'",
        )


def groups_divide(groups: Quantity, **channels: Quantity) -> Iterator[Need]:
    """Yield the needs that `groups` divides every named number of channels."""
    for name, number in channels.items():
        yield Need(
            divides(groups, number),
            f"groups={groups} does not divide {name}={number}: give groups that divide both "
            "channel counts",
        )
