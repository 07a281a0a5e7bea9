"""Runs that are killed at a line, with their folder moved, replaced, read-only or full meanwhile.

`python tests/cli/killing.py 20` kills 20 runs in each way at drawn lines, and prints the totals.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = """
name = "killed"
[timing]
processes = 2
self_check = 0
max_rounds = 8
[[slots]]
in_channels = [2, 4, 6]
out_channels = 8
input_size = "8x8"
kernel_size = 3
padding = "same"
types = ["standard", "depthwise_separable"]
"""
CASES: Final = 6
OTHER: Final = (ROOT / "reports" / "cpu-quick" / "records.jsonl").read_bytes()
Kill: TypeAlias = tuple[int, int]
SIGNALS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LAST: Final = 12
"""Lines: of the cases, and of their second processes."""


class NotHereError(Exception):
    """This system does not let a folder be disturbed in this way."""


@contextmanager
def nothing(out: Path, pid: int) -> Iterator[None]:
    """Leave everything as it is."""
    yield


@contextmanager
def moved(out: Path, pid: int) -> Iterator[None]:
    """Rename the folder."""
    out.rename(out.with_name("elsewhere"))
    yield


@contextmanager
def replaced(out: Path, pid: int) -> Iterator[None]:
    """Put another run into the place of the folder; it stays as it was."""
    out.rename(out.with_name("elsewhere"))
    shutil.copytree(ROOT / "reports" / "cpu-quick", out)
    yield
    for name in ("run.json", "records.jsonl"):
        there = (out / name).read_bytes()
        assert there == (ROOT / "reports" / "cpu-quick" / name).read_bytes(), "it was written to"


@contextmanager
def read_only(out: Path, pid: int) -> Iterator[None]:
    """Take the right to write away; from root by a mount, since root needs no right."""
    if os.geteuid():
        out.chmod(0o555)
        yield
        out.chmod(0o755)
        return
    mount("--bind", out, out)
    try:
        mount("-o", "remount,ro,bind", out)
        yield
    finally:
        subprocess.run(["umount", out], check=True)


@contextmanager
def limited(out: Path, pid: int) -> Iterator[None]:
    """Let no file grow by more than 100 bytes: less than a line, as on a disk that gets full."""
    if not hasattr(resource, "prlimit"):
        raise NotHereError("only Linux limits the files of another process")
    size = (out / "records.jsonl").stat().st_size
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 100, hard))
    yield


@contextmanager
def full(out: Path, pid: int) -> Iterator[None]:
    """Fill the disk, which is one of its own, see `disk`."""
    filler = out.with_name("filler")
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 64)
    yield
    filler.unlink()


WAYS: Final = (nothing, moved, replaced, read_only, limited, full)


def mount(*arguments: object) -> None:
    """Mount something; NotHereError where that is not allowed."""
    done = subprocess.run(
        ["mount", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotHereError(f"nothing can be mounted here: {done.stderr.strip()}")


@contextmanager
def disk(home: Path, way: Callable[..., object]) -> Iterator[Path]:
    """Give a folder to run in; to be filled, a small disk of its own."""
    place = home / "disk"
    place.mkdir()
    if way is not full:
        yield place
        return
    if os.geteuid() or not shutil.which("mount"):
        raise NotHereError("only root mounts a disk that can be filled")
    mount("-t", "tmpfs", "-o", "size=512k", "none", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def begin(place: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    """Start a run in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "convbench", "run", "--out", out.name, *options],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def whole(records: Path) -> list[bytes]:
    """Return the lines of a file that have their end; none of the run that `replaced` puts."""
    held = records.read_bytes()
    if OTHER.startswith(held[:1000]):
        return []
    return held[: held.rfind(b"\n") + 1].splitlines(keepends=True)


def lines(place: Path) -> list[bytes]:
    """Return the whole lines of the run, from the folder that has most of it."""
    found: list[list[bytes]] = [[]]
    for records in place.glob("*/records.jsonl"):
        with contextlib.suppress(OSError):
            found.append(whole(records))
    return max(found, key=len)


def await_line(process: subprocess.Popen[str], place: Path, number: int) -> list[bytes]:
    """Wait until so many lines are written, or the run has ended; return those there are."""
    while True:
        ended = process.poll() is not None
        seen = lines(place)
        if ended or len(seen) >= number:
            return seen
        time.sleep(0.002)


def session_is_empty(session: int) -> None:
    """Wait until every process of a session has ended."""
    while True:
        left = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
                left += [stat.parent.name] if int(of) == session and state != "Z" else []
        if not left:
            return
        time.sleep(0.01)


def killed(process: subprocess.Popen[str], place: Path, number: int, line: int) -> list[bytes]:
    """Kill a run once so many lines are written; return the lines that were seen before."""
    seen = await_line(process, place, line)
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    errors = process.communicate()[1]
    session_is_empty(process.pid)
    assert "Traceback" not in errors, errors
    assert process.returncode in {0, 2, 130, -number}, (process.returncode, errors)
    return seen


def kill(home: Path, way: Callable[..., object], first: int, kills: Sequence[Kill]) -> list[int]:
    """Kill a run again and again, and finish it: nothing that was written is lost or done twice.

    first: the line after which the folder is disturbed, before the first kill. kills: each a signal
    and the line after which it is sent. Returns how many lines there were after each kill.
    """
    (home / "killed.toml").write_text(SUITE)
    with disk(home, way) as place:
        out = place / "o"
        process = begin(place, out, "--suite", "../killed.toml", "--budget", "5")
        await_line(process, place, first)
        with way(out, process.pid):  # type: ignore[attr-defined]
            seen = killed(process, place, *kills[0])
        held = [lines(place)]
        assert held[0][: len(seen)] == seen, "a line that was written is gone"
        (folder,) = [of.parent for of in place.glob("*/records.jsonl") if whole(of) == held[0]][:1]
        for number, line in kills[1:]:
            seen = killed(begin(place, folder, "--resume"), place, number, line)
            held.append(whole(folder / "records.jsonl"))
            assert held[-1][: len(seen)] == seen, "a line that was written is gone"
        process = begin(place, folder, "--resume")
        errors = process.communicate()[1]
        assert process.returncode == 0, errors
        found = whole(folder / "records.jsonl")
        for before in held:
            assert found[: len(before)] == before, "a line that was kept is gone"
        rows = [json.loads(line) for line in found]
        cases = [row["case"] for row in rows if "case" in row]
        assert len(cases) == len(set(cases)) == CASES, "the cases of a run that nobody killed"
        assert {row["more"] for row in rows if "more" in row} <= set(cases)
        made = {item.name for item in place.iterdir()} - {"o", "elsewhere", folder.name}
        assert not made, "what nobody asked for was made"
    return list(map(len, held))


def main(kills: int) -> None:
    """Kill so many runs in each way, and say how that went."""
    draw = random.Random()
    for way in WAYS:
        totals: Counter[str] = Counter()
        for count in range(kills):
            first = draw.randint(1, LAST - 1)
            one = SIGNALS[count % len(SIGNALS)], draw.randint(first, LAST)
            with tempfile.TemporaryDirectory() as home:
                try:
                    held = kill(Path(home), way, first, [one])
                except NotHereError as why:
                    totals[str(why)] += 1
                    break
                except AssertionError as error:
                    totals["lost"] += 1
                    sys.stdout.write(f"{way.__name__}, lines {first}, {one}: {error}\n")
                else:
                    totals["killed, nothing lost"] += 1
                    totals["lines kept"] += sum(held)
        sys.stdout.write(f"{way.__name__}: {dict(totals)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
