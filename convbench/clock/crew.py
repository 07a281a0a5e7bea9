"""What competes in a group, what a process is told of it, and what the process says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from convbench.clock.checking import Digest
from convbench.clock.cuda_flags import NOWHERE, Tf32
from convbench.clock.execution import Execution
from convbench.clock.observing import PASSES
from convbench.clock.samples import Failure, Samples

Tell = Callable[[tuple[Any, ...]], None]
Measure = Callable[..., dict[str, Samples | Failure]]
_SEEDS_APART: Final = 7919
"""Between the orders of two processes, so that no two have the same."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is told beside its crew.

    Attributes:
        number: which of the group's processes it is, from 0. The first checks in full, says what
            ran, and finds how many calls make a sample.
        seconds: of rounds; starting, first calls, warm-up and checks come on top.
        blocks: calls in a sample, by name, where an earlier process found them.
        digests: of outputs that an earlier process found right, by name.
        without: names that are left out: they failed before.
        without_kernels: names whose kernels are not timed: a graph of them failed before.
        tf32: where float32 work on a GPU may use it.
        process: what the samples say of where they were taken.
        stopwatch: the registered one that times; the device's own where it is empty.

    """

    seed: int
    number: int = 0
    session: str = ""
    seconds: float = 0.0
    min_rounds: int = 4
    max_rounds: int = 100_000
    threads: int = 1
    device: str = "cpu"
    tf32: Tf32 = NOWHERE
    grad: bool = False
    stopwatch: str = ""
    blocks: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, tuple[Digest, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    without_kernels: frozenset[str] = frozenset()
    process: str = "fresh"

    @property
    def first(self) -> bool:
        """Whether this is the first process of the group."""
        return self.number == 0

    @property
    def process_seed(self) -> int:
        """The seed of what is drawn anew in each process: the order, the layout of its memory."""
        return self.seed + _SEEDS_APART * self.number

    @property
    def sampling(self) -> dict[str, Any]:
        """What `measure_group` is asked by every clock of a process alike."""
        return {
            "seed": self.process_seed,
            "min_rounds": self.min_rounds,
            "max_rounds": self.max_rounds,
            "threads": self.threads,
            "session": self.session,
        }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a process has to say of a competitor.

    Attributes:
        samples: raw times; None where it failed.
        also: the same by other clocks, or of its parts, by name.
        failure: why it has no samples; empty where it has.
        wrong: it was measured, and its output was not right.
        again: it is no cause of its failure, and can be timed in another process.
        kernels_again: the same of its kernels, which were not timed.
        flags: what to know of it, as "kind: what was seen".
        ran: identity of what ran.
        execution: the library calls of one pass; None where it was not asked.
        digests: of its outputs, before and after the timing.

    """

    samples: Samples | None = None
    also: dict[str, Samples] = field(default_factory=dict)
    failure: str = ""
    wrong: bool = False
    again: bool = False
    kernels_again: bool = False
    flags: tuple[str, ...] = ()
    ran: dict[str, str] = field(default_factory=dict)
    execution: Execution | None = None
    digests: tuple[Digest, ...] = ()


class OtherValuesError(RuntimeError):
    """With other values in its input a competitor raised; the message says it all."""


class Contestant:
    """Something that was built in this process to be timed; by itself it checks and says nothing.

    Attributes:
        work: what is called.

    """

    work: Callable[[], Any]

    @property
    def captured(self) -> Callable[[], Any] | None:
        """What a graph may record, so that its kernels are timed alone; None where it may not."""
        return None

    def check_first(self, output: Any, known: tuple[Digest, ...] = ()) -> None:
        """Check the output of the first call; known: digests of right ones, () for none."""

    def check_captured(self, output: Any) -> None:
        """Check the output of a graph of `captured`; WrongResultError where it is another one."""

    def check_last(self, known: tuple[Digest, ...] = ()) -> tuple[str, ...]:  # noqa: ARG002
        """Check once more, after the timing, with other values in the input; return flags."""
        return ()

    def digests(self) -> tuple[Digest, ...]:
        """Return the digests of the outputs that were checked."""
        return ()

    def identity(self) -> dict[str, str]:
        """Return what ran."""
        return {}

    def execution(self, most: int = PASSES) -> Execution | None:  # noqa: ARG002
        """Run at most so many passes more, and return which library calls they made.

        None where they are not observed.
        """
        return None

    def parts(self, samples: Samples) -> dict[str, Samples]:  # noqa: ARG002
        """Return times of its parts that it took itself, by name."""
        return {}


class Crew(Protocol):
    """What competes in a group; it pickles.

    Attributes:
        names: of the competitors.
        pool_bytes: memory that is gone through before every sample; 0 for none.

    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the competitors."""
        ...

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Contestant | BaseException]]:
        """Build each competitor that is not left out, or say why it cannot be.

        tell: is told ("at", name) before what may end the process.
        """
        ...
