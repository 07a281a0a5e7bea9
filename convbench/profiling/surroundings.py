"""Settings of torch and of the process that a model may change when it runs, put back."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import torch
from torch.nn.modules import module as hooks

from convbench.profiling import restoring

_C: Any = torch._C  # noqa: SLF001  what has no public name
_DEVICE: Any = torch._GLOBAL_DEVICE_CONTEXT  # noqa: SLF001  as above

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
SETTINGS: Final[tuple[Setting, ...]] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda old: torch.use_deterministic_algorithms(old[0], warn_only=old[1]),
    ),
    (
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda old: torch.autograd.set_detect_anomaly(*old),
    ),
    *(
        (
            lambda owner=owner, name=name: getattr(owner, name),
            lambda old, owner=owner, name=name: setattr(owner, name, old),
        )
        for owner, names in (
            (torch.backends.cudnn, ("enabled", "benchmark", "deterministic", "allow_tf32")),
            (torch.backends.cuda.matmul, ("allow_tf32",)),
        )
        for name in names
    ),
    (os.getcwd, os.chdir),
)
"""What can be asked and put back: how each is read, and how it is written."""


@contextmanager
def surroundings_kept() -> Iterator[None]:
    """Put back settings, modes, hooks of all modules, the environment, and random numbers.

    Random numbers of Python and NumPy are one stream for all threads: where others are alive it is
    left as it is, since to put it back would give them numbers that they had.
    """
    settings = [(write, read, read()) for read, write in SETTINGS]
    environment = dict(os.environ)
    modes, device = _modes(), getattr(_DEVICE, "device_context", None)
    every = [value for name, value in vars(hooks).items() if name.startswith("_global_")]
    global_hooks = [
        (held, restoring.contents_of(held)) for held in every if type(held) is OrderedDict
    ]
    seed, drawn = torch.initial_seed(), torch.get_rng_state()
    python, numpy = random.getstate(), sys.modules.get("numpy.random")
    of_numpy = numpy.get_state() if numpy else None
    try:
        yield
    finally:
        if _modes() != modes:
            _put_modes(modes)
        _DEVICE.device_context = device
        for held, before in global_hooks:
            restoring.items(held, before)
        for write, read, before in settings:
            with suppress(Exception):  # a folder that is gone
                if read() != before:
                    write(before)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        if torch.initial_seed() != seed:
            torch.set_rng_state(drawn)
        if threading.active_count() == 1:
            if random.getstate() != python:
                random.setstate(python)
            if numpy is not None and of_numpy is not None:
                numpy.set_state(of_numpy)


def _modes() -> list[Any]:
    """Return the function modes that are in force in this thread."""
    return [_C._get_function_stack_at(at) for at in range(_C._len_torch_function_stack())]  # noqa: SLF001


def _put_modes(modes: list[Any]) -> None:
    while _C._len_torch_function_stack():  # noqa: SLF001
        _C._pop_torch_function_stack()  # noqa: SLF001
    for mode in modes:
        _C._push_on_torch_function_stack(mode)  # noqa: SLF001


class Drawn:
    """A stream of random numbers that goes its own way from where torch's was.

    Torch's own is one for all threads: it is exchanged for the time of one operator, and another
    thread's numbers are what they would have been.
    """

    def __init__(self) -> None:
        """Nothing has been drawn yet."""
        self._state: torch.Tensor | None = None

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw from this stream."""
        generator = torch.default_generator
        before = generator.get_state()
        if self._state is not None:
            generator.set_state(self._state)
        try:
            yield
        finally:
            self._state = generator.get_state()
            generator.set_state(before)
