"""Emptying the L2 cache: the size of the buffer, and that it is written to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from convbench.clock.caches import L2Flush


def a_device(monkeypatch: pytest.MonkeyPatch, l2_bytes: int) -> None:
    """Have torch tell of a CUDA device, whose memory is the host's."""
    made = torch.empty

    def empty(*size: int, device: object, **options: Any) -> torch.Tensor:
        assert device == "cuda:0"
        return made(*size, **options)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(L2_cache_size=l2_bytes)
    )
    monkeypatch.setattr(torch, "empty", empty)


def test_four_times_the_cache_is_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    a_device(monkeypatch, 1000)
    flush = L2Flush("cuda:0")
    assert flush.pool_bytes == 4000
    assert flush._buffer.nbytes == 4000
    flush._buffer.fill_(7)
    flush.evict()
    assert not flush._buffer.any()


def test_made_in_inference_mode_it_also_works_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    a_device(monkeypatch, 1000)
    with torch.inference_mode():
        flush = L2Flush("cuda:0")
        flush.evict()
    flush.evict()  # torch refuses to write to a tensor that was made in inference mode


def test_a_cache_of_unknown_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    a_device(monkeypatch, 0)
    with pytest.raises(
        RuntimeError, match="'cuda:0': torch does not tell the size of its L2 cache"
    ):
        L2Flush("cuda:0")


def test_without_cuda_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="torch sees no CUDA device; run where"):
        L2Flush("cuda")


def test_a_real_flush_makes_a_small_kernel_slower() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    from statistics import median

    from convbench.clock.cuda_graphs import KernelStopwatch

    flush = L2Flush()
    assert flush.pool_bytes == 4 * torch.cuda.get_device_properties(0).L2_cache_size
    quarter = torch.randn(flush.pool_bytes // 64, device="cuda")  # a quarter of the cache
    watch = KernelStopwatch()

    def work() -> torch.Tensor:
        return quarter.sum()

    def cold() -> float:
        flush.evict()
        return watch.time(work, 1).seconds

    def warm() -> float:
        work()
        return watch.time(work, 1).seconds

    assert median(cold() for _ in range(30)) > median(warm() for _ in range(30))
