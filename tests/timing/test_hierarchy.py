"""Several processes: hand-computed intervals, what is paired, and coverage by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, median

import numpy as np
import pytest
from convbench.timing.hierarchy import compare, typical

from convbench.timing import stats
from convbench.timing.samples import Samples


def samples(seconds: object, session: str = "s") -> Samples:
    """Return samples with these times."""
    times = tuple(float(value) for value in seconds)  # type: ignore[attr-defined]
    return Samples(
        seconds=times,
        cpu_seconds=times,
        page_faults=(0,) * len(times),
        involuntary_switches=(0,) * len(times),
        block=1,
        first_call=1.0,
        warmup_calls=1,
        stopwatch="scripted",
        seed=0,
        threads=1,
        session=session,
        stop_reason="",
    )


def processes(rows: object) -> list[Samples]:
    """Return one process a row, each with a session of its own."""
    return [samples(row, f"s{number}") for number, row in enumerate(rows)]  # type: ignore[arg-type]


# --- a time: the prediction interval -------------------------------------------------------

# Two-sided quantiles of Student's t, from a printed table: (processes, its level, quantile). The
# interval is made at half the misses that are asked for: 95 % is made at 97.5 %.
T = [
    (2, 0.95, 12.706),
    (3, 0.95, 4.303),
    (5, 0.95, 2.776),
    (10, 0.95, 2.262),
    (3, 0.99, 9.925),
    (10, 0.8, 1.383),
]


@pytest.mark.parametrize(("count", "made", "t"), T)
def test_where_one_more_process_falls_by_the_t_table(count: int, made: float, t: float) -> None:
    confidence = 2 * made - 1
    medians = [2.0**step for step in range(count)]
    found = typical(processes([m, m, m] for m in medians), confidence)
    # log2 of the medians are 0, 1, …, n - 1: mean (n - 1)/2, variance n (n + 1)/12.
    centre = (count - 1) / 2
    reach = t * math.sqrt(count * (count + 1) / 12) * math.sqrt(1 + 1 / count)
    assert math.log2(found.value) == pytest.approx(centre)
    assert math.log2(found.high) == pytest.approx(centre + reach, rel=2e-4)
    assert math.log2(found.low) == pytest.approx(centre - reach, rel=1e-3)
    assert (found.confidence, found.processes) == (confidence, count)


def test_medians_that_agree_by_chance_are_no_surer_than_each_of_them() -> None:
    found = typical(processes([[0.8, 0.9, 1.0, 1.1, 1.3]] * 3))
    assert (found.value, found.low, found.high) == (
        pytest.approx(1.0), pytest.approx((0.8 / 1.3) ** 0.5), pytest.approx((1.3 / 0.8) ** 0.5),
    )  # fmt: skip


def test_by_hand_for_three_processes() -> None:
    """Medians 1, e and e² s: mean of logs 1, sd 1, t(2) = 4.3027, so e^(1 ± 4.9683)."""
    found = typical(processes([[math.e**step] * 3 for step in range(3)]), 0.9)
    assert found.value == pytest.approx(math.e)
    assert math.log(found.low) == pytest.approx(1 - 4.96827, abs=1e-4)
    assert math.log(found.high) == pytest.approx(1 + 4.96827, abs=1e-4)


def test_one_process_is_what_its_own_rounds_say() -> None:
    times = [1.0, 1.1, 0.9, 1.05, 5.0, 1.02, 0.99, 1.01]
    assert typical([samples(times)]) == stats.median_interval(times)
    other = samples([2.0 * t for t in reversed(times)])
    assert compare([other], [samples(times)]) == stats.ratio(other, samples(times))
    apart = samples(times, "t")
    assert compare([other], [apart], seed=3) == stats.ratio(other, apart, seed=3)
    assert typical([apart]).processes == compare([other], [apart]).processes == 1


def test_more_rounds_do_not_narrow_what_processes_spread() -> None:
    few = typical(processes([m] * 3 for m in (1.0, 1.5, 1.2)))
    many = typical(processes([m] * 300 for m in (1.0, 1.5, 1.2)))
    assert (few.low, few.high) == (many.low, many.high)
    assert few.low < 1.0
    assert few.high > 1.5


# --- a ratio: what is paired ---------------------------------------------------------------


def test_a_ratio_is_the_mean_over_processes_of_their_paired_medians() -> None:
    bottom = [[1.0, 10.0, 100.0], [3.0, 0.3, 30.0], [2.0, 2.0, 2.0]]
    factors = [[2.0, 2.0, 9.0], [4.0, 1.0, 4.0], [8.0, 8.0, 8.0]]
    top = np.multiply(bottom, factors)
    found = compare(processes(top), processes(bottom))
    assert found.value == pytest.approx(4.0)  # geometric mean of 2, 4 and 8
    assert (found.paired, found.processes, found.confidence) == (True, 3, 0.95)
    assert found.low <= 2  # three processes do not know better
    assert found.high >= 8


def test_pairs_are_made_by_session_and_not_by_place() -> None:
    bottom = processes([[1.0] * 6, [10.0] * 6, [100.0] * 6])
    top = [samples([2 * s.seconds[0]] * 6, s.session) for s in bottom]
    found = compare(top[::-1], bottom)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert found.verdict == "slower"


def test_a_process_in_which_only_one_was_timed_is_left_out() -> None:
    bottom = processes([[1.0] * 6, [1.0] * 6, [1.0] * 6])
    top = [*processes([[2.0] * 6, [2.0] * 6]), samples([50.0] * 6, "lonely")]
    found = compare(top, bottom)
    assert (found.value, found.processes, found.paired) == (pytest.approx(2.0), 2, True)


def test_a_single_shared_session_is_compared_by_its_rounds_alone() -> None:
    shared = samples([1.0, 1.1, 0.9, 1.0, 1.2, 1.0], "both")
    twice = samples([2 * t for t in shared.seconds], "both")
    found = compare([twice, samples([9.0] * 6, "x")], [samples([7.0] * 6, "y"), shared])
    assert found == stats.ratio(twice, shared)


def test_sessions_that_share_nothing_are_resampled_apart() -> None:
    draw = np.random.default_rng(0)
    noise = np.exp(draw.normal(0, 0.01, (2, 4, 20)))
    bottom = processes(noise[0])
    top = [samples(1.5 * row, f"t{number}") for number, row in enumerate(noise[1])]
    found = compare(top, bottom)
    assert (found.paired, found.processes, found.verdict) == (False, 4, "slower")
    assert found.low < 1.5 < found.high
    value = fmean(math.log(s.median) for s in top) - fmean(math.log(s.median) for s in bottom)
    assert math.log(found.value) == pytest.approx(value, abs=1e-3)
    assert compare(bottom, top).verdict == "faster"


def test_what_processes_share_cancels_only_in_pairs() -> None:
    draw = np.random.default_rng(1)
    own = np.exp(draw.normal(0, 0.5, (5, 1)))  # a process is slow as a whole
    rows = own * np.exp(draw.normal(0, 0.002, (2, 5, 20)))
    top, bottom = processes(1.05 * rows[0]), processes(rows[1])
    assert compare(top, bottom).verdict == "slower"
    elsewhere = [samples(s.seconds, f"else {s.session}") for s in bottom]
    assert compare(top, elsewhere).verdict == "cannot tell"


def test_one_process_against_several_claims_nothing() -> None:
    several = [samples([1.0 + place / 100] * 9, f"t{place}") for place in range(3)]
    found = compare([samples([50.0] * 9)], several)
    assert (found.processes, found.confidence, found.verdict) == (1, 0.0, "cannot tell")
    assert found.value == pytest.approx(50 / 1.01, rel=1e-3)


def test_fewer_than_five_rounds_in_all_have_no_verdict() -> None:
    top, bottom = processes([[2.0] * 2] * 2), processes([[1.0] * 2] * 2)
    assert compare(top, bottom).verdict == "cannot tell"
    top, bottom = processes([[2.0] * 3] * 2), processes([[1.0] * 3] * 2)
    assert compare(top, bottom).verdict == "slower"


def test_the_interval_is_that_of_the_seed_and_holds_its_value() -> None:
    rows = np.exp(np.random.default_rng(2).normal(0, 0.1, (2, 3, 8)))
    top, bottom = processes(rows[0]), processes(rows[1])
    assert compare(top, bottom, seed=1) == compare(top, bottom, seed=1)
    assert compare(top, bottom, seed=1) != compare(top, bottom, seed=2)
    for seed in range(20):
        found = compare(top, bottom, seed=seed)
        assert found.low <= found.value <= found.high


def test_the_bootstrap_is_widened_for_few_processes() -> None:
    """Two processes, no noise within: draws are a, (a + b)/2 and b, of which 2.5 % is a.

    Half the distance of a and b, times t(1)/z = 12.706/1.960, times sqrt(2).
    """
    found = compare(processes([[1.0] * 9, [math.e**2] * 9]), processes([[1.0] * 9] * 2))
    assert math.log(found.value) == pytest.approx(1.0)
    assert math.log(found.high) == pytest.approx(1 + 12.7062 / 1.95996 * math.sqrt(2), rel=1e-4)
    assert math.log(found.low) == pytest.approx(1 - 12.7062 / 1.95996 * math.sqrt(2), rel=1e-4)


# --- refusals ------------------------------------------------------------------------------

ONE = samples([1.0] * 6)
REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("no process", lambda: typical([]), "no process was measured"),
    ("no numerator", lambda: compare([], [ONE]), "a side has no samples"),
    ("no denominator", lambda: compare([ONE], []), "a side has no samples"),
    ("0 s", lambda: typical(processes([[0.0, 1.0], [1.0, 1.0]])), "took 0 s"),
    ("0 s below", lambda: compare([ONE], [samples([0.0] * 6)]), "took 0 s"),
    (
        "rounds that do not pair",
        lambda: compare(processes([[1.0] * 6] * 2), processes([[1.0] * 6, [1.0] * 7])),
        "session 's1' has 6 rounds of one competitor and 7",
    ),
    *(
        (f"confidence {given}", asked, f"confidence={given}")
        for given in (0.0, 1.0, 1.5, -0.1, math.nan)
        for asked in (
            lambda given=given: typical(processes([[1.0] * 6, [2.0] * 6]), given),
            lambda given=given: compare(
                processes([[1.0] * 6] * 2), processes([[1.0] * 6] * 2), given
            ),
        )
    ),
]


@pytest.mark.parametrize(
    ("ask", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_is_refused(ask: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ask()


# --- coverage ------------------------------------------------------------------------------

TRIALS = 500


def rounds_of(draw: np.random.Generator, count: int, rounds: int = 15) -> np.ndarray:
    """Return times of two competitors: of each process, of each of the two in it, of rounds.

    A process is slow or quick as a whole (30 %), each competitor has its luck with it (5 %), rounds
    are disturbed together (10 %) and apart (3 %), and one in ten is a spike of 10x.
    """
    together = np.exp(draw.normal(0, 0.3, (1, count, 1)) + draw.normal(0, 0.1, (1, count, rounds)))
    own = np.exp(draw.normal(0, 0.05, (2, count, 1)))
    apart = np.exp(draw.normal(0, 0.03, (2, count, rounds)))
    spikes = np.where(draw.random((2, count, rounds)) < 0.1, 10.0, 1.0)
    return together * own * apart * spikes


def two_modes(draw: np.random.Generator, count: int, rounds: int = 15) -> np.ndarray:
    """Return times of two competitors in processes that are slow (1.4x) or not, as a whole."""
    mode = np.where(draw.random((1, count, 1)) < 0.5, 1.4, 1.0)
    own = np.exp(draw.normal(0, 0.02, (2, count, 1)))
    return mode * own * np.exp(draw.normal(0, 0.03, (2, count, rounds)))


@pytest.mark.parametrize("world", [rounds_of, two_modes])
@pytest.mark.parametrize("count", [3, 5, 10])
def test_the_interval_of_a_ratio_covers_it_and_seldom_calls_equals_different(
    world: Callable[..., np.ndarray], count: int
) -> None:
    draw = np.random.default_rng(count)
    found = []
    for _ in range(TRIALS):
        top, bottom = world(draw, count)
        found.append(compare(processes(1.1 * top), processes(bottom)))
    covered = sum(each.low <= 1.1 <= each.high for each in found) / TRIALS
    assert covered >= 0.92  # 90 % are asked; and so the same work differs in at most 8 %
    widths = [each.half_width for each in found]
    assert median(widths) < {3: 0.35, 5: 0.15, 10: 0.08}[count]  # and not by saying nothing


@pytest.mark.parametrize("count", [3, 5, 10])
def test_the_same_against_itself_is_seldom_called_different(count: int) -> None:
    draw = np.random.default_rng(100 + count)
    pairs = (rounds_of(draw, count) for _ in range(TRIALS))
    verdicts = [compare(processes(top), processes(bottom)).verdict for top, bottom in pairs]
    assert 1 - verdicts.count("cannot tell") / TRIALS <= 0.08


def test_a_single_processs_interval_would_not_do() -> None:
    """The same simulation, seen from one process: what `stats` says of it is far too narrow."""
    draw = np.random.default_rng(0)
    pairs = (rounds_of(draw, 1)[:, 0] for _ in range(TRIALS))
    verdicts = [compare([samples(top)], [samples(bottom)]).verdict for top, bottom in pairs]
    assert 1 - verdicts.count("cannot tell") / TRIALS > 0.3


@pytest.mark.parametrize("apart", [False, True], ids=["paired", "unpaired"])
def test_an_unpaired_ratio_covers_too(apart: bool) -> None:
    draw = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        top, bottom = rounds_of(draw, 5)
        below = [samples(row, f"t{n}" if apart else f"s{n}") for n, row in enumerate(bottom)]
        found = compare(processes(1.1 * top), below)
        assert found.paired is not apart
        covered += found.low <= 1.1 <= found.high
    assert covered >= 0.9 * 200


@pytest.mark.parametrize(
    ("world", "count", "least"),
    [
        (rounds_of, 3, 0.9),
        (rounds_of, 5, 0.9),
        (rounds_of, 10, 0.9),
        # All three are of one mode, and the next of the other, in 1 of 8: nothing could tell.
        (two_modes, 3, 0.85),
        (two_modes, 5, 0.9),
        (two_modes, 10, 0.9),
    ],
)
def test_one_more_process_falls_into_the_interval(
    world: Callable[..., np.ndarray], count: int, least: float
) -> None:
    draw = np.random.default_rng(200 + count)
    inside = 0
    for _ in range(TRIALS):
        times, _other = world(draw, count + 1)
        held_out = samples(times[0]).median
        found = typical(processes(times[1:]))
        inside += found.low <= held_out <= found.high
    assert inside >= least * TRIALS
