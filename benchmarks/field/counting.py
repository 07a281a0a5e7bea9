"""One network: make it, count it twice, say what both found. Runs in a child process of its own."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import independent
import running
import torch
from torch import nn

import convbench
from convbench.counting.engine.run import ProfileError

Make = Callable[[], tuple[nn.Module, tuple[Any, ...]]]
Row = dict[str, Any]


def counted(make: Make) -> Row:
    """Make the network on the meta device, or on the CPU where that does not work, and count it.

    A row says where each count was made, or under `failed` and `why` what could not be done.
    """
    row: Row = {}
    for device in ("meta", "cpu"):
        began = time.perf_counter()
        net: nn.Module | None = None
        try:
            net, inputs = made(make, device)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a row on the page
            row.update(_failed("made", error))
            continue
        row["input"] = _shapes(inputs)
        if "macs" not in row:
            try:
                row.update(_independent(net, inputs, device))
            except Exception as error:  # noqa: BLE001
                row.update(_failed("run", error))
                continue
        try:
            row.update(_ours(net, inputs))
        except Exception as error:  # noqa: BLE001
            row.update(_failed("counted", error))
            continue
        row.update(made_on=device, seconds=round(time.perf_counter() - began, 2))
        row.pop("failed", None)
        row.pop("why", None)
        break
    return row


def made(make: Make, device: str) -> tuple[nn.Module, tuple[Any, ...]]:
    """Make a network and its inputs, which are on the CPU always; in eval mode."""
    torch.manual_seed(0)
    with torch.device(device):
        net, inputs = make()
    if any(tensor.is_meta for tensor in independent.tensors(inputs)):
        raise RuntimeError("the inputs were made on the meta device")
    return net.eval(), inputs


def again(make: Make) -> Row:
    """Check that counting leaves the network as it was, twice the same, and with backward.

    It is counted once before: functions that keep their results (functools.lru_cache: of positions,
    anchors) do not run again, in a forward pass as in a count.
    """
    net, inputs = made(make, "cpu")
    macs = convbench.profile(net, *inputs).total.multiplications
    before = _state(net)
    first = convbench.profile(net, *inputs)
    second = convbench.profile(net, *inputs)
    kept = _state(net)
    no_backward = ""
    try:
        both = convbench.profile(net, *inputs, backward=True)
    except ProfileError as error:
        no_backward, both = str(error)[:300], first
        if _trains(make):
            raise
    after = _state(net)
    gc.collect()
    return {
        "twice": _figures(first) == _figures(second) and macs == first.total.multiplications,
        "kept": kept == before,
        "kept_by_backward": after == before,
        "forward": _figures(both) == _figures(first),
        "backward": both.backward.multiplications,
        "no_backward": no_backward,
    }


def _trains(make: Make) -> bool:
    """Tell whether torch itself can go backward through a network of eval mode."""
    net, inputs = made(make, "cpu")
    try:
        found = [x for x in independent.tensors(net(*inputs)) if x.requires_grad]
        sum(x.sum() for x in found).backward()
    except Exception:  # noqa: BLE001  whatever it is, there is no backward to count
        return False
    return True


def _independent(net: nn.Module, inputs: tuple[Any, ...], device: str) -> Row:
    """Count with a dispatch mode; what is on the meta device holds no real tensor that matters."""
    if device == "meta":
        net = net.to("meta")
    torch.manual_seed(0)  # some choose at random
    count = independent.counted(net, independent.on(device, inputs))
    return {
        "macs": count.macs,
        "of_weights": count.of_weights,
        "layers": count.layers,
        "operators": dict(count.operators),
        "other": dict(count.other),
        "counted_on": device,
    }


def _ours(net: nn.Module, inputs: tuple[Any, ...]) -> Row:
    torch.manual_seed(0)
    found = convbench.profile(net, *inputs)
    total = found.counts()
    kinds = {name: kind for name, kind, _ in found.modules}
    places = Counter[str]()
    for line in found.rows:
        if line.counts.by_hand:
            places[f"{kinds[line.module]}.{line.operator}"] += line.counts.by_hand
    return {
        "ours": total.multiplications,
        "by_hand": total.by_hand,
        "preparation": total.preparation,
        # products written by hand, of weights alone, are not what the other count sees
        "prepared": sum(r.counts.preparation for r in found.rows if r.operator != "mul"),
        "by_hand_in": dict(places),
        "by_operator": {
            name: counts.multiplications
            for name, counts in found.by_operator.items()
            if counts.multiplications
        },
        "parameters": found.parameters,
        "unsupported": found.unsupported,
        "how": found.how,
        "notes": list(found.notes),
    }


def _figures(found: Any) -> Any:
    return found.counts(backward=False), found.parameters


def _state(net: nn.Module) -> Any:
    """What must be as before: names and order, the tensors themselves, their values, flags."""
    held = net.state_dict(keep_vars=True).items()
    return (
        [(name, id(x), _values(x)) for name, x in held if isinstance(x, torch.Tensor)],
        [(name, id(buffer), _values(buffer)) for name, buffer in net.named_buffers()],
        [(name, part.training, sorted(vars(part))) for name, part in net.named_modules()],
        [(p.requires_grad, p.grad is None) for p in net.parameters()],
    )


def _values(tensor: torch.Tensor) -> Any:
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    flat = tensor.detach().contiguous().view(-1)
    return hash(flat.view(torch.uint8).numpy().tobytes()) if flat.numel() else 0


def _failed(what: str, error: BaseException) -> Row:
    if running.too_large(error):
        raise error
    lines = str(error).strip().splitlines() or [""]
    return {"failed": what, "why": f"{type(error).__name__}: {lines[0][:300]}"}


def _shapes(inputs: tuple[Any, ...]) -> str:
    shapes = ["×".join(map(str, x.shape)) or "scalar" for x in independent.tensors(inputs)]
    return ", ".join(shapes)
