"""What an operator's time is made of: the terms of the white-box model, in units of work.

A time is a sum of terms with coefficients that are not negative: calls, multiplications, and bytes
by where they lie. Each family of operators has coefficients of its own, for one layout and number
of threads.
"""

from __future__ import annotations

import math
from typing import Final

from convbench.core.spec import Axis
from convbench.prediction.operators import Operator

LANES: Final = 16
"""float32 numbers in a register of AVX-512, and in a block of oneDNN's blocked layouts."""
KNEES: Final = (1, 4, 16, 32)
"""MiB of data from which on more of it may be slower: levels of caches, and shares of them."""


def family(op: Operator, threads: int) -> str:
    """Return the family of operators, each of which has coefficients of its own."""
    last = any(tensor.channels_last for tensor in op.inputs[:2])
    name = form(op, threads) if op.convolution else op.name
    return f"{name}, channels {'last' if last else 'first'}"


def form(op: Operator, threads: int) -> str:
    """Return the kind of a convolution by what computes it, as the choices of PyTorch and oneDNN.

    PyTorch takes its own kernel ("native": a matrix product for each image, of columns unless the
    kernel has one tap) where `native` says so, oneDNN else. With channels first oneDNN needs
    channels of a group in multiples of 4 for its direct kernels, and takes a matrix product else;
    with channels last it takes one kernel up to 16 input channels a group and another beyond.
    """
    x, w = op.inputs[:2]
    transposed, groups = op.convolution[3], op.convolution[5]
    pointwise = math.prod(w.shape[2:]) == 1
    inner, outer = channels(op)
    if op.native(threads):
        kind = "transposed" if transposed else ("pointwise" if pointwise else "standard")
        return f"native grouped {kind}" if groups > 1 else f"native {kind}"
    if transposed:
        return "transposed" if max(op.convolution[0]) > 1 else "transposed, stride 1"
    if inner == 1 and groups > 1:
        return "depthwise" if outer == 1 else "depthwise with a multiplier"
    if groups == 1:
        return "pointwise" if pointwise else ("few channels" if inner < LANES else "standard")
    direct = inner > LANES if x.channels_last else inner % 4 == outer % 4 == 0
    return "grouped" if direct else "grouped, odd"


def channels(op: Operator) -> tuple[int, int]:
    """Return the input and output channels of a group."""
    groups = op.convolution[5]
    return op.inputs[0].shape[1] // groups, op.outputs[0].shape[1] // groups


_ROW: Final = 28
"""Outputs along a row that a kernel of oneDNN has in registers at once, at most."""
_BLOCKS: Final = 4
"""Blocks of output channels that it has."""
_TILE: Final = 32
"""Rows and columns from which a matrix product is no thinner than its kernel."""


def _up(number: int, multiple: int = LANES) -> int:
    return -(-number // multiple) * multiple


def _beyond(held: float) -> dict[str, float]:
    """Return the bytes of a working set beyond each knee."""
    return {f"beyond {knee} MiB": max(0.0, held - (knee << 20)) for knee in KNEES}


def convolution_terms(op: Operator, kind: str) -> dict[str, float]:
    """Return the terms of a convolution of a form.

    Direct kernels multiply vectors: blocks of 16 output channels (in grouped ones of 16, 8 or 4),
    with channels filled up to whole blocks. Matrix products have no blocks, and are slow where a
    side is short.
    """
    x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
    batch, (inner, outer) = x.shape[0], channels(op)
    stride, padding, dilation, transposed, _, groups = op.convolution
    taps = math.prod(w.shape[2:])
    positions = math.prod((x if transposed else y).shape[2:])
    macs = batch * positions * taps * x.shape[1] * outer
    blocked = "native" not in kind and not x.channels_last
    held = (x.nbytes + y.nbytes) * (1 + blocked) + w.nbytes * (1 + ("native" not in kind))
    odd = (x.shape[1] % LANES > 0, y.shape[1] % LANES > 0)
    found = {
        "call": 1.0,
        "input": x.nbytes,
        "weights": w.nbytes,
        "output": y.nbytes,
        "weights for each image": w.nbytes * (batch - 1),
        "rows": batch * groups * math.prod(y.shape[2:-1]),
        "planes": batch * (x.shape[1] + y.shape[1]),
        "odd input": x.nbytes * odd[0],
        "odd output": y.nbytes * odd[1],
        "odd weights": w.nbytes * any(odd),
    }
    if "native" in kind or "odd" in kind or ("multiplier" in kind and not x.channels_last):
        columns = batch * positions * taps * x.shape[1] * 4
        found |= {
            "groups": batch * groups,
            "multiplications": macs,
            "few outputs": macs / min(outer, _TILE),
            "few positions": macs / min(positions, _TILE),
            "shallow": macs / min(inner * taps, 4 * _TILE),
        }
        if taps > 1:
            found["columns"] = columns
            held += columns / batch
    if "native" not in kind:
        block = next(n for n in (16, 8, 4, 1) if inner % n == outer % n == 0)
        block = LANES if groups == 1 else block
        vectors = batch * groups * positions * taps * _up(inner, block) * _up(outer, block) / block
        if inner == 1 and groups > 1:
            vectors = batch * positions * taps * outer * _up(groups) / LANES
        elif groups == 1 and inner < LANES:
            vectors = batch * positions * taps * inner * groups * _up(outer) / LANES
        share = 1.0
        if not transposed:
            for axis, pad, jump, spread, size, out in zip(
                w.shape[2:], padding, stride, dilation, x.shape[2:], y.shape[2:], strict=True
            ):
                read = Axis(input=size, output=out, kernel=axis, stride=jump, dilation=spread,
                            pad_low=pad, pad_high=pad).valid_taps  # fmt: skip
                share *= read / (out * axis)
        found |= {
            "vectors": vectors,
            "vectors on padding": -vectors * (1 - share),
            "short rows": vectors / min(y.shape[-1], _ROW),
            "few blocks": vectors / min(_BLOCKS, _up(outer) / LANES),
            "row ends": batch * groups * positions / y.shape[-1] * _up(outer) * taps,
            "strided": vectors * (max(stride) > 1),
        }
        found["vectors"] = vectors * share
        found["padded"] = vectors * (1 - share)
        del found["vectors on padding"]
    found |= _beyond(held)
    return {name: float(amount) for name, amount in found.items() if amount}


_PRODUCTS: Final = frozenset({"addmm", "mm", "bmm", "baddbmm"})


def plain_terms(op: Operator) -> dict[str, float]:
    """Return the terms of any other operator: calls, elements, and bytes beyond each cache."""
    read = sum(t.nbytes for t in op.inputs)
    written = sum(t.nbytes for t in op.outputs)
    found = {
        "call": 1.0,
        "read": float(read),
        "written": float(written),
        **_beyond(read + written),
    }
    if op.inputs and len(op.inputs[0].shape) > 1:
        first = op.inputs[0]
        found["planes"] = float(first.shape[0] * first.shape[1])
        out = op.outputs[0] if op.outputs else first
        found["rows"] = float(out.elements / (out.shape[-1] if out.shape else 1))
    if op.name in _PRODUCTS:
        found["multiplications"] = float(work(op)[0])
    return found


def work(op: Operator) -> tuple[int, int]:
    """Return the multiplications of an operator, and the bytes that it reads and writes at least."""
    moved = sum(tensor.nbytes for tensor in (*op.inputs, *op.outputs))
    if op.convolution:
        x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
        positions = (x if op.convolution[3] else y).shape[2:]
        return x.shape[0] * math.prod(positions) * w.shape[0] * math.prod(w.shape[1:]), moved
    if op.name in _PRODUCTS:
        return op.outputs[0].elements * op.inputs[-1].shape[-2], moved
    return 0, moved


def terms(op: Operator, threads: int) -> dict[str, float]:
    """Return the amount of each term."""
    return convolution_terms(op, form(op, threads)) if op.convolution else plain_terms(op)


def coordinates(op: Operator) -> list[float]:
    """Return where an operator lies among others of its family: logarithms of its sizes."""
    if op.name == "convolution":
        x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
        groups = op.convolution[5]
        return [
            math.log2(x.shape[0]),
            math.log2(x.shape[1]),
            math.log2(y.shape[1]),
            math.log2(math.prod(x.shape[2:])) / 1,
            math.log2(w.shape[2]), math.log2(w.shape[3]),
            float(max(op.convolution[0])),
            float(max(op.convolution[2])),
            math.log2(groups),
            (x.shape[1] % LANES > 0) * 1.0,
            (y.shape[1] % LANES > 0) * 1.0,
            (y.shape[-1] < 8) * 1.0,
        ]
    first = op.inputs[0]
    return [math.log2(max(1, first.elements)), math.log2(max(1, math.prod(first.shape[:2])))]
