"""What is around a module is as before: settings, modes, folders, other threads' random numbers."""

import os
import random
import sys
import threading
import time

import pytest
import torch
from torch import nn
from torch.nn.modules import module as hooks

from convbench.counting.engine import process_state
from convbench.counting.engine.run import profile

X = torch.zeros(4, 8)


class Changes(nn.Module):
    def __init__(self, change=lambda: None, *, asks=False):
        super().__init__()
        self.layer, self.norm, self.drop = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)
        self.change, self.asks = change, asks

    def forward(self, x):
        self.change()
        y = self.drop(self.norm(self.layer(x)))
        return y * 2 if self.asks and bool(x.sum() > 1e9) else y


BACKENDS = torch.backends
PRECISE = [
    item
    for owner, names in (
        (BACKENDS, ()),
        (BACKENDS.cudnn, ("conv", "rnn")),
        (BACKENDS.mkldnn, ("conv", "matmul")),
        (BACKENDS.cuda.matmul, ()),
    )
    if hasattr(BACKENDS, "fp32_precision")
    for item in (owner, *(getattr(owner, name) for name in names))
]


SAVED = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", lambda _: "untold")


def settings():
    return {
        "threads": torch.get_num_threads(),
        "device": torch.get_default_device(),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "type": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "precisions": [owner.fp32_precision for owner in PRECISE],
        "anomaly": torch.is_anomaly_enabled(),
        "gradients": torch.is_grad_enabled(),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "mkldnn": (BACKENDS.mkldnn.enabled, BACKENDS.quantized.engine),
        "attention": (BACKENDS.cuda.flash_sdp_enabled(), BACKENDS.cuda.math_sdp_enabled()),
        "half": BACKENDS.cuda.matmul.allow_fp16_reduced_precision_reduction,
        "autocast": torch.get_autocast_dtype("cpu"),
        "future": torch.__future__.get_swap_module_params_on_conversion(),
        "warns": torch.is_warn_always_enabled(),
        "prints": str(torch.tensor(1 / 3)),
        "saved": SAVED(True),
        "path": list(sys.path),
        "folder": os.getcwd(),  # noqa: PTH109  as a model would
        "environment": dict(os.environ),
        "hooks": {name: list(held) for name, held in vars(hooks).items()
                  if name.startswith("_global_") and hasattr(held, "items")},
        "random": (torch.get_rng_state().tolist(), torch.initial_seed(), random.getstate()),
    }  # fmt: skip


CHANGES = {
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "device": lambda: torch.set_default_device("meta"),
    "type": lambda: torch.set_default_dtype(torch.float64),
    "deterministic": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "all precisions": lambda: setattr(BACKENDS, "fp32_precision", "ieee"),
    "precision of products": lambda: setattr(BACKENDS.cuda.matmul, "fp32_precision", "tf32"),
    "mkldnn": lambda: setattr(BACKENDS.mkldnn, "enabled", False),
    "quantised engine": lambda: setattr(BACKENDS.quantized, "engine", "onednn"),
    "attention": lambda: BACKENDS.cuda.enable_flash_sdp(False),
    "sums in half": lambda: setattr(
        BACKENDS.cuda.matmul, "allow_fp16_reduced_precision_reduction", False
    ),
    "autocast": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "future": lambda: torch.__future__.set_swap_module_params_on_conversion(True),
    "warnings": lambda: torch.set_warn_always(True),
    "printing": lambda: torch.set_printoptions(precision=1),
    "saved tensors": lambda: torch.autograd.graph.save_on_cpu().__enter__(),
    "path": lambda: sys.path.insert(0, "elsewhere"),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "gradients": lambda: torch.set_grad_enabled(False),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "folder": lambda: os.chdir(os.sep),
    "environment": lambda: os.environ.update(CONVBENCH_TEST="1"),
    "a hook": lambda: hooks.register_module_forward_hook(lambda *_: None),
    "a hook before": lambda: hooks.register_module_forward_pre_hook(lambda *_: None),
    "a seed": lambda: torch.manual_seed(5),
    "draws": lambda: (torch.rand(3), torch.randn(2, 2), random.random(), torch.randperm(4)),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.filterwarnings("ignore")  # torch warns that anomalies are looked for
def test_settings_are_put_back(case, asks, backward, monkeypatch):
    if "precisions" in case or case == "precision of products":
        pytest.importorskip("torch", minversion="2.9")  # before it there are no such settings
    if case == "saved tensors" and SAVED(True) == "untold":
        pytest.skip("this torch does not tell the hooks of saved tensors, so they are not put back")
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # the tests' own threads are idle
    module = Changes(CHANGES[case], asks=asks)
    before = settings()
    try:
        profile(module, X, backward=backward)
        assert settings() == before
    except BaseException:
        torch.set_default_device(None) if case == "device" else None
        raise
    assert profile(nn.Linear(8, 8), X).total.multiplications == 256


def test_a_device_that_was_set_stays_set():
    torch.set_default_device("meta")
    try:
        profile(Changes(lambda: torch.set_default_device("cpu")), X.to("meta"))
        assert torch.get_default_device() == torch.device("meta")
        assert torch.zeros(1).is_meta
    finally:
        torch.set_default_device(None)
    assert torch.zeros(1).is_cpu


@pytest.mark.parametrize("draws", [False, True])
def test_other_threads_draw_each_number_once(draws):
    module = Changes((lambda: torch.rand(3)) if draws else (lambda: None), asks=True)
    torch.manual_seed(0)
    expected = [float(torch.rand(())) for _ in range(200_000)]
    torch.manual_seed(0)
    drawn, stop = [], threading.Event()

    def draw():
        while not stop.is_set() and len(drawn) < len(expected):
            drawn.append(float(torch.rand(())))

    thread = threading.Thread(target=draw)
    thread.start()
    for number in range(5):
        profile(module, X)
        while len(drawn) <= number:  # it goes on between two counts, however busy the machine is
            time.sleep(0.01)
    stop.set()
    thread.join()
    if draws:  # an operator of the module may draw between another thread's
        assert len(set(drawn)) > 0.98 * len(drawn)
    else:
        assert drawn == expected[: len(drawn)]


def test_a_thread_that_begins_to_draw_while_it_is_looked_at_draws_each_number_once(monkeypatch):
    module, equal, drawn = Changes(lambda: None), torch.equal, []

    def another_draws(*states):
        answer = equal(*states)
        drawn.append(float(torch.rand(())))
        return answer

    torch.manual_seed(0)
    expected = [float(torch.rand(())) for _ in range(50)]
    torch.manual_seed(0)
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    monkeypatch.setattr(process_state.torch, "equal", another_draws)
    for _ in range(2):
        profile(module, X)
    assert drawn
    assert drawn == expected[: len(drawn)]


@pytest.mark.parametrize("alive", [False, True])
def test_numbers_of_python_are_put_back_where_no_other_thread_may_have_drawn(alive):
    module, stop = Changes(lambda: (random.random(), time.sleep(0.01))), threading.Event()
    random.seed(0)
    drawn = []

    def draw():
        while not stop.is_set():
            drawn.append(random.random())
            time.sleep(0.001)

    thread = threading.Thread(target=draw if alive else lambda: None)
    thread.start()
    for _ in range(5):
        profile(module, X)
    stop.set()
    thread.join()
    assert len(set(drawn)) == len(drawn)
    assert alive is bool(drawn)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.SyncBatchNorm, nn.InstanceNorm1d])
def test_a_module_on_the_meta_device_keeps_its_buffers(kind, backward):
    options = {"track_running_stats": True} if kind is nn.InstanceNorm1d else {}
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(8, 8), kind(8, **options)).train()
    image = torch.zeros(4, 8) if kind is not nn.InstanceNorm1d else torch.zeros(4, 8, 8)
    before = {name: id(value) for name, value in module.state_dict(keep_vars=True).items()}
    if kind is nn.SyncBatchNorm:
        module[1] = nn.BatchNorm1d(8, device="meta")
        before = {name: id(value) for name, value in module.state_dict(keep_vars=True).items()}
    for _ in range(2):
        profile(module, image, backward=backward)
        after = {name: id(value) for name, value in module.state_dict(keep_vars=True).items()}
        assert after == before


class Counts(nn.Module):
    """Counts its calls in a buffer, a plain tensor and a list of tensors, in place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.plain, self.held = torch.zeros(()), [torch.zeros(())]
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        self.calls += 1
        self.plain.add_(1)
        self.held[0].mul_(2)
        return self.layer(x)


def test_what_is_written_in_place_on_the_meta_device_stays():
    with torch.device("meta"):
        module = Counts()
    before = (module.calls, module.plain, module.held[0])
    profile(module, X)
    assert all(
        a is b for a, b in zip(before, (module.calls, module.plain, module.held[0]), strict=True)
    )


def test_another_thread_that_trains_the_module_is_said_and_survives():
    """By shapes alone nothing of the module is exchanged, so that the other thread goes on."""
    module = nn.Sequential(*[nn.Linear(8, 8) for _ in range(4)])
    stop, errors, steps = threading.Event(), [], []

    def train():
        optimiser = torch.optim.SGD(module.parameters(), 0.01)
        try:
            while not stop.is_set() or len(steps) < 2:
                optimiser.zero_grad()
                module(torch.ones(4, 8)).sum().backward()
                optimiser.step()
                steps.append(1)
        except Exception as error:  # noqa: BLE001  whatever it is, it is ours
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        found = [profile(module, X) for _ in range(20)]
    finally:
        stop.set()
        thread.join()
    assert not errors
    assert len(steps) > 1
    assert {item.total.multiplications for item in found} == {4 * 256}
