"""Options that describe a slot and a type's knobs, the same in every command that takes them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

InChannels: TypeAlias = Annotated[int | None, typer.Option(help="C, input channels.")]
OutChannels: TypeAlias = Annotated[int | None, typer.Option(help="N, output channels.")]
Kernel: TypeAlias = Annotated[str | None, typer.Option(metavar="3", help="Taps: 3, or 3x1.")]
Stride: TypeAlias = Annotated[
    str | None, typer.Option(metavar="1", help="Stride; for a type that upsamples, the scale.")
]
Padding: TypeAlias = Annotated[str | None, typer.Option(metavar="0", help="0, 1, 1x0 or same.")]
Dilation: TypeAlias = Annotated[str | None, typer.Option(metavar="1", help="Spread of the taps.")]
Batch: TypeAlias = Annotated[int | None, typer.Option(help="Images at once.")]
Scale: TypeAlias = Annotated[int | None, typer.Option(help="Factor of an upsampling slot.")]
Bias: TypeAlias = Annotated[bool, typer.Option("--bias", help="With bias.")]
Block: TypeAlias = Annotated[bool, typer.Option("--block", help="With batch norm and ReLU.")]
Knob: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="A knob of the type; repeatable.")
]
