"""Which library calls a forward pass makes: observed in passes of their own, beside the timing.

On a CPU every operator of ATen is timed as torch dispatches it, and oneDNN's log says which of its
primitives ran inside, each with oneDNN's own time. An operator in which oneDNN ran counts as those
primitives, and as a copy where its result has another layout than oneDNN wrote; any other counts
with its time by the wall clock. Not covered: what the module's Python code takes, allocation and
dispatch around a primitive, and operators that only make views. On a CUDA device the kernels are
those of torch's profiler, with their time on the device.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convbench.clock import cuda_kernels
from convbench.clock.execution import Execution, Kernel
from convbench.clock.onednn_log import Log, captured, readable
from convbench.clock.samples import low_quantile
from convbench.core.errors import one_line

if TYPE_CHECKING:
    import torch

PASSES: Final = 20
"""Observed passes, of which the middle one counts; one more goes before them."""
AGAIN: Final = 4
"""Of them in each process after the first, on a CPU where a call takes no longer than `SHORT`."""
SHORT: Final = 0.002
"""Seconds. Longer passes differ little between processes, and to observe them takes time."""
ENOUGH: Final = 0.5
"""Seconds after which no further pass begins."""
_MEMORY_ONLY: Final = frozenset(
    {"empty", "empty_like", "empty_strided", "resize_", "lift_fresh", "_unsafe_view"}
)
"""Operators that compute nothing and copy nothing, beside those that torch itself calls views."""
_COPIES: Final = frozenset({"clone", "copy_", "_to_copy", "contiguous", "_reshape_copy"})
_AXES: Final = "abcdefgh"


class _Call(NamedTuple):
    """What makes a kind of call: `Kernel` without its numbers."""

    operator: str
    backend: str
    implementation: str
    layouts: str
    reorder: bool
    tensor_cores: bool | None = None


_Pass = list[tuple[_Call, float]]


def observe(
    work: Callable[[], object],
    device: str = "cpu",
    prepare: Callable[[], object] | None = None,
    most: int = PASSES,
) -> Execution:
    """Run a forward pass a few times, and return which library calls it made.

    Where it cannot be told, the result says why; it raises only what `work` itself raises.

    Args:
        work: the pass.
        device: "cpu" or "cuda:<index>".
        prepare: is called before each pass, such as to empty the caches.
        most: passes that count, at most; one more goes before them.

    """
    cuda = device.partition(":")[0] == "cuda"
    if not cuda and (why := readable()):
        return Execution(reason=why)
    passes: list[_Pass] = []
    left = ENOUGH
    while len(passes) <= most and (left > 0 or not passes[1:]):
        if prepare is not None:
            prepare()
        begin = time.perf_counter()
        one = _on_cuda(work, device) if cuda else _on_cpu(work)
        left -= time.perf_counter() - begin if passes else 0.0  # the first loads what it needs
        passes.append(one)
    return gathered(passes[1:])


def observed(
    work: Callable[[], object],
    device: str = "cpu",
    prepare: Callable[[], object] | None = None,
    most: int = PASSES,
) -> Execution:
    """Return what `observe` does; where `work` raises, that is the reason."""
    try:
        return observe(work, device, prepare, most)
    except Exception as error:  # noqa: BLE001  what ran cannot be told; that it ran is known
        return Execution(reason=one_line(error))


def gathered(passes: Iterable[_Pass]) -> Execution:
    """Return the kinds of calls of several passes, with the seconds of each.

    All of them together take the median of what the passes took in calls: a timed call is the mean
    of a block, in which some take longer. Each has the share of it that it has in the sum of the
    lower quartiles of each, which what disturbs a pass now and then does not change.
    """
    several = list(passes)
    calls = Counter(call for call, _ in several[-1])
    seconds: dict[_Call, list[float]] = {call: [0.0] * len(several) for call in calls}
    for number, one in enumerate(several):
        for call, took in one:
            seconds.setdefault(call, [0.0] * len(several))[number] += took
    each = {call: low_quantile(seconds[call]) for call in calls}
    together = median(sum(took for call, took in one if call in calls) for one in several)
    longer = together / whole if (whole := sum(each.values())) else 1.0
    kernels = tuple(
        Kernel(**call._asdict(), calls=calls[call], seconds=longer * each[call]) for call in calls
    )
    return Execution(kernels=kernels, passes=len(several))


def _on_cpu(work: Callable[[], object]) -> _Pass:
    import torch

    from convbench.core.torch_internals import DispatchMode

    found: _Pass = []
    with captured() as log:

        class Watch(DispatchMode):
            """Time every operator, and ask oneDNN's log what ran inside."""

            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                start = time.perf_counter()
                result = func(*args, **(kwargs or {}))
                took = time.perf_counter() - start
                found.extend(_calls(func, args, result, took, log))
                return result

        # inside inference mode torch hands out composite operators whole
        with torch.inference_mode(mode=False), torch.no_grad(), Watch():
            work()
    return found


def _calls(func: Any, args: Any, result: Any, took: float, log: Log) -> _Pass:
    """Return the calls of one operator: oneDNN's primitives in it, or else itself."""
    primitives = log.more()
    if primitives:
        found = [
            (
                _Call(one.primitive, "oneDNN", one.implementation, one.layouts, _moves(one)),
                one.seconds,
            )
            for one in primitives
        ]
        return [*found, *_copied(primitives[-1].layouts, result)]
    name = func.name().partition("::")[2].partition(".")[0]
    if getattr(func, "is_view", False) or name in _MEMORY_ONLY:
        return []
    shown = {"src": next(_tensors(args), None), "dst": next(_tensors((result,)), None)}
    layouts = ", ".join(f"{which} {layout(one)}" for which, one in shown.items() if one is not None)
    return [(_Call(*_named(name, args), layouts, name in _COPIES), took)]


def _copied(written: str, result: Any) -> _Pass:
    """Return the copy by which an operator gave its result another layout than oneDNN wrote.

    ATen makes it inside the operator, of whose time it cannot be told apart: it is made once more,
    and timed, from a tensor in the layout that oneDNN wrote.
    """
    import torch

    order = written.rpartition("dst ")[2]
    several = not isinstance(result, torch.Tensor)  # as of a recurrent layer
    if several or order not in _CHANNELS_LAST or len(order) != result.ndim:
        return []
    last = result.movedim(1, -1)
    if last.is_contiguous():
        return []
    last = last.contiguous().movedim(-1, 1)
    start = time.perf_counter()
    last.contiguous()
    took = time.perf_counter() - start
    name, layouts = "clone", f"src {order}, dst {layout(result)}"
    return [(_Call(name, "ATen", name, layouts, reorder=True), took)]


def _moves(one: Any) -> bool:
    return bool(one.primitive == "reorder")


def _named(name: str, args: Any) -> tuple[str, str, str]:
    """Return operator, backend and implementation of a call of ATen."""
    from convbench.core.torch_internals import convolution_backend

    plain = name.strip("_").removeprefix("native_").removesuffix("_legit_no_training")
    if name == "convolution":
        chosen = convolution_backend(args)
        return plain, "ATen", "" if chosen is None else str(chosen).split(".")[-1]
    return plain, "ATen", name


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """Give the tensors among values that have more than one axis."""
    import torch

    for value in values:
        if isinstance(value, torch.Tensor):
            if value.ndim > 1:
                yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def layout(tensor: torch.Tensor) -> str:
    """Return the order of a tensor's axes in memory as oneDNN writes it: "abcd", "acdb".

    The first letter is the axis with the largest stride.
    """
    axes = _AXES[: tensor.ndim]
    if tensor.is_contiguous():
        return axes
    for last in _CHANNELS_LAST:
        if len(last) == tensor.ndim and tensor.permute(*map(_AXES.index, last)).is_contiguous():
            return last  # whatever the strides of axes of length 1 are
    return "".join(sorted(axes, key=lambda axis: -tensor.stride(_AXES.index(axis))))


_CHANNELS_LAST: Final = ("acb", "acdb", "acdeb")


_KEEP_CUPTI: Final = {"DISABLE_CUPTI_LAZY_REINIT": "1", "TEARDOWN_CUPTI": "0"}
"""Of the environment: the profiler's library stays loaded, since CUDA graphs, which are captured
after this in the same process, can crash when it is loaded a second time (torch/__init__.py sets
the same where `torch.compile` makes graphs)."""


def _on_cuda(work: Callable[[], object], device: str) -> _Pass:
    import torch
    from torch.profiler import ProfilerActivity, profile

    for name, value in _KEEP_CUPTI.items():
        os.environ.setdefault(name, value)
    with (
        torch.inference_mode(mode=False),
        torch.no_grad(),
        profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as taken,
    ):
        work()
        torch.cuda.synchronize(device)
    return launched(taken.events() or ())


def launched(events: Iterable[Any]) -> _Pass:
    """Return the kernels of a profile in the order of their launches, each with its operator."""
    return [
        (_Call(one.operator, one.library, one.name, one.layouts, one.moves, one.tensor_cores),
         one.seconds)
        for one in cuda_kernels.launched(events)
    ]  # fmt: skip
