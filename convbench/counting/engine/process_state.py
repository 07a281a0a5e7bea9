"""Settings of torch and of the process that a model may change when it runs, put back."""

from __future__ import annotations

import gc
import operator
import os
import pickle
import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any, Final

import torch
from torch.nn.modules import module as hooks

from convbench.core import torch_internals
from convbench.counting.engine import restoring

_CPU: Final = torch.device("cpu")
_B: Any = torch.backends
_PRECISE: Final = [_B, _B.cudnn, _B.mkldnn, _B.cuda.matmul] + [
    getattr(owner, name)
    for owner, names in ((_B.cudnn, ("conv", "rnn")), (_B.mkldnn, ("conv", "matmul")))
    for name in names
    if hasattr(owner, name)
]
_ENVIRONMENT: Any = getattr(os.environ, "_data", os.environ)  # as bytes: decoding takes longer
SETTINGS: Final[tuple[torch_internals.Setting, ...]] = (
    *torch_internals.SETTINGS,
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
            partial(getattr, owner, name),
            lambda old, owner=owner, name=name: setattr(owner, name, old),
        )
        for owner, name in (
            (_B.mkldnn, "enabled"),
            (_B.quantized, "engine"),
            (_B.cuda.matmul, "allow_fp16_reduced_precision_reduction"),
            (_B.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
            (torch.utils.deterministic, "fill_uninitialized_memory"),
            *((_B.cudnn, name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")),
            # torch 2.9 and later; after the old flags, whose setters write these too
            *((owner, "fp32_precision") for owner in _PRECISE if hasattr(_B, "fp32_precision")),
        )
    ),
    *(
        (getattr(_B.cuda, f"{name}_sdp_enabled"), getattr(_B.cuda, f"enable_{name}_sdp"))
        for name in ("flash", "mem_efficient", "math", "cudnn")
    ),
    *(
        (partial(torch.get_autocast_dtype, kind), partial(torch.set_autocast_dtype, kind))
        for kind in ("cpu", "cuda")
    ),
    (torch.is_warn_always_enabled, torch.set_warn_always),
    *(
        (getattr(torch.__future__, f"get_{name}"), getattr(torch.__future__, f"set_{name}"))
        for name in (
            "overwrite_module_params_on_conversion",
            "swap_module_params_on_conversion",
        )
    ),
    (lambda: list(sys.path), lambda old: operator.setitem(sys.path, slice(None), old)),
    (gc.isenabled, lambda old: gc.enable() if old else gc.disable()),
    (os.getcwd, os.chdir),
)
"""How each setting is read, and how it is written."""
_GLOBAL_HOOKS: Final = [held for held in vars(hooks).values() if type(held) is OrderedDict]
"""Hooks that every module has."""


@contextmanager
def surroundings_kept() -> Iterator[None]:
    """Put back settings, modes, hooks of all modules, the environment, and random numbers."""
    settings = _settings()
    environment = _ENVIRONMENT.copy()
    global_hooks = [held.copy() for held in _GLOBAL_HOOKS]
    try:
        with _draws_kept():
            yield
    finally:
        for held, before in zip(_GLOBAL_HOOKS, global_hooks, strict=True):
            if held or before:
                restoring.items(held, before)
        if settings != _settings():
            for (read, write), value in zip(SETTINGS, settings, strict=True):
                with suppress(Exception):  # a folder that is gone
                    if _told(read) != value:  # what is written may change others
                        write(value)
        if environment != _ENVIRONMENT:
            os.environ.clear()
            os.environ.update({os.fsdecode(k): os.fsdecode(v) for k, v in environment.items()})


@contextmanager
def _draws_kept() -> Iterator[None]:
    """Put back random numbers.

    They are one stream for all threads: where others are alive it is left as it is, since to put it
    back would give them numbers that they had; torch's is, unless it was seeded.
    """
    seed, drawn = torch.initial_seed(), torch.get_rng_state()
    python, numpy = random.getstate(), sys.modules.get("numpy.random")
    of_numpy = numpy.get_state() if numpy else None
    try:
        yield
    finally:
        alone = threading.active_count() == 1
        now = torch.get_rng_state()  # where nothing was drawn, another thread may begin to
        if not torch.equal(now, drawn) and (
            alone or torch.initial_seed() != seed or _as_seeded(now, seed)
        ):
            torch.set_rng_state(drawn)
        if alone:
            if random.getstate() != python:
                random.setstate(python)
            if numpy is not None and of_numpy is not None:
                numpy.set_state(of_numpy)


def _as_seeded(state: torch.Tensor, seed: int) -> bool:
    """Tell whether torch's random numbers begin anew at the seed."""
    return torch.equal(state, torch.Generator().manual_seed(seed).get_state())


def _settings() -> list[Any]:
    return [_told(read) for read, _ in SETTINGS]


def _told(read: Callable[[], Any]) -> Any:
    """Read a setting; None where it cannot be read: old flags against new ones, a folder gone."""
    try:
        return read()
    except (RuntimeError, OSError, AttributeError):
        return None


def drawn() -> tuple[Any, bytes]:
    """Return where the random numbers of Python and NumPy stand.

    NumPy's are imported for it: what a count imports may import them, and would seem to have drawn.
    """
    import numpy as np

    return random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002  the global one


class RandomStream:
    """Random numbers of a stream of its own, which begins where torch's was.

    Torch's own is one for all threads: what is drawn from it here, another thread would not get.
    """

    def __init__(self) -> None:
        """Nothing has been drawn yet."""
        self._own: torch.Generator | None = None

    def call(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Call an operator that draws, with a generator of this stream where it takes one."""
        placed = (*args, *kwargs.values())
        places = {getattr(item, "device", None) for item in placed} | {kwargs.get("device")}
        if places <= {None, _CPU}:
            if func is torch.ops.aten.native_dropout.default:  # it takes none
                return _dropped(*args, generator=self._generator())
            taking = _taking_generator(func)
            if taking is not None:
                return taking(*args, **{**kwargs, "generator": self._generator()})
        return func(*args, **kwargs)

    def _generator(self) -> torch.Generator:
        """Return the stream; where the model has set torch's own to a seed, from there on."""
        default = torch.default_generator
        if self._own is None or self._own.initial_seed() != default.initial_seed():
            self._own = default.clone_state()
        return self._own


def _dropped(x: torch.Tensor, p: float, train: bool | None, *, generator: torch.Generator) -> Any:
    if train is False or p == 0:
        return x.clone(), torch.ones_like(x, dtype=torch.bool)
    kept = torch.empty_like(x).bernoulli_(1 - p, generator=generator)
    return x * kept * (1 / (1 - p) if p < 1 else 0), kept.bool()


@lru_cache(maxsize=256)
def _taking_generator(func: Any) -> Any:
    """Return the form of an operator that takes a generator, with all that this one takes."""
    wanted = [argument.name for argument in torch_internals.parameters(func)]
    packet = func.overloadpacket
    for form in (func, *(getattr(packet, name) for name in packet.overloads())):
        names = [argument.name for argument in torch_internals.parameters(form)]
        others = [name for name in names if name != "generator"]
        if "generator" in names and others == [name for name in wanted if name != "generator"]:
            return form
    return None
