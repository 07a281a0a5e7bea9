"""Settings: what is in force inside, and that all is as before after any exit."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from convbench.clock.cuda_flags import Tf32, tf32_in_force
from convbench.clock.settings import execution

BACKENDS: Any = torch.backends
CUDNN: Any = torch.backends.cudnn
MATMUL: Any = torch.backends.cuda.matmul
MKLDNN: Any = torch.backends.mkldnn


def told(read: Callable[[], object]) -> object:
    """Return what a flag says; torch refuses to tell old ones that contradict the new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some releases warn once of the old ones
        try:
            return read()
        except RuntimeError:
            return "mixed"


def precisions() -> dict[str, object]:
    """Return every flag of float32 precision, old and new."""
    return {
        "all": BACKENDS.fp32_precision,
        "cudnn": CUDNN.fp32_precision,
        "conv": CUDNN.conv.fp32_precision,
        "rnn": CUDNN.rnn.fp32_precision,
        "matmul": MATMUL.fp32_precision,
        "mkldnn": MKLDNN.fp32_precision,
        "mkldnn conv": MKLDNN.conv.fp32_precision,
        "mkldnn matmul": MKLDNN.matmul.fp32_precision,
        "old matmul": told(lambda: MATMUL.allow_tf32),
        "old cudnn": told(lambda: CUDNN.allow_tf32),
        "old precision": told(torch.get_float32_matmul_precision),
    }


def state() -> dict[str, Any]:
    """Return everything that `execution` may change."""
    return {
        **precisions(),
        "threads": torch.get_num_threads(),
        "benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.backends.cudnn.deterministic,
        "algorithms": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "inference": torch.is_inference_mode_enabled(),
        "grad": torch.is_grad_enabled(),
    }


def reset() -> None:
    """Set every flag of precision to torch's default, old ones and new ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.set_float32_matmul_precision("highest")
        CUDNN.allow_tf32 = True
    for flag in (BACKENDS, CUDNN, MATMUL, MKLDNN, MKLDNN.matmul, MKLDNN.conv):
        flag.fp32_precision = "none"


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    before = state()
    yield
    assert state() == before


def other_threads() -> int:
    """Return a number of threads that is not the one in force."""
    return 1 if torch.get_num_threads() != 1 else 2


def test_all_that_is_in_force_is_told() -> None:
    threads = other_threads()
    with execution(threads) as in_force:
        assert torch.get_num_threads() == threads
        assert torch.is_inference_mode_enabled()
        assert in_force == {
            "device": "cpu",
            "threads": threads,
            "interop_threads": torch.get_num_interop_threads(),
            "grad_mode": "inference",
            "deterministic_algorithms": False,
            "default_dtype": "float32",
            "autocast": None,
            "matmul_precision": "highest",
            "mkldnn_enabled": torch.backends.mkldnn.enabled,
            "flush_denormal": False,
            "cudnn_benchmark": None,
            "cudnn_deterministic": None,
            "cudnn_enabled": None,
            "tf32": None,
        }
    with execution(None, "cuda", cudnn_benchmark=False, deterministic=True) as in_force:
        cuda = ("device", "cudnn_benchmark", "cudnn_deterministic", "cudnn_enabled", "tf32")
        assert [in_force[name] for name in cuda] == ["cuda", False, True, True, False]


def test_what_the_caller_set_is_told_too() -> None:
    with torch.autocast("cpu", torch.bfloat16), execution(None) as in_force:
        assert in_force["autocast"] == "bfloat16"
        with execution(None, "cuda") as on_cuda:
            assert on_cuda["autocast"] is None  # it is the CPU's
    if torch.set_flush_denormal(True):
        try:
            with execution(None) as in_force:
                assert in_force["flush_denormal"] is True
        finally:
            torch.set_flush_denormal(False)


def test_no_threads_given_leaves_them() -> None:
    before = torch.get_num_threads()
    with execution(None) as in_force:
        assert in_force["threads"] == torch.get_num_threads() == before


def test_a_cpu_run_leaves_the_flags_of_cuda_alone() -> None:
    before = state()
    with execution(None, "cpu", tf32=True, deterministic=True):
        inside = state()
    changed = {name for name in before if before[name] != inside[name]}
    assert changed == {"inference", "grad", "algorithms", "fill"}


def test_a_training_step_records_gradients_whatever_the_caller_is_in() -> None:
    for outside in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with outside():
            before = state()
            with execution(None, grad=True) as in_force:
                assert in_force["grad_mode"] == "grad"
                weight = torch.ones(1, requires_grad=True)
                (weight * 3).sum().backward()
                assert weight.grad is not None
            assert state() == before


def test_deterministic_algorithms_are_asked_for_and_new_memory_is_not_filled() -> None:
    with execution(None, deterministic=True) as in_force:
        assert torch.are_deterministic_algorithms_enabled()
        assert in_force["deterministic_algorithms"] is True
        assert torch.utils.deterministic.fill_uninitialized_memory is False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with execution(None, deterministic=False) as in_force:
            assert in_force["deterministic_algorithms"] is False
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_compilers_flag_that_torch_sets_along_is_put_back() -> None:
    import torch._inductor.config as compiler

    found = compiler.deterministic
    compiler.deterministic = True  # set by itself, the algorithms left as they are
    try:
        with execution(None, deterministic=True):
            pass
        assert compiler.deterministic is True
    finally:
        compiler.deterministic = found


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("tf32", [False, True])
def test_flags_of_cuda_are_set_and_told(device: str, tf32: bool) -> None:
    with execution(None, device, tf32=tf32) as in_force:
        assert torch.backends.cudnn.benchmark is True
        assert (in_force["cudnn_benchmark"], in_force["tf32"]) == (True, tf32)
    for benchmark in (False, True):
        with execution(None, device, cudnn_benchmark=benchmark):
            assert torch.backends.cudnn.benchmark is benchmark


def set_old(owner: Any, value: bool) -> None:
    """Set an `allow_tf32`, whose warning some releases give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        owner.allow_tf32 = value


def set_new(owner: Any, value: str) -> None:
    """Set an `fp32_precision`."""
    owner.fp32_precision = value


def medium_then_old() -> None:
    """Set two old flags, after which torch refuses to tell one of them."""
    torch.set_float32_matmul_precision("medium")
    set_old(MATMUL, value=True)


FOUND: dict[str, Callable[[], object]] = {
    "defaults": lambda: None,
    "old matmul on": lambda: set_old(MATMUL, value=True),
    "old matmul off": lambda: set_old(MATMUL, value=False),
    "high": lambda: torch.set_float32_matmul_precision("high"),
    "medium": lambda: torch.set_float32_matmul_precision("medium"),
    "old cudnn off": lambda: set_old(CUDNN, value=False),
    "new matmul on": lambda: set_new(MATMUL, "tf32"),  # from here on old ones may be refused
    "new conv off": lambda: set_new(CUDNN.conv, "ieee"),
    "rnn as cudnn": lambda: set_new(CUDNN.rnn, "none"),
    "cudnn off": lambda: set_new(CUDNN, "ieee"),
    "cudnn on": lambda: set_new(CUDNN, "tf32"),
    "all on": lambda: set_new(BACKENDS, "tf32"),
    "all bf16": lambda: set_new(BACKENDS, "bf16"),
    "mkldnn bf16": lambda: set_new(MKLDNN, "bf16"),
    "mkldnn matmul bf16": lambda: set_new(MKLDNN.matmul, "bf16"),
    "two old ones that differ": medium_then_old,
}


CONVOLUTIONS, PRODUCTS = Tf32(convolutions=True), Tf32(products=True)
ASKED = {False: False, True: True, CONVOLUTIONS: "in convolutions", PRODUCTS: "in matrix products"}
"""What may be asked of TF32, with what is told of it."""


@pytest.mark.parametrize("tf32", ASKED)
@pytest.mark.parametrize("found", FOUND)
def test_whatever_is_found_every_reader_of_tf32_gets_the_same_answer(
    found: str, tf32: bool | Tf32
) -> None:
    try:
        reset()
        FOUND[found]()
        with execution(None, "cuda", tf32=tf32) as in_force:
            products = tf32 in (True, PRODUCTS)
            convolutions = tf32 in (True, CONVOLUTIONS)
            inside = precisions()
            for name in ("cudnn", "conv", "rnn"):
                assert inside[name] == ("tf32" if convolutions else "ieee"), name
            for name in ("matmul", "mkldnn matmul"):
                assert inside[name] == ("tf32" if products else "ieee"), name
            assert (inside["old matmul"], inside["old cudnn"]) == (products, convolutions)
            assert in_force["tf32"] == ASKED[tf32]
            assert tf32_in_force() == Tf32(convolutions, products)
            precision = "high" if products else "highest"
            assert inside["old precision"] == in_force["matmul_precision"] == precision
            with torch.backends.cudnn.flags(enabled=False):  # it reads the old flag
                pass
    finally:
        reset()


def trail(found: Callable[[], object], enter: Callable[[], None]) -> list[dict[str, object]]:
    """Return what the flags say after `enter`, and then whenever one that others follow is set.

    In the end the new flags are set such that every old one can be read.
    """
    reset()
    found()
    enter()
    said = [precisions()]
    for parent in (CUDNN, MKLDNN, BACKENDS):
        for word in ("ieee", "tf32", "none"):
            parent.fp32_precision = word
            said.append(precisions())
    for word in ("tf32", "ieee"):
        for flag in (CUDNN.conv, CUDNN.rnn, MATMUL, MKLDNN.matmul):
            flag.fp32_precision = word
        said.append(precisions())
    return said


@pytest.mark.parametrize(
    ("found", "where"),
    [
        ("defaults", CONVOLUTIONS),
        ("old matmul on", Tf32(True, True)),
        ("high", Tf32(True, True)),
        ("medium", Tf32(True, True)),
        ("old cudnn off", Tf32()),
        ("new matmul on", Tf32(True, True)),
        ("new conv off", Tf32()),
        ("cudnn off", CONVOLUTIONS),  # its convolutions were set apart
        ("two old ones that differ", Tf32(True, True)),
    ],
)
def test_where_tf32_is_used_is_read_as_torch_resolves_it(found: str, where: Tf32) -> None:
    try:
        reset()
        FOUND[found]()
        assert tf32_in_force() == where
    finally:
        reset()


@pytest.mark.parametrize("tf32", ASKED)
@pytest.mark.parametrize("found", FOUND)
def test_whatever_is_found_is_put_back_with_what_follows_what(
    found: str, tf32: bool | Tf32
) -> None:
    def enter() -> None:
        with execution(None, "cuda", tf32=tf32):
            pass

    try:
        assert trail(FOUND[found], enter) == trail(FOUND[found], lambda: None)
    finally:
        reset()


@pytest.mark.parametrize(
    ("before", "tf32", "after", "said"),
    [
        # Nobody set them, so they follow what is set for the whole of cuDNN afterwards.
        ("", True, "torch.backends.cudnn.fp32_precision = 'ieee'", "ieee"),
        ("", False, "", "tf32"),
        # Torch cannot make them unset again here; they still read as they were found.
        ("torch.backends.fp32_precision = 'ieee'", False, "", "ieee"),
    ],
)
def test_flags_that_nobody_has_set(before: str, tf32: bool, after: str, said: str) -> None:
    program = f"""
import torch
from convbench.clock.settings import execution
{before}
with execution(None, "cuda", tf32={tf32}):
    pass
{after}
print(torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.rnn.fp32_precision)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [said, said]


@pytest.mark.parametrize("tf32", [False, True])
def test_the_compiler_can_read_its_flags_inside(tf32: bool) -> None:
    from torch._C._dynamo.guards import GlobalStateGuard
    from torch._inductor.select_algorithm import create_precompile_key

    with execution(None, "cuda", tf32=tf32):
        assert ("high" if tf32 else "highest") in create_precompile_key("mm", "", []).split(":")
        assert f'"allow_tf32":{str(tf32).lower()}' in GlobalStateGuard().__getstate__()
        compiled = torch.compile(lambda x: x @ x, backend="eager", fullgraph=True)
        assert torch.equal(compiled(torch.eye(4)), torch.eye(4))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("grad", [False, True])
def test_all_is_restored_after_an_exception(
    device: str, error: type[BaseException], grad: bool
) -> None:
    before = state()
    options = {"tf32": True, "deterministic": True, "cudnn_benchmark": True, "grad": grad}
    with pytest.raises(error), execution(other_threads(), device, **options):
        raise error
    assert state() == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "place",
    [
        (torch, "inference_mode"),
        (torch, "set_float32_matmul_precision"),
        (torch, "use_deterministic_algorithms"),
        (torch, "get_num_interop_threads"),
    ],
    ids=lambda place: place[1],
)
def test_a_failure_half_way_in_restores_too(
    monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], error: type[BaseException]
) -> None:
    real = getattr(*place)
    failures = iter([error("today")])

    def broken_once(*arguments: object, **options: object) -> object:
        for failure in failures:
            raise failure
        return real(*arguments, **options)

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(*place, broken_once)
        with (
            pytest.raises(error, match="today"),
            execution(other_threads(), "cuda", tf32=True, deterministic=True),
        ):
            pass
    assert state() == before


def test_older_torch_is_set_through_its_only_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        benchmark = False
        deterministic = False
        enabled = True
        allow_tf32 = True

    precision = ["medium"]
    monkeypatch.setattr(torch.backends, "cudnn", Old())
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: precision[-1])
    monkeypatch.setattr(torch, "set_float32_matmul_precision", precision.append)
    with execution(None, "cuda") as in_force:
        assert torch.backends.cudnn.allow_tf32 is False
        assert (in_force["tf32"], in_force["matmul_precision"]) == (False, "highest")
    with execution(None, "cuda", tf32=True) as in_force:
        assert (in_force["tf32"], in_force["matmul_precision"]) == (True, "high")
    assert torch.backends.cudnn.allow_tf32 is True
    assert torch.backends.cudnn.benchmark is False
    assert precision == ["medium", "highest", "medium", "high", "medium"]


def test_flags_that_disagree_on_a_cpu_are_told_as_mixed() -> None:
    try:
        MATMUL.fp32_precision = "tf32"
        with execution(None) as in_force:
            assert in_force["matmul_precision"] == "mixed"
    finally:
        reset()


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_refused(threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads={threads}"), execution(threads):
        pass


def test_the_environment_turns_tf32_off_whatever_torch_is_set_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    with execution(None, "cuda", tf32=True):
        assert tf32_in_force() == Tf32()
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    with execution(None, "cuda", tf32=True):
        assert tf32_in_force() == Tf32(True, True)
