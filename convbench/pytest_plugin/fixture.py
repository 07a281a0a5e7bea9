"""The fixture `convbench`: what a test asks, checked and, where it was timed, kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from convbench.core.errors import ConvbenchError

if TYPE_CHECKING:
    from convbench.clock.arguments import Given
    from convbench.clock.measurement import Measurement
    from convbench.pytest_plugin.options import Timing
    from convbench.pytest_plugin.session import Session
    from convbench.testing.speed import Faster


class Convbench:
    """What the fixture `convbench` gives a test; use it as a type of the argument."""

    def __init__(
        self, *, test: str, timing: Timing, session: Session | None, refusal: str, strict: bool
    ) -> None:
        """Made by the fixture. refusal: why nothing is timed in this session; empty where it is."""
        self._test = test
        self._timing = timing
        self._session = session
        self._refusal = refusal
        self._strict = strict

    def assert_multiplications(
        self, module: Any, inputs: Any, expected: int, *, counter: str | None = None, **knobs: Any
    ) -> None:
        """Assert an exact count; always runs. See `convbench.testing.assert_multiplications`."""
        __tracebackhide__ = True
        from convbench.testing.counts import assert_multiplications

        try:
            assert_multiplications(module, inputs, expected, counter=counter, **knobs)
        except ConvbenchError as error:
            _short(error)

    def assert_faster(
        self,
        a: Given,
        b: Given,
        by: float = 1.2,
        *,
        seconds: float | None = None,
        processes: int | None = None,
        threads: int | None = None,
        device: str | None = None,
        grad: bool = False,
    ) -> Faster:
        """Assert that a is at least `by` times as fast as b: a takes at most 1/by of b's time.

        Each is a callable, or (callable, inputs). Fails only where the whole interval of (time of
        b / time of a) is below `by`; where `by` lies in it, or other load disturbed most samples,
        the test is skipped as inconclusive (with --convbench-strict it fails). Without --convbench
        it is skipped unmeasured. What is not given is as the marker says; see
        `convbench.testing.assert_faster` for all of it.
        """
        __tracebackhide__ = True
        session = self._ready()
        from convbench.testing.speed import check_by, conclusion
        from convbench.testing.timed import label_of

        try:
            check_by(by)
            found = self._timed(
                session,
                {"a": a, "b": b},
                timing=self._timing.changed(
                    seconds=seconds, processes=processes, threads=threads, device=device
                ),
                base="b",
                grad=grad,
                asked=f"a at least {by:g} times as fast as b",
            )
        except ConvbenchError as error:
            _short(error)
        said = conclusion(found, by, labels=(label_of(a), label_of(b)))
        session.say(said.outcome, f"time of b / a {said.interval}, required {by:g}", self._test)
        if said.outcome == "cannot tell" and not self._strict:
            pytest.skip(said.brief)
        said.demand(strict=self._strict)
        return said

    def measure(
        self,
        work: Mapping[str, Given],
        *,
        seconds: float | None = None,
        processes: int | None = None,
        threads: int | None = None,
        device: str | None = None,
        base: str | None = None,
        grad: bool = False,
    ) -> Measurement:
        """Measure competitors by name, together, and keep what was found.

        Thin over `convbench.measure`; what is not given is as the marker says. Skips the test where
        nothing is timed in this session.
        """
        __tracebackhide__ = True
        session = self._ready()
        from convbench.core import text as show

        try:
            found = self._timed(
                session,
                work,
                timing=self._timing.changed(
                    seconds=seconds, processes=processes, threads=threads, device=device
                ),
                base=base,
                grad=grad,
            )
            for name in work:
                session.say("measured", f"{name} {show.seconds(found.interval(name))}", self._test)
        except ConvbenchError as error:
            _short(error)
        return found

    def _ready(self) -> Session:
        """Return the session that times; skip the test (or fail it, if strict) where none does."""
        __tracebackhide__ = True
        if self._session is None or self._refusal:
            if self._session is not None and self._strict:
                pytest.fail(f"{self._refusal}. --convbench-strict does not let it be skipped.")
            pytest.skip(self._refusal)
        return self._session

    def _timed(
        self,
        session: Session,
        work: Mapping[str, Given],
        *,
        timing: Timing,
        base: str | None,
        grad: bool,
        asked: str = "",
    ) -> Measurement:
        """Measure, keep what was found, and raise where a competitor has no time."""
        from convbench.testing.speed import no_time
        from convbench.testing.timed import timed

        found = timed(
            work,
            budget=timing.seconds,
            processes=timing.processes,
            threads=timing.threads,
            device=timing.device,
            base=base,
            grad=grad,
        )
        session.keep(
            found,
            work,
            test=self._test,
            timing=timing,
            base=base or next(iter(work)),
            asked=asked,
        )
        if found.failures:
            raise no_time(found)
        return found


def _short(error: ConvbenchError) -> NoReturn:
    """Raise an error again without the frames of convbench."""
    __tracebackhide__ = True
    raise error.with_traceback(None) from None
