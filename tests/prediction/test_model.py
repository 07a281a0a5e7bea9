"""The fit of a family: what it recovers, and what it says of its errors."""

import math
import random

import pytest

from convbench.prediction.model import Family, fit


def invented(number, noise=0.0, seed=0):
    """Times of 5 µs a call, 20 ps a product, 50 ps a byte; disturbed by `noise`."""
    draws = random.Random(seed)
    amounts, places, seconds = [], [], []
    for _ in range(number):
        products, size = 10 ** draws.uniform(4, 9), 10 ** draws.uniform(3, 7)
        amounts.append({"call": 1.0, "products": products, "bytes": size})
        places.append([math.log2(products), math.log2(size)])
        exact = 5e-6 + 2e-11 * products + 5e-11 * size
        seconds.append(exact * math.exp(draws.gauss(0, noise)))
    return amounts, places, seconds


def test_a_law_is_recovered_at_shapes_it_has_not_seen():
    family = fit(*invented(80))
    for amounts, place, seconds in zip(*invented(40, seed=1), strict=True):
        assert family.seconds(amounts, place) == pytest.approx(seconds, rel=1e-3)
    assert max(map(abs, family.errors)) < 1e-3


def test_one_disturbed_sample_in_ten_does_not_decide():
    amounts, places, seconds = invented(100)
    for at in range(0, 100, 10):
        seconds[at] *= 5
    family = fit(amounts, places, seconds)
    errors = sorted(
        abs(family.seconds(a, p) / s - 1) for a, p, s in zip(*invented(60, seed=2), strict=True)
    )
    assert errors[len(errors) // 2] < 0.1


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_the_interval_holds_what_it_says(noise):
    family = fit(*invented(200, noise))
    low, high = family.quantiles(0.9)
    held = 0
    for amounts, place, seconds in zip(*invented(400, noise, seed=4), strict=True):
        held += low <= math.log(seconds / family.seconds(amounts, place)) <= high
    assert 0.84 <= held / 400 <= 0.97


def test_what_is_smooth_and_not_in_the_terms_is_learnt_from_neighbours():
    amounts, places, seconds = invented(200)
    bent = [s * math.exp(0.15 * math.sin(p[0] / 4)) for s, p in zip(seconds, places, strict=True)]
    family = fit(amounts, places, bent)
    alone = Family(**{**vars(family), "weights": (0.0,) * len(bent)})

    def median_error(one):
        tried = zip(*invented(60, seed=5), strict=True)
        found = sorted(
            abs(one.seconds(a, p) / (s * math.exp(0.15 * math.sin(p[0] / 4))) - 1)
            for a, p, s in tried
        )
        return found[len(found) // 2]

    assert median_error(family) < median_error(alone) / 2


def test_sizes_beyond_the_samples_are_known_to_be():
    family = fit(*invented(50))
    inside = family.places[0]
    assert not family.outside(inside)
    assert family.outside([inside[0] + 20, inside[1]])
    assert family.outside([inside[0], inside[1] + 20])
    assert not family.outside([inside[0], inside[1] - 20])  # there a time is that of a call


def test_few_samples_are_helped_by_those_of_a_family_that_is_alike():
    amounts, places, seconds = invented(6, noise=0.1)
    others = list(zip(*(invented(60, seed=7)[at] for at in (0, 2)), strict=True))

    def worst(family):
        tried = zip(*invented(60, seed=8), strict=True)
        return max(abs(family.seconds(a, p) / s - 1) for a, p, s in tried)

    helped = fit(amounts, places, seconds, others)
    assert worst(helped) < worst(fit(amounts, places, seconds)) / 2
    assert len(helped.errors) == 6


def test_a_term_of_few_samples_says_nothing_of_others():
    amounts, places, seconds = invented(60)
    for one in range(3):  # as bytes a little beyond a cache, in slow moments
        amounts[one] = {**amounts[one], "beyond": 1e3}
        seconds[one] *= 3
    family = fit(amounts, places, seconds)
    asked = {**amounts[10], "beyond": 1e8}
    assert family.seconds(asked, places[10]) == pytest.approx(seconds[10], rel=0.1)
