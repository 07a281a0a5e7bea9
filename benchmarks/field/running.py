"""Networks in processes of their own: a crash, a hang or too much memory is a row, not the end.

A host imports one package, then forks a child for each network, `AT_ONCE` at a time; so that no
network meets what another one left behind, and nothing is imported twice.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

AT_ONCE = 2
SECONDS = 120
"""The time of one network, made and counted twice."""
GIB = 12
"""The address space of one network's process."""

Task = Callable[[], dict[str, Any]]


class Job(NamedTuple):
    """A network to be counted, and what stands in its row anyway."""

    key: dict[str, Any]
    task: Task


def run(jobs: Iterable[Job], path: Path, *, seconds: float = SECONDS) -> None:
    """Run each job in a child process and append its row to the JSON-lines file at once."""
    running: dict[Any, tuple[Any, Job, float]] = {}
    context = multiprocessing.get_context("fork")
    with path.open("a") as file:

        def finish(sentinel: Any, row: dict[str, Any]) -> None:
            process, job, _ = running.pop(sentinel)
            process.join()
            file.write(json.dumps({**job.key, **row}, default=int) + "\n")
            file.flush()
            sys.stdout.write("." if "failed" not in row else "x")
            sys.stdout.flush()

        def settle() -> None:
            now = time.monotonic()
            ready = wait(list(running), timeout=1.0)
            for connection in ready:
                try:
                    row = connection.recv()
                except EOFError:
                    process = running[connection][0]
                    process.join()
                    row = {"failed": "survived", "why": f"exit status {process.exitcode}"}
                finish(connection, row)
            for connection, (process, _, began) in list(running.items()):
                if now - began > seconds and not connection.poll():
                    process.kill()
                    row = {"failed": "finished", "why": f"more than {seconds:g} s"}
                    finish(connection, row)

        for job in jobs:
            while len(running) >= AT_ONCE:
                settle()
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(job.task, there))
            process.start()
            there.close()
            running[here] = process, job, time.monotonic()
        while running:
            settle()


def _child(task: Task, connection: Connection) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    size = GIB * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    socket.socket.connect = _refused  # type: ignore[method-assign]  # no weights are fetched
    try:
        row = task()
    except BaseException as error:  # noqa: BLE001  SystemExit too
        much = too_large(error)
        row = (
            {"failed": "held", "why": f"more than {GIB} GiB"}
            if much
            else {"failed": "checked", "why": f"{type(error).__name__}: {str(error)[:300]}"}
        )
    connection.send(row)
    connection.close()


def too_large(error: BaseException) -> bool:
    """Tell whether memory ran out."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)


def _refused(*_: Any) -> None:
    raise OSError("this network asks for weights from elsewhere")


def add(path: Path, row: dict[str, Any]) -> None:
    """Append a row."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def rows(path: Path) -> list[dict[str, Any]]:
    """Read what there is; a line that was cut off by an interruption is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
