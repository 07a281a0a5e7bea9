"""Processes of their own, fresh and forked: what comes back, how one ends, that none stays."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from errands import ERRANDS, gone

from convbench.clock import processes, worker
from convbench.clock.allocator import environment
from convbench.clock.conversation import ProcessDied, ProcessError
from convbench.clock.processes import Nursery, forkable, fresh, ready
from convbench.clock.worker import LENGTH, receive, send
from convbench.core.torchvision_import import declare_operators

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
Ask = Callable[..., Any]
KINDS = ["fresh", *(["forked"] if forkable("cpu") else [])]


@pytest.fixture(autouse=True)
def _errands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "errands_of_tests.py").write_text(ERRANDS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """How processes begin."""
    found: str = request.param
    return found


@pytest.fixture
def asked(kind: str) -> Ask:
    """Return a function that runs an errand in a process of its own, begun in one of the ways."""

    def ask(
        name: str,
        *arguments: Any,
        allocator: Any = "kept",
        plugins: Any = (),
        told: Any = None,
    ) -> Any:
        errand = name if ":" in name else f"errands_of_tests:{name}"
        if kind == "fresh":
            return fresh(errand, *arguments, allocator=allocator, plugins=plugins, told=told)
        return ready(allocator, plugins).ask(errand, *arguments, told=told)

    return ask


# --- what comes back -----------------------------------------------------------------------


def test_a_model_of_torchvision_travels_where_its_compiled_part_does_not_load(asked: Ask) -> None:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: pip install --no-deps torchvision")
    declare_operators()
    block = importlib.import_module("torchvision.models.resnet").BasicBlock(4, 4)
    assert asked("shown", block).startswith("BasicBlock(")


def test_the_result_comes_back_and_messages_come_in_order(asked: Ask) -> None:
    told: list[Any] = []
    assert asked("several", 200, told=told.append) == "done"
    assert told == [{"number": number} for number in range(200)]
    assert asked("several", 3) == "done"  # nobody listens
    assert asked("add", [1], [2]) == [1, 2]


def test_what_is_larger_than_a_pipe_comes_through(asked: Ask) -> None:
    told: list[bytes] = []
    size = 3_000_000
    assert asked("large", size, told=told.append) == b"y" * size
    assert told == [b"x" * size]
    assert asked("add", b"a" * size, b"b") == b"a" * size + b"b"


def test_printing_there_does_no_harm(asked: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    assert asked("printing", told=told.append) == "result"
    assert told == ["told"]
    assert capfd.readouterr() == ("", "")


def test_it_is_another_process_that_imports_from_where_this_one_does(asked: Ask, kind: str) -> None:
    about = asked("about")
    assert about["pid"] != os.getpid()
    assert about["path"] == sys.path
    assert about["ignores"]  # Ctrl-C is the parent's
    assert about["torch"] is (kind == "forked")
    assert (about["parent"] == os.getpid()) is (kind == "fresh")
    assert gone(about["pid"])


def test_path_and_folder_are_those_of_the_moment(
    asked: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.syspath_prepend(str(tmp_path / name))
        about = asked("about")
        assert (about["folder"], about["path"]) == (str(tmp_path / name), sys.path)


def test_a_message_is_heard_while_the_process_goes_on(asked: Ask, tmp_path: Path) -> None:
    """Two that are sent at once: the second is not kept back until there is a third."""
    heard = tmp_path / "heard"

    def told(word: str) -> None:
        if word == "second":
            heard.touch()

    assert asked("heard", str(heard), told=told)


def test_a_plugin_is_loaded_first(asked: Ask, tmp_path: Path) -> None:
    plugin = tmp_path / "plugged.py"
    plugin.write_text("import errands_of_tests\nerrands_of_tests.plugged = lambda *, tell: 'in'\n")
    assert asked("plugged", plugins=[str(plugin)]) == "in"
    with pytest.raises(ProcessError, match=r"PluginError: --plugin nowhere\.py: there is no such"):
        asked("add", 1, 2, plugins=["nowhere.py"])


ERRORS = [
    ("raising", ("first line\nsecond line",), "^ValueError: first line$"),
    ("raising", ("",), "^ValueError$"),
    ("interrupted", (), r"^it ended its process \(KeyboardInterrupt\)$"),
    ("exiting", (), r"^it ended its process \(SystemExit: enough\)$"),
    ("no_such", (), "^AttributeError: .*no_such"),
    ("add", (1,), "^TypeError: .*missing 1 required"),
    ("unpicklable", (), "pickle"),
    ("unpicklable_message", (), "pickle"),
]


@pytest.mark.parametrize(("name", "arguments", "said"), ERRORS)
def test_an_error_there_is_an_error_here(
    asked: Ask, name: str, arguments: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(ProcessError, match=said) as caught:
        asked(name, *arguments)
    assert type(caught.value) in {ProcessError, ProcessDied}
    assert caught.value.__cause__ is None
    assert asked("add", 1, 2) == 3  # and the next one knows nothing of it


@pytest.mark.parametrize("module", ["no_such_module", "convbench.no_such_module"])
def test_a_module_that_is_not_there_is_an_error(asked: Ask, module: str) -> None:
    with pytest.raises(ProcessError, match=r"^ModuleNotFoundError: .*no_such_module"):
        asked(f"{module}:f")
    assert asked("add", 1, 2) == 3


def test_arguments_that_cannot_travel_are_the_callers_error(asked: Ask) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError), match="lambda"):
        asked("add", lambda: None, 1)
    assert asked("add", 1, 2) == 3


# --- how it ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 3])
def test_one_that_leaves_without_an_answer_says_its_status(asked: Ask, status: int) -> None:
    said = rf"^its process ended with status {status} and no answer; it said: going$"
    with pytest.raises(ProcessDied, match=said):
        asked("leaving", status)
    assert asked("add", 1, 2) == 3


@POSIX
@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("SIGKILL", r"^its process was killed \(SIGKILL\), as a system out of memory does$"),
        ("SIGSEGV", r"^its process crashed \(SIGSEGV\)$"),
        ("SIGABRT", r"^its process crashed \(SIGABRT\)$"),
        ("SIGTERM", r"^its process crashed \(SIGTERM\)$"),
    ],
)
def test_one_that_is_killed_says_by_what(asked: Ask, number: str, said: str) -> None:
    told: list[str] = []
    with pytest.raises(ProcessDied, match=said):
        asked("signalled", int(getattr(signal, number)), told=told.append)
    assert told == ["about to"]
    assert asked("add", 1, 2) == 3


@POSIX
def test_a_real_crash_is_one(asked: Ask) -> None:
    with pytest.raises(ProcessDied, match=r"crashed \(SIG(SEGV|BUS)\)"):
        asked("crashing")


@POSIX
@pytest.mark.parametrize("number", [signal.SIGRTMIN + 5], ids=["nameless"])
def test_a_signal_without_a_name_has_its_number(asked: Ask, number: int) -> None:
    with pytest.raises(ProcessDied, match=rf"crashed \(signal {number}\)"):
        asked("signalled", number)


def test_one_that_dies_before_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_BOOT", "raise SystemExit('not today')")
    with pytest.raises(ProcessDied, match="status 1 and no answer; it said: not today"):
        fresh("errands_of_tests:add", b"x" * 1_000_000, b"")  # more than a pipe holds
    if forkable("cpu"):
        with (
            Nursery() as nursery,
            pytest.raises(ProcessDied, match="status 1 and no answer; it said: not today"),
        ):
            nursery.ask("errands_of_tests:add", b"x" * 1_000_000, b"")


@POSIX
@pytest.mark.parametrize("name", ["waiting", "busy"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug of the listener")])
def test_what_ends_the_call_ends_the_process(asked: Ask, name: str, error: BaseException) -> None:
    pids: list[int] = []

    def told(said: list[int]) -> None:
        pids.append(said[0])
        raise error

    with pytest.raises(type(error)):
        asked(name, told=told)
    assert gone(pids[0])
    assert asked("add", 1, 2) == 3


# What runs in the background of a shell ignores Ctrl-C, and so would what it starts.
PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:] = {path!r}
from convbench.clock.processes import fresh, ready
ask = fresh if {kind!r} == "fresh" else ready().ask
try:
    ask("errands_of_tests:{name}", told=lambda pids: print(*pids, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def parent(kind: str, name: str, **options: Any) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a program that waits for a process; return the process and what it forked it from."""
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(path=sys.path, kind=kind, name=name)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert started.stdout is not None
    pids = [int(pid) for pid in started.stdout.readline().split()]
    assert (pids[1] == started.pid) is (kind == "fresh")
    return started, pids


@POSIX
@pytest.mark.parametrize("name", ["waiting", "busy"])
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL", "SIGTERM"])
def test_however_the_parent_ends_its_process_ends_too(kind: str, name: str, how: str) -> None:
    started, pids = parent(kind, name)
    started.send_signal(getattr(signal, how))
    said, _ = started.communicate()
    assert all(map(gone, pids))
    assert (said, started.returncode) == (
        ("interrupted\n", 0) if how == "SIGINT" else ("", -getattr(signal, how))
    )


@POSIX
def test_ctrl_c_at_a_terminal_is_the_parents_alone(kind: str) -> None:
    """It goes to the whole foreground group, and the parent then ends its process itself."""
    started, pids = parent(kind, "waiting", start_new_session=True)
    os.killpg(started.pid, signal.SIGINT)
    assert started.communicate() == ("interrupted\n", "")
    assert all(map(gone, pids))


# --- environment and pages -----------------------------------------------------------------


def test_the_environment_here_is_left_alone_and_there_has_the_switches(asked: Ask) -> None:
    before = dict(os.environ)
    kept = asked("about", allocator="kept")["environment"]
    system = asked("about", allocator="system")["environment"]
    assert dict(os.environ) == before
    added = {key: value for key, value in kept.items() if before.get(key) != value}
    added.pop("PYTEST_CURRENT_TEST", None)  # of the test that started the nursery
    assert set(added) == {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"}
    assert added["MALLOC_MMAP_MAX_"] == "0"
    assert system.keys() - before.keys() <= {"LC_CTYPE"}  # which Python itself sets
    assert not any(key in system for key in added)


def test_the_systems_allocator_is_the_systems_even_within_a_process_that_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment("kept").items():
        monkeypatch.setenv(name, value)
    assert "MALLOC_MMAP_MAX_" in os.environ
    assert not [name for name in environment("system") if name.startswith("MALLOC_")]
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "7")  # the user's own
    assert environment("system")["MALLOC_MMAP_MAX_"] == "7"
    assert environment("kept")["MALLOC_MMAP_MAX_"] == "0"


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc obeys the switches that keep pages"
)
def test_kept_pages_do_not_fault_again_and_the_systems_do(asked: Ask) -> None:
    assert asked("faults", 8 * 2**20, allocator="kept") < 1
    # glibc learns to keep what is smaller than 32 MB (mallopt(3), M_MMAP_THRESHOLD), and no more
    large = 40 * 2**20
    assert asked("faults", large, allocator="kept") < 1
    assert asked("faults", large, allocator="system") > 15  # 20 with huge pages, else 10,240


# --- messages ------------------------------------------------------------------------------


def stream(data: bytes, tmp_path: Path) -> Any:
    """Return a file that holds this."""
    (tmp_path / "stream").write_bytes(data)
    return (tmp_path / "stream").open("rb")


def whole_message(tmp_path: Path) -> bytes:
    """Return the bytes of a message."""
    with (tmp_path / "sent").open("wb") as file:
        send(file, ("told", [1, 2]))
    return (tmp_path / "sent").read_bytes()


def test_a_message_is_its_length_and_its_pickle(tmp_path: Path) -> None:
    data = whole_message(tmp_path)
    assert LENGTH.unpack(data[:8]) == (len(data) - 8,)
    with stream(data * 2, tmp_path) as file:
        assert receive(file) == receive(file) == ("told", [1, 2])
        with pytest.raises(EOFError):
            receive(file)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, -1])
def test_half_a_message_is_none(cut: int, tmp_path: Path) -> None:
    with stream(whole_message(tmp_path)[:cut], tmp_path) as file, pytest.raises(EOFError):
        receive(file)


def test_a_worker_without_a_parent_ends_at_once() -> None:
    ended = subprocess.run(
        [sys.executable, worker.__file__],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == b""


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="it tells which descriptors are open"
)
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        b"garbage\n" * 1000,
        LENGTH.pack(7) + b"garbage",
        LENGTH.pack(2**62) + b"garbage",
        LENGTH.pack(4) + b"\x80\x04K.",
        LENGTH.pack(len(pickle.dumps(3))) + pickle.dumps(3),
    ],
    ids=["text", "a short one", "a long one", "half a pickle", "a number"],
)
def test_what_scribbles_over_every_descriptor_is_one_error_and_the_next_one_is_asked(
    kind: Any, words: bytes, closed: bool
) -> None:
    with Nursery(kind=kind) as one:
        with pytest.raises(ProcessDied):
            one.ask("errands_of_tests:scribbling", words, closed)
        assert one.ask("errands_of_tests:add", 1, 2) == 3
