"""Settings: what is in force inside, and that all is as before after any exit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from convbench.timing.settings import execution


def state() -> dict[str, Any]:
    """Return everything that `execution` may change."""
    return {
        "threads": torch.get_num_threads(),
        "benchmark": torch.backends.cudnn.benchmark,
        "matmul": torch.backends.cuda.matmul.fp32_precision,
        "conv": torch.backends.cudnn.conv.fp32_precision,
        "rnn": torch.backends.cudnn.rnn.fp32_precision,
        "old matmul": torch.backends.cuda.matmul.allow_tf32,
        "old cudnn": torch.backends.cudnn.allow_tf32,
        "inference": torch.is_inference_mode_enabled(),
        "grad": torch.is_grad_enabled(),
    }


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    before = state()
    yield
    assert state() == before


def other_threads() -> int:
    """Return a number of threads that is not the one in force."""
    return 1 if torch.get_num_threads() != 1 else 2


def test_threads_and_gradient_mode_are_set_and_told() -> None:
    threads = other_threads()
    with execution(threads) as in_force:
        assert torch.get_num_threads() == threads
        assert torch.is_inference_mode_enabled()
        assert in_force == {
            "device": "cpu",
            "threads": threads,
            "grad_mode": "inference",
            "cudnn_benchmark": None,
            "tf32": None,
        }


def test_no_threads_given_leaves_them() -> None:
    before = torch.get_num_threads()
    with execution(None) as in_force:
        assert in_force["threads"] == torch.get_num_threads() == before


def test_a_cpu_run_leaves_the_flags_of_cuda_alone() -> None:
    before = state()
    with execution(None, "cpu", tf32=True):
        inside = state()
    assert {name for name in before if before[name] != inside[name]} == {"inference", "grad"}


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("tf32", [False, True])
def test_flags_of_cuda_are_set_and_told(device: str, tf32: bool) -> None:
    with execution(None, device, tf32=tf32) as in_force:
        assert torch.backends.cudnn.benchmark is True
        word = "tf32" if tf32 else "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == word
        assert torch.backends.cudnn.conv.fp32_precision == word
        assert (in_force["cudnn_benchmark"], in_force["tf32"]) == (True, tf32)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_all_is_restored_after_an_exception(device: str, error: type[BaseException]) -> None:
    before = state()
    with pytest.raises(error), execution(other_threads(), device, tf32=True):
        raise error
    assert state() == before


def test_a_failure_half_way_in_restores_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("no inference mode today")

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "inference_mode", broken)
        with pytest.raises(RuntimeError, match="today"), execution(other_threads(), "cuda"):
            pass
    assert state() == before


def test_older_torch_is_set_through_allow_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        benchmark = False
        allow_tf32 = True

    monkeypatch.setattr(torch.backends, "cudnn", Old())
    matmul = Old()
    monkeypatch.setattr(torch.backends.cuda, "matmul", matmul)
    with execution(None, "cuda") as in_force:
        assert torch.backends.cudnn.allow_tf32 is matmul.allow_tf32 is False
        assert in_force["tf32"] is False
    assert torch.backends.cudnn.allow_tf32 is matmul.allow_tf32 is True
    assert torch.backends.cudnn.benchmark is False


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_refused(threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads={threads}"), execution(threads):
        pass
