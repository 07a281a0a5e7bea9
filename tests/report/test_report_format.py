"""How values look: a table of facts."""

import pytest

from convbench.report import format as show
from convbench.timing.stats import Interval, RatioInterval


def interval(value, low, high, confidence=0.95):
    return Interval(value=value, low=low, high=high, confidence=confidence)


def ratio(value, low, high, confidence=0.96):
    verdict = "faster" if high < 1 else "slower" if low > 1 else "cannot tell"
    return RatioInterval(
        value=value, low=low, high=high, confidence=confidence, paired=True, verdict=verdict
    )


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
        (interval(1.23e-3, 1.2e-3, 1.256e-3), "seconds", "1.23 ms (1.20–1.26)"),
        (interval(1.23e-3, 1.23e-3, 1.23e-3, 0.0), "seconds", "1.23 ms"),
        (0.12674, "ratio", "0.127"),
        (0.000412, "ratio", "0.000412"),
        (11.94, "ratio", "11.9"),
        (9.999, "ratio", "10.0"),
        (ratio(0.4123, 0.398, 0.43), "ratio", "0.412 (0.398–0.430)"),
        (ratio(0.4123, 0.4123, 0.4123, 0.0), "ratio", "0.412"),
        (0.0132, "share", "1.3 %"),
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


def test_plural():
    assert [show.plural(n, "case") for n in (0, 1, 1200)] == ["no cases", "1 case", "1,200 cases"]
