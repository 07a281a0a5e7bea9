"""What an operator's time is made of: the terms of the white-box model, in units of work.

A time is a sum of terms with coefficients that are not negative: calls, multiplications, and bytes
by where they lie. Each family of operators has coefficients of its own, for one layout and number
of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from convbench.core.spec import Axis
from convbench.prediction.kernels import LANES, ROW, direct, remainders, up
from convbench.prediction.operators import Operator

KNEES: Final = (1, 4, 16, 32)
"""MiB of data from which on more of it may be slower: levels of caches, and shares of them."""


def family(op: Operator, threads: int) -> str:
    """Return the family of operators, each of which has coefficients of its own."""
    layout = f"channels {'last' if _last(op) else 'first'}"
    if op.convolution:
        return f"{form(op, threads)}, {layout}"
    if op.name in _POINTWISE:
        alike = len({tensor.shape for tensor in op.inputs}) == 1
        return op.name if alike else f"{op.name}, broadcast"
    return f"{op.name} of a view, {layout}" if op.inputs[0].strided else f"{op.name}, {layout}"


_POINTWISE: Final = frozenset(
    {"add", "add_", "mul", "mul_", "relu", "relu_", "hardtanh", "hardtanh_", "sigmoid", "sigmoid_",
     "hardswish", "hardswish_", "silu", "silu_", "gelu", "hardsigmoid", "sub", "div", "clamp_min"}
)  # fmt: skip
"""Their time does not depend on the order of the elements in memory."""


def _last(op: Operator) -> bool:
    return any(tensor.channels_last for tensor in (*op.inputs[:2], *op.outputs[:1]))


def form(op: Operator, threads: int) -> str:
    """Return the kind of a convolution by what computes it, as the choices of PyTorch and oneDNN.

    PyTorch takes its own kernel ("native": a matrix product for each image, of columns unless the
    kernel has one tap) where `native` says so, oneDNN else. With channels first oneDNN needs
    channels of a group in multiples of 4 for its direct kernels, and takes a matrix product else;
    with channels last it takes the direct kernels up to 16 input channels a group ("narrow") and
    one of small matrix products beyond.
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
        whole = all(n % jump == 0 for n, jump in zip(x.shape[2:], op.convolution[0], strict=True))
        if pointwise and (whole or x.channels_last):
            return "pointwise"
        return "few channels" if inner < LANES else "standard"
    direct = inner > LANES if x.channels_last else inner % 4 == outer % 4 == 0
    return "grouped" if direct else f"grouped, {'narrow' if x.channels_last else 'odd'}"


def channels(op: Operator) -> tuple[int, int]:
    """Return the input and output channels of a group."""
    groups = op.convolution[5]
    return op.inputs[0].shape[1] // groups, op.outputs[0].shape[1] // groups


_BLOCKS: Final = 4
"""Blocks of output channels that a kernel has in registers at once."""
_WEIGHT_KNEES: Final = (2, 16)
"""MiB of weights from which on each byte of them may take longer to reorder."""
_TILE: Final = 32
"""Rows and columns from which a matrix product is no thinner than its kernel."""


def _beyond(held: float, name: str, knees: Sequence[int]) -> dict[str, float]:
    """Return the bytes beyond each knee."""
    return {f"{name} {knee} MiB": max(0.0, held - (knee << 20)) for knee in knees}


def convolution_terms(op: Operator, kind: str) -> dict[str, float]:
    """Return the terms of a convolution of a form."""
    x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
    batch, native = x.shape[0], "native" in kind
    found: dict[str, float] = {
        "call": 1.0,
        "input": x.nbytes,
        "weights": w.nbytes,
        "output": y.nbytes,
        "weights for each image": w.nbytes * (batch - 1),
        "rows": batch * op.convolution[5] * math.prod(y.shape[2:-1]),
        "planes": batch * (x.shape[1] + y.shape[1]),
        **_beyond(w.nbytes, "weights beyond", _WEIGHT_KNEES),
    }
    blocked = not (native or x.channels_last)
    held: float = (x.nbytes + y.nbytes) * (1 + blocked) + w.nbytes * (1 + (not native))
    if native or "odd" in kind or ("multiplier" in kind and not x.channels_last):
        products, columns = _products(op, kind)
        found |= products
        held += columns / batch
    if not native:
        found |= _vectors(op, kind)
    found |= _beyond(held, "beyond", KNEES)
    return {name: float(amount) for name, amount in found.items() if amount}


def _sizes(op: Operator) -> tuple[int, int, int]:
    """Return taps, positions of an image (of the input, if transposed), and multiplications."""
    x, w = op.inputs[:2]
    taps = math.prod(w.shape[2:])
    positions = math.prod((x if op.convolution[3] else op.outputs[0]).shape[2:])
    return taps, positions, x.shape[0] * positions * taps * x.shape[1] * channels(op)[1]


def _products(op: Operator, kind: str) -> tuple[dict[str, float], float]:
    """Return the terms of the matrix products of a convolution, and the bytes of its columns.

    One for each image and group: positions × output channels, over the taps of all input channels
    (transposed: positions × taps of all output channels, over the input channels).
    """
    x, y = op.inputs[0], op.outputs[0]
    batch, groups, (inner, outer) = x.shape[0], op.convolution[5], channels(op)
    taps, positions, macs = _sizes(op)
    swapped = op.convolution[3] and "native" in kind
    wide, depth = (outer * taps, inner) if swapped else (outer, inner * taps)
    found: dict[str, float] = {
        "groups": batch * groups,
        "multiplications": macs,
        "shallow": macs / min(depth, 4 * _TILE),
        **{
            name: macs * share
            for name, share in remainders(positions=positions, outputs=wide).items()
        },
    }
    columns = batch * positions * taps * (y if swapped else x).shape[1] * 4 if taps > 1 else 0
    return found | {"columns": columns}, columns


def _vectors(op: Operator, kind: str) -> dict[str, float]:
    """Return the terms of a convolution by oneDNN.

    Direct kernels multiply vectors: blocks of 16 output channels (in grouped ones of 16, 8 or 4),
    with channels filled up to whole blocks.
    """
    x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
    batch, (inner, outer) = x.shape[0], channels(op)
    stride, padding, dilation, transposed, _, groups = op.convolution
    taps, positions, _ = _sizes(op)
    odd = (x.shape[1] % LANES > 0, y.shape[1] % LANES > 0)
    whole = LANES if groups > 1 else 4  # channels of which weights are reordered at full speed
    found: dict[str, float] = {
        "odd input": x.nbytes * odd[0],
        "odd output": y.nbytes * odd[1],
        "odd weights": w.nbytes * any(n % whole for n in (x.shape[1], y.shape[1])),
    }
    width, depth = LANES, inner  # lanes, and input channels of a group with those filled up
    vectors: float
    if inner == outer == 1:
        vectors = batch * positions * taps * (up(groups) / LANES)
    else:
        blocked = not x.channels_last or "narrow" in kind
        if blocked and groups > 1:
            rest = LANES if x.channels_last else 1
            width = next((n for n in (16, 8, 4) if inner % n == outer % n == 0), rest)
        if blocked and (groups > 1 or inner >= LANES):
            depth = up(inner, width)
        vectors = batch * groups * positions * taps * depth * up(outer, width) / width
    share = 1.0
    if not transposed:
        for kernel, pad, jump, spread, size, out in zip(
            w.shape[2:], padding, stride, dilation, x.shape[2:], y.shape[2:], strict=True
        ):
            read = Axis(input=size, output=out, kernel=kernel, stride=jump, dilation=spread,
                        pad_low=pad, pad_high=pad).valid_taps  # fmt: skip
            share *= read / (out * kernel)
    found["vectors" if width == LANES else f"vectors of {width}"] = vectors * share
    if taps > 1 and inner > 1 and not (transposed or x.channels_last or "odd" in kind):
        kernel_of = direct(op, inner, outer)
        how = "embedded" if kernel_of.embedded else f"vectors, {kernel_of.blocks} blocks"
        found |= {how: vectors, "weight loads": vectors / kernel_of.row}
    else:
        found["few blocks"] = vectors / min(_BLOCKS, up(outer) / LANES)
        if not transposed:
            found["short rows"] = vectors / min(y.shape[-1], ROW)
    if not transposed:
        found |= {
            "padded": vectors * (1 - share),
            "row ends": batch * groups * positions / y.shape[-1] * up(outer) * taps,
            "strided": vectors * (max(stride) > 1),
        }
    return found


_PRODUCTS: Final = frozenset({"addmm", "mm", "bmm", "baddbmm"})


_PIECES: Final = frozenset({"cat", "clone", "pixel_shuffle"})
"""They copy a piece of memory for each position with channels last."""
_FEW_KNEES: Final = (4, 16)
"""MiB; for families that few samples are timed of."""


def plain_terms(op: Operator) -> dict[str, float]:
    """Return the terms of any other operator: calls, products, pieces of memory, and bytes."""
    read = sum(tensor.nbytes for tensor in op.inputs)
    written = sum(tensor.nbytes for tensor in op.outputs)
    first, made = op.inputs[0], (op.outputs or op.inputs)[0]
    if op.name in _POINTWISE:
        moved = float(read + written)
        return {"call": 1.0, "moved": moved, **_beyond(moved, "beyond", _FEW_KNEES)}
    found = {
        "call": 1.0,
        "read": read,
        "written": written,
        "multiplications": (macs := work(op)[0]),
        "few rows": macs / min((made.shape or (1,))[0], _TILE),
        "few outputs": macs / min((made.shape or (1,))[-1], _TILE),
        "windows": made.elements * op.window,
        "planes": math.prod(made.shape[:2]),
        "rows": made.elements / (made.shape or (1,))[-1],
        **_beyond(read + written, "beyond", _FEW_KNEES),
    }
    if op.name in _PIECES:
        found["positions"] = first.elements / (first.shape[1] if len(first.shape) > 1 else 1)
    return {name: float(amount) for name, amount in found.items() if amount}


def work(op: Operator) -> tuple[int, int]:
    """Return an operator's multiplications, and the bytes that it reads and writes at least."""
    moved = sum(tensor.nbytes for tensor in (*op.inputs, *op.outputs))
    if op.convolution:
        x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
        positions = (x if op.convolution[3] else y).shape[2:]
        return x.shape[0] * math.prod(positions) * w.shape[0] * math.prod(w.shape[1:]), moved
    if op.name in _PRODUCTS:
        return op.outputs[0].elements * op.inputs[-1].shape[-2], moved
    return 0, moved


def terms(op: Operator, of: str) -> dict[str, float]:
    """Return the amount of each term of a family."""
    return convolution_terms(op, of) if op.convolution else plain_terms(op)


_CACHED: Final = (1, 16)
"""MiB beyond which what a module uses is gone from a cache when it is called again."""


def context_terms(found: Sequence[Operator]) -> list[dict[str, float]]:
    """Return, of each operator, what makes it slower among others than alone over and over.

    Its weights and its kernel's code have left the caches since its last call, the more so the more
    memory the whole uses.
    """
    whole = sum(t.nbytes for one in found for t in (*one.inputs[1:], *one.outputs))
    gone = {mib: max(0.0, 1 - (mib << 20) / max(whole, 1)) for mib in _CACHED}
    terms = []
    for one in found:
        weights = sum(t.nbytes for t in one.inputs[1:])
        moved = sum(t.nbytes for t in (*one.inputs[:1], *one.outputs))
        own = {"call": 1.0}
        for mib, share in gone.items():
            own |= {f"call, {mib} MiB": share, f"weights, {mib} MiB": weights * share,
                    f"moved, {mib} MiB": moved * share}  # fmt: skip
        terms.append(own)
    return terms


def relatives(name: str) -> Iterator[str]:
    """Yield families whose operators are most like those of a family, the likest first."""
    kind, comma, layout = name.rpartition(", channels ")
    if not comma:
        yield name.partition(",")[0].removesuffix("_")  # out of place
        return
    others = [kind]
    for word in (", stride 1", ", odd", ", narrow", "native ", "grouped "):
        others.append(others[-1].replace(word, ""))
    for other in others[1:]:
        yield f"{other}, channels {layout}"
    for other in others:
        yield f"{other}, channels {'first' if layout == 'last' else 'last'}"


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
            math.log2(w.shape[2]),
            math.log2(w.shape[3]),
            float(max(op.convolution[0])),
            float(max(op.convolution[2])),
            math.log2(groups),
            (x.shape[1] % LANES > 0) * 1.0,
            (y.shape[1] % LANES > 0) * 1.0,
            (y.shape[-1] < ROW / 4) * 1.0,
        ]
    made = (op.outputs or op.inputs)[0]
    sizes = (
        op.inputs[0].elements,
        made.elements,
        math.prod(made.shape[1:2]),
        (made.shape or (1,))[-1],
    )
    return [math.log2(max(1, size)) for size in sizes]
