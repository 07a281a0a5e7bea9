"""What a session with --convbench keeps: lines for its summary, and records in a run folder."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from convbench.core import text as show
from convbench.core.errors import RunError, one_line
from convbench.core.intervals import WORDS
from convbench.core.version import __version__
from convbench.counting.base import count_with

if TYPE_CHECKING:
    from convbench.clock.arguments import Given
    from convbench.clock.measurement import Measurement
    from convbench.counting.tally import Tally, Unavailable
    from convbench.pytest_plugin.options import Timing
    from convbench.runs.record import Record
    from convbench.runs.store import Store

_COLOURS: Final = {"holds": "green", "fails": "red", "cannot tell": "yellow"}
_OUT: Final = "--convbench-out"
_OURS: Final = ("--convbench", "--benchmark")
"""How the options begin whose values are no secret."""


class Session:
    """A plugin of its own, registered where --convbench was given.

    out: the folder of the run; None to store nothing. shown: the folder as the user named it.
    arguments: of the command line. parallel: whether tests run beside one another.
    """

    def __init__(
        self, *, out: Path | None, shown: str, arguments: Sequence[str], parallel: bool
    ) -> None:
        """Keep nothing yet, and open nothing: a session that measures nothing leaves no trace."""
        self._out, self._shown = out, shown
        self._arguments = arguments
        self._parallel = parallel
        self._store: Store | None = None
        self._stored = 0
        self._why = ""
        self._lines: list[tuple[str, str, str]] = []
        self._measurements: Counter[str] = Counter()

    def say(self, outcome: str, text: str, test: str) -> None:
        """Keep a line for the summary."""
        self._lines.append((outcome, text, test))

    def keep(
        self,
        found: Measurement,
        work: Mapping[str, Given],
        *,
        test: str,
        timing: Timing,
        base: str,
        asked: str,
    ) -> None:
        """Store a measurement of a test as records, at once."""
        if self._out is None:
            return
        from convbench.clock.arguments import call_of
        from convbench.runs.code import Timed, measured
        from convbench.testing.timed import label_of

        self._measurements[test] += 1
        number = self._measurements[test]
        calls = {name: call_of(name, given) for name, given in work.items()}
        self._append(
            measured(
                found,
                {
                    name: Timed(
                        label=label_of(work[name]), inputs=inputs, tallies=_tallies(call, inputs)
                    )
                    for name, (call, inputs) in calls.items()
                },
                group=test if number == 1 else f"{test} ({number})",
                base=base,
                device=timing.device,
                threads=timing.threads,
                asked=asked,
            ),
            device=timing.device,
            threads=timing.threads,
        )

    def _append(self, records: list[Record], *, device: str, threads: int) -> None:
        """Append records; where they cannot be stored, which was asked for, the session ends."""
        try:
            if self._store is None:
                self._store = self._opened(device, threads)
            self._store.append(records)
        except RunError as error:
            self.pytest_unconfigure()
            pytest.exit(f"{_OUT}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        self._stored += len(records)

    def _opened(self, device: str, threads: int) -> Store:
        from convbench.machine.fingerprint import fingerprint
        from convbench.runs.job import set_aside
        from convbench.runs.record import Header
        from convbench.runs.store import Store

        if self._out is None:  # pragma: no cover  nobody asks then
            raise RunError("There is no folder to store in: give --convbench-out.")
        header = Header(
            version=__version__,
            suite={
                "name": "pytest",
                "description": "what tests timed",
                "cases": 0,  # none is planned: a run of tests is whole with what it has
                "device": device,
            },
            seed=0,
            command=_command(self._arguments),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            fingerprint=fingerprint(device, threads),
        )
        set_aside(self._out)
        store = Store.create(self._out, header)
        store.moved = self._moved
        return store

    def _moved(self, folder: Path, why: str) -> None:
        """Keep for the summary that the run had to be written anew."""
        self._shown, self._why = str(folder), why

    def pytest_report_header(self) -> str:
        """Say at the top that times are taken, and where they go."""
        stored = f", stored in {self._shown}" if self._shown else ""
        return f"convbench: {__version__}, timing assertions run{stored}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Store what pytest-benchmark measured in a test, when the test has run."""
        report = yield
        fixture = getattr(item, "funcargs", {}).get("benchmark")
        ours = type(fixture).__module__.partition(".")[0] == "pytest_benchmark"
        if ours and call.when == "call" and self._out is not None:
            self._keep_benchmark(item, fixture, call)
        return report

    def _keep_benchmark(self, item: pytest.Item, fixture: Any, call: pytest.CallInfo[None]) -> None:
        if fixture.stats is None and not (fixture.enabled and fixture.has_error):
            return  # it was not used, or told to time nothing
        from convbench.runs.code import Benchmark, benchmarked

        taken = fixture.stats
        torch = sys.modules.get("torch")
        threads = int(torch.get_num_threads()) if torch else 0
        record = benchmarked(
            Benchmark(
                test=item.nodeid,
                name=str(getattr(item, "originalname", None) or item.name),
                label=item.name,
                group=str(fixture.group or ""),
                params=fixture.params or {},
                seconds=tuple(taken.stats.data) if taken else (),
                calls=taken.iterations if taken else 1,
                timer=_name(taken.options["timer"]) if taken else "",
                extra=fixture.extra_info,
                threads=threads,
                failure="" if call.excinfo is None else one_line(call.excinfo.value),
            )
        )
        self._append([record], device="cpu", threads=threads or 1)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the result of every timing assertion: outcome, times, test."""
        write = terminalreporter
        if not (self._lines or self._stored or self._parallel):
            return
        write.section("convbench: times")
        if self._parallel:
            from convbench.pytest_plugin import PARALLEL

            write.line(f"nothing was timed: {PARALLEL}")
        widest = max((len(text) for _, text, _ in self._lines), default=0)
        for outcome, text, test in self._lines:
            colour = _COLOURS.get(outcome)
            write.write(f"{WORDS.get(outcome, outcome):<12}", **({colour: True} if colour else {}))
            write.line(f" {text:<{widest}}  {test}")
        if self._store is not None:
            try:
                self._store.keep(whole=True)
            except RunError as error:
                self._why = str(error)
        if self._why:
            write.line(self._why, yellow=True)
        if self._stored:
            command = shlex.join(["convbench", "report", self._shown])
            write.line(f"{show.plural(self._stored, 'record')} in {self._shown}: {command}")

    def pytest_unconfigure(self) -> None:
        """Release the folder."""
        if self._store is not None:
            with suppress(RunError):  # the summary has it, or what ended the session
                self._store.close()
            self._store = None


def _tallies(call: Any, inputs: tuple[Any, ...]) -> dict[str, Tally | Unavailable]:
    """Return our own count of a module, or why it has none, where one is timed."""
    from torch import nn

    return {"profile": count_with("convbench", call, inputs)} if isinstance(call, nn.Module) else {}


def _command(arguments: Sequence[str]) -> str:
    """Return the command of the session, as others may read it: without what may be a secret.

    Options of convbench and of pytest-benchmark have their values, but for the folder that the run
    is stored in; of any other option the name stands alone. Tests are below the working folder, or
    named without the folders above.
    """
    from convbench.runs.choices import shown_path

    kept: list[str] = []
    before = ""
    for word in arguments:
        name, sign, _ = word.partition("=")
        file, colons, test = word.partition("::")
        if word.startswith(_OURS):
            kept += [] if name == _OUT else [word]
        elif word.startswith("-"):
            kept.append(f"{name}=..." if sign else name if name.startswith("--") else word[:2])
        elif before.startswith(_OURS) and "=" not in before:
            kept += [] if before == _OUT else [word]
        elif os.path.exists(file):  # noqa: PTH110  of text that may be no path at all
            kept.append(f"{shown_path(file)}{colons}{test}")
        else:
            kept.append("...")
        before = word
    return shlex.join(["python", "-m", "pytest", *kept])


def _name(timer: Any) -> str:
    return str(getattr(timer, "__name__", None) or type(timer).__name__)
