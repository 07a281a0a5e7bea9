"""How values look: a table of facts."""

import pytest

from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval


def interval(value, low, high, confidence=0.95, each=()):
    return Interval(value=value, low=low, high=high, confidence=confidence, each=each)


def ratio(value, low, high, confidence=0.96, each=()):
    verdict = "faster" if high < 1 else "slower" if low > 1 else "cannot tell"
    return RatioInterval(
        value=value, low=low, high=high, confidence=confidence, paired=True, verdict=verdict,
        each=each,
    )  # fmt: skip


FAR = (31.7e-3, 0.221e-3, 0.143e-3)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (86_400, "count", "86,400"),
        (978_875_392, "count", "978.9 M"),
        (999_999, "count", "999,999"),
        (999_960_000, "count", "1.000 G"),
        (3_123_456_789, "count", "3.123 G"),
        (0, "count", "0"),
        (978_875_392, "integer", "978,875,392"),
        (0.00123, "seconds", "1.23 ms"),
        (9.9996e-4, "seconds", "1.00 ms"),
        (12.3e-6, "seconds", "12.3 µs"),
        (8.5e-7, "seconds", "850 ns"),
        (61.0, "seconds", "61.0 s"),
        (0.0, "seconds", "0 s"),
        (1234.0, "seconds", "1,230 s"),
        # the larger side: 12.9/12.4 is 4.03 % more, 12.4/12.1 2.5 %
        (interval(12.4e-3, 12.1e-3, 12.9e-3), "seconds", "12.4 ms ±4 %"),
        (interval(12.4e-3, 12.33e-3, 12.47e-3), "seconds", "12.4 ms ±0.6 %"),
        (interval(10e-3, 9.5e-3, 11.5e-3), "seconds", "10.0 ms ±15 %"),
        (interval(1.23e-3, 1.23e-3, 1.23e-3, 0.0), "seconds", "1.23 ms"),
        (
            interval(0.221e-3, 1e-9, 3.0, each=FAR),
            "seconds",
            "221 µs (processes: 143 µs … 31.7 ms)",
        ),
        (
            interval(10e-3, 7e-3, 13.5e-3, each=(13e-3, 10e-3, 8e-3)),
            "seconds",
            "10.0 ms (processes: 8.00 … 13.0)",
        ),
        (
            interval(0.0502, 1e-9, 3.0, each=(2.561, 0.0618, 0.0502)),
            "seconds",
            "50.2 ms (processes: 50.2 ms … 2.56 s)",
        ),
        (interval(1e-3, 1e-9, 3.0), "seconds", "1.00 ms"),
        (0.12674, "ratio", "0.127"),
        (0.000412, "ratio", "0.000412"),
        (11.94, "ratio", "11.9"),
        (9.999, "ratio", "10.0"),
        (ratio(0.4123, 0.398, 0.43), "ratio", "0.412 (0.40–0.43)"),
        (ratio(0.4123, 0.4106, 0.4134), "ratio", "0.412 (0.411–0.413)"),
        (ratio(0.438, 0.436, 0.449), "ratio", "0.438 (0.436–0.449)"),
        (ratio(1.02, 1.004, 1.04), "ratio", "1.02 (1.004–1.040)"),
        (ratio(1.09, 0.911, 1.304), "ratio", "1.09 (0.91–1.30)"),
        (ratio(3.0, 2.24, 4.46), "ratio", "3.00 (2.24–4.46)"),
        (ratio(120.0, 110.2, 131.0), "ratio", "120 (110–131)"),
        (ratio(0.22, 0.01, 3.0, each=(1.71, 0.22, 0.14)), "ratio", "0.220 (processes: 0.14 … 1.7)"),
        (ratio(0.4123, 0.4123, 0.4123, 0.0), "ratio", "0.412"),
        (0.0132, "share", "1.3 %"),
        (10.0, "share", "1,000 %"),
        (11_293.18, "share", "more than 1,000 %"),
        (9_999_999_999_999_999, "integer", "9,999,999,999,999,999"),
        (10**108, "integer", "1.000000000000000e+108"),
        (10**108, "count", "1.000e+90 E"),
        (2.5e107, "ratio", "2.50e+107"),
        (4.12e-20, "ratio", "4.12e-20"),
        (ratio(2.5e107, 2.4e107, 2.6e107), "ratio", "2.50e+107 (2.4e+107–2.6e+107)"),
        (1_605_632, "bytes", "1.61 MB"),
        (999, "bytes", "999 B"),
        (999_999, "bytes", "1.00 MB"),
        (None, "count", "–"),
        ("", "text", "–"),
        (float("nan"), "count", "–"),
        (float("inf"), "seconds", "–"),
        (float("nan"), "ratio", "–"),
        (float("inf"), "bytes", "–"),
        (True, "text", "yes"),
        (["a", 2], "text", "a, 2"),
        ({"a": None}, "text", "a: –"),
    ],
)
def test_cell(value, kind, text):
    assert show.cell(value, kind) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.89, "7.9×"), (11.9, "12×"), (1.04, "1.04×"), (0.996, "0.996×"), (120.4, "120×")],
)
def test_times(value, text):
    assert show.times(value) == text


def test_a_factor_turned_over_swaps_its_ends():
    shown = show.times_interval(ratio(0.4, 0.38, 0.43), inverse=True)
    assert shown == "2.5× (95 % interval 2.3–2.6)"


def test_a_narrow_interval_gets_the_digit_that_shows_it():
    assert show.times_interval(ratio(2.412, 2.404, 2.44)) == "2.41× (95 % interval 2.40–2.44)"


def test_without_an_interval_a_sentence_says_what_the_processes_measured():
    value = ratio(0.4, 0.1, 1.5, each=(0.8, 0.4, 0.16))
    shown = show.times_interval(value, inverse=True)
    assert shown == "2.5× (processes: 1.2 … 6.2, too far apart for an interval)"


@pytest.mark.parametrize(
    ("each", "text"),
    [
        ((0.0317, 0.000221, 0.000143), "143 µs, 221 µs and 31.7 ms"),
        ((0.000443, 0.000431, 0.000363), "363, 431 and 443 µs"),
        ((0.000443, 0.000431, 0.000363, 0.000221, 0.0001), "100, 221 … 443 µs"),
    ],
)
def test_processes_in_a_sentence(each, text):
    assert show.spread(interval(0.000221, 1e-9, 3.0, each=each), listed=True) == text


def test_an_interval_that_falls_short_says_so():
    assert "93.8 % interval" in show.times_interval(ratio(0.4, 0.3, 0.5, 0.9375))


@pytest.mark.parametrize(
    ("names", "most", "text"),
    [
        ([], 0, ""),
        (["a"], 0, "a"),
        (["a", "b", "c"], 0, "a, b and c"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
    ],
)
def test_listing(names, most, text):
    assert show.listing(names, most) == text


def test_an_estimated_share_in_a_sentence():
    assert [show.about(share) for share in (0.042, 12.0)] == ["about 4 %", "more than 1,000 %"]


def test_ends_that_no_float_holds_are_the_largest_and_the_smallest():
    """An interval from two processes reaches anywhere: 12.7 standard deviations to each side."""
    found = RatioInterval.of_logs(
        0.0, -5000.0, 5000.0, confidence=0.95, paired=False, verdict="cannot tell"
    )
    assert 0 < found.low < 1e-300
    assert 1e300 < found.inverse().high < float("inf")
    assert show.ratio(found) == "1.00"


def test_plural():
    assert [show.plural(n, "case") for n in (0, 1, 1200)] == ["no cases", "1 case", "1,200 cases"]
