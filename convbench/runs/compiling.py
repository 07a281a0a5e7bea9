"""torch.compile, held to its word: what it left in eager mode is a failure and not a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

_MANY = 1_000_000
"""Compiled variants of one piece of code. Modules of torch.nn share theirs, and beyond torch's
limit of 8 it runs them in eager mode and says so in a log."""


class NotCompiledError(RuntimeError):
    """torch.compile compiled nothing, or not all."""


def compiled(
    module: nn.Module, run: Callable[[Callable[..., Any]], Any], *, anew: bool, device: str
) -> tuple[Callable[..., Any], float]:
    """Return the module compiled, and the seconds that took, its first run included.

    Args:
        module: what is compiled, whole: a break in its graph is an error.
        run: runs what it is given once; torch compiles when it first runs.
        anew: compile without the caches on disk, after something small that loads the compiler.
        device: that the module is on: the compiler for another one would be loaded in vain.

    Raises:
        NotCompiledError: nothing was compiled.

    """
    import torch

    from convbench.core.torch_internals import compiled_graphs

    _lift_the_limit()
    forward: Callable[..., Any] = torch.compile(module, fullgraph=True, dynamic=False)
    with ExitStack() as stack:
        if anew:
            stack.enter_context(_without_caches())
            torch.compile(_something_small, fullgraph=True)(torch.zeros(8, device=device))
        before = compiled_graphs()
        begin = time.perf_counter()
        run(forward)
        seconds = time.perf_counter() - begin
    if compiled_graphs() <= before:
        raise NotCompiledError(
            "torch.compile compiled nothing and would run the module as it is: time it in mode "
            "eager"
        )
    return forward, seconds


def _lift_the_limit() -> None:
    """Let every module have a compiled variant of its own; for the whole (fresh) process."""
    from torch._dynamo import config

    for name in ("recompile_limit", "accumulated_recompile_limit", "cache_size_limit",
                 "accumulated_cache_size_limit"):  # fmt: skip
        if hasattr(config, name):
            setattr(config, name, _MANY)


def _without_caches() -> AbstractContextManager[Any]:
    from torch._inductor import config

    if not hasattr(config, "force_disable_caches"):
        return nullcontext()
    patch: AbstractContextManager[Any] = config.patch(force_disable_caches=True)
    return patch


def _something_small(x: Any) -> Any:
    return x.sin() + 1
