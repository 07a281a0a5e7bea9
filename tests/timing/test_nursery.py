"""Processes forked from one that is ready: what is warm, what differs, which nursery is kept."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from errands import ERRANDS, gone

from convbench.clock import processes
from convbench.clock.conversation import ProcessDied
from convbench.clock.processes import Nursery, forkable, ready

FORKED = pytest.mark.skipif(not forkable("cpu"), reason="nothing is forked on this system")


@pytest.fixture(autouse=True)
def _errands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "errands_of_tests.py").write_text(ERRANDS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Return a nursery that only these tests ask; it takes a second to start."""
    with Nursery() as found:
        yield found


def ask(nursery: Nursery, name: str, *arguments: Any, told: Any = None) -> Any:
    """Run an errand in a process of the nursery."""
    return nursery.ask(f"errands_of_tests:{name}", *arguments, told=told)


@FORKED
def test_torch_is_there_at_once_and_nothing_of_it_has_run(nursery: Nursery) -> None:
    assert ask(nursery, "about")["torch"]
    found = ask(nursery, "threads")
    assert found["before"] == 2  # this one, and the one that waits for the parent's end
    assert found["after"] > 2, "torch's threads start with the first operation, and not before"
    assert not found["cuda"]


@FORKED
def test_every_process_is_a_new_one_of_the_same_parent() -> None:
    with Nursery() as nursery:
        abouts = [ask(nursery, "about") for _ in range(5)]
    assert len({about["pid"] for about in abouts}) == 5
    (parent,) = {about["parent"] for about in abouts}
    assert parent not in {os.getpid(), *(about["pid"] for about in abouts)}
    assert all(gone(about["pid"]) for about in (*abouts, {"pid": parent}))


@FORKED
def test_what_is_built_in_each_lies_elsewhere(nursery: Nursery) -> None:
    places = [ask(nursery, "place", number) for number in range(10)]
    found = [len(set(several)) for several in zip(*places, strict=True)]  # small to large tensors
    # Mostly all 10 differ; where the parent has free chunks of a size, several meet in these.
    assert min(found) > 1, found
    assert sum(found) >= 15, found


@FORKED
def test_a_plugin_of_one_nursery_is_not_in_another(tmp_path: Path) -> None:
    plugin = tmp_path / "plugged.py"
    plugin.write_text("import errands_of_tests\nerrands_of_tests.plugged = lambda *, tell: 'in'\n")
    with Nursery(plugins=[str(plugin)]) as plugged, Nursery() as plain:
        assert [ask(plugged, "plugged") for _ in range(2)] == ["in"] * 2
        with pytest.raises(processes.ProcessError, match="plugged"):
            ask(plain, "plugged")


@FORKED
@pytest.mark.parametrize("name", ["waiting", "busy"])
def test_a_nursery_that_is_killed_takes_its_process_along_and_another_comes(
    nursery: Nursery, name: str
) -> None:
    pids: list[int] = []

    def told(said: list[int]) -> None:
        pids.extend(said)
        os.kill(said[1], signal.SIGKILL)

    with pytest.raises(ProcessDied, match=r"killed \(SIGKILL\)"):
        ask(nursery, name, told=told)
    assert all(map(gone, pids))
    assert ask(nursery, "about")["parent"] != pids[1]


@FORKED
def test_what_an_errand_forks_says_nothing_and_ends_with_it(nursery: Nursery) -> None:
    heard: list[Any] = []
    for _ in range(3):
        child = ask(nursery, "forking", told=heard.append)
        assert gone(child)
    assert not heard
    assert ask(nursery, "add", 1, 2) == 3


@FORKED
@pytest.mark.parametrize("how", ["subprocess", "setsid", "twice", "waits"])
def test_what_an_errand_starts_in_a_session_of_its_own_ends_too(
    nursery: Nursery, tmp_path: Path, how: str
) -> None:
    started: list[int] = []
    ask(nursery, "add", 1, 2)  # what has started has torch
    try:
        nursery.ask(
            "errands_of_tests:escaping", how, str(tmp_path / "pids"), told=started.extend, timeout=5
        )
        assert how != "waits"
    except ProcessDied:
        assert how == "waits"
    if (tmp_path / "pids").exists():
        started += map(int, (tmp_path / "pids").read_text().split())
    assert started
    assert all(map(gone, started))
    assert ask(nursery, "add", 1, 2) == 3


@pytest.mark.parametrize("name", ["waiting", "busy", "holding"])
@pytest.mark.parametrize("kind", [pytest.param("forked", marks=FORKED), "fresh"])
def test_what_never_returns_is_ended_and_the_next_one_is_asked(kind: Any, name: str) -> None:
    pids: list[int] = []
    with Nursery(kind=kind) as nursery:
        ask(nursery, "add", 1, 2)  # what has started has torch
        with pytest.raises(ProcessDied, match="it gave no sign for 2 s and was ended: give a long"):
            nursery.ask(f"errands_of_tests:{name}", told=pids.extend, timeout=2)
        assert all(map(gone, pids[: 2 if kind == "forked" else 1]))
        assert ask(nursery, "add", 1, 2) == 3


@FORKED
def test_every_message_begins_the_time_anew(nursery: Nursery) -> None:
    heard: list[Any] = []
    ask(nursery, "add", 1, 2)  # what has started has torch
    asked = nursery.ask("errands_of_tests:slow", 4, 2, told=heard.append, timeout=5)
    assert (asked, heard) == ("done", list(range(4)))


@FORKED
def test_a_nursery_that_is_killed_between_two_questions_is_replaced(nursery: Nursery) -> None:
    parent = ask(nursery, "about")["parent"]
    os.kill(parent, signal.SIGKILL)
    assert gone(parent)
    assert ask(nursery, "about")["parent"] != parent


@FORKED
def test_what_was_printed_by_the_one_before_is_not_said_of_the_next(nursery: Nursery) -> None:
    with pytest.raises(ProcessDied, match="status 3 and no answer; it said: going"):
        ask(nursery, "leaving", 3)
    with pytest.raises(ProcessDied, match=r"killed \(SIGKILL\), as a system out of memory does$"):
        ask(nursery, "signalled", int(signal.SIGKILL))


# --- which nursery is asked ----------------------------------------------------------------


def test_a_nursery_is_kept_while_the_environment_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = ready()
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "another")
    assert ready() is first
    assert ready("system") is not first
    assert ready(plugins=("mine.py",)) is not first
    assert ready() is first, "the others are kept beside it"
    monkeypatch.setenv("CONVBENCH_OF_A_TEST", "1")
    second = ready()
    assert second is not first
    assert ask(second, "about")["environment"]["CONVBENCH_OF_A_TEST"] == "1"
    monkeypatch.delenv("CONVBENCH_OF_A_TEST")
    third = ready()
    assert third not in {first, second}
    assert "CONVBENCH_OF_A_TEST" not in ask(third, "about")["environment"]


@FORKED
def test_one_whose_environment_changed_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = ask(ready(), "about")["parent"]
    monkeypatch.setenv("CONVBENCH_OF_A_TEST", "2")
    ready()
    assert gone(parent)


def test_where_nothing_can_be_forked_every_process_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with Nursery() as nursery:
        assert (nursery.kind, nursery._process) == ("fresh", None)
        about = ask(nursery, "about")
        assert about["parent"] == os.getpid()
        assert not about["torch"]


FORKABLE = [
    ("linux", "cpu", "forked"),
    ("darwin", "cpu", "fresh"),
    ("win32", "cpu", "fresh"),
    ("linux", "cuda:0", "fresh"),
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked on this system")
@pytest.mark.parametrize(("platform", "device", "kind"), FORKABLE)
def test_what_is_forked_where(
    monkeypatch: pytest.MonkeyPatch, platform: str, device: str, kind: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(processes, "_started", lambda *_: None)
    with Nursery(device=device) as nursery:
        assert nursery.kind == kind
