"""Lists of critical points against fields with known ones, second searches and plain descent."""

from math import comb

import numpy as np
import pytest

from qgmutils.field.critical_points import FieldEnumeration, critical_points
from qgmutils.field.polynomials import TrigPolynomial, from_function, sample_whrf


@pytest.mark.parametrize("p", [1, 2, 4])
def test_separable_function_has_binomially_many_points(rng, p):
    phases, amplitudes = rng.uniform(0, np.pi, p), rng.uniform(0.5, 2, p)

    def function(theta):
        return (amplitudes * np.cos(2 * (theta - phases))).sum(axis=1)

    points = critical_points(from_function(function, p), rng)
    assert points.complete
    np.testing.assert_array_equal(
        np.bincount(points.index, minlength=p + 1), [comb(p, k) for k in range(p + 1)]
    )
    offset = np.sort((points.theta - phases) % (np.pi / 2), axis=0)
    np.testing.assert_allclose(np.minimum(offset, np.pi / 2 - offset), 0, atol=1e-9)
    np.testing.assert_allclose(points.value, function(points.theta), atol=1e-12)


def test_points_are_critical_distinct_and_agree_with_a_second_search(rng):
    different = 0
    for _ in range(5):
        field = sample_whrf(3, 4, rng)
        points, again = critical_points(field, rng), critical_points(field, rng, n_starts=8000)
        assert points.complete
        assert again.complete
        np.testing.assert_allclose(field.gradient(points.theta), 0, atol=1e-9)
        distance = np.abs(points.theta[:, None] - points.theta[None])
        distance = np.minimum(distance, np.pi - distance).max(axis=2) + np.eye(len(points.theta))
        assert distance.min() > 1e-6
        one, two = np.sort(points.value), np.sort(again.value)
        different += len(one) != len(two) or not np.allclose(one, two, rtol=0, atol=1e-10)
    # Degenerate pairs can be overlooked by both, and once in 1000 fields or less by one of them: three in 1e8 runs.
    assert different <= 2


def test_minima_include_what_descent_finds(rng):
    """Plain gradient descent, which shares nothing with the search, ends in listed minima only."""
    field = sample_whrf(4, 6, rng)
    points = critical_points(field, rng)
    theta = rng.uniform(0, np.pi, (40, 4))
    bound = 4 * np.abs(field.coefficients).sum() * 4
    for _ in range(20000):
        theta = theta - field.gradient(theta) / bound
    ends = theta[np.abs(field.gradient(theta)).max(axis=1) < 1e-6]
    # The search may overlook a minimum that is about to meet a saddle.
    curvatures = np.linalg.eigvalsh(field.hessian(ends))
    values = field.value(ends[curvatures[:, 0] > 0.02 * curvatures[:, -1]])
    minima = points.value[points.index == 0]
    assert len(values) > 0
    assert np.abs(values[:, None] - minima).min(axis=1).max() < 1e-8


def test_too_few_starts_are_reported_as_incomplete(rng):
    field = sample_whrf(4, 8, rng)
    assert not critical_points(field, rng, n_starts=3, max_starts=3).complete


def test_enumeration_does_not_depend_on_how_it_is_cut():
    whole = FieldEnumeration(2, 3.0, 0, 4, 300, 7).run()
    parts = [FieldEnumeration(2, 3.0, first, 2, 300, 7).run() for first in (0, 2)]
    assert list(whole.columns) == ["field", "index", "value", "complete", "starts"]
    np.testing.assert_array_equal(whole["value"], np.concatenate([part["value"] for part in parts]))
    assert not np.isclose(whole["value"][0], FieldEnumeration(2, 3.0, 0, 1, 300, 8).run()["value"][0])


def test_bad_input_is_named(rng):
    for call in (
        lambda: critical_points(TrigPolynomial(rng.standard_normal((3, 3))), rng, n_starts=0),
        lambda: FieldEnumeration(5, 2.0, 0, 1, 10, 0),
        lambda: FieldEnumeration(2, 2.0, 0, 0, 10, 0),
    ):
        with pytest.raises(ValueError, match="got"):
            call()


def test_field_with_a_free_angle_is_not_called_complete(rng):
    # cos 2a leaves the second angle free: its critical points form lines, and Newton's method settles on none.
    coefficients = np.zeros((3, 3))
    coefficients[1, 0] = 1.0
    assert not critical_points(TrigPolynomial(coefficients), rng, n_starts=50, max_starts=400).complete


def test_field_with_a_flat_valley_is_not_called_complete(rng):
    # The square of cos(t1 - t2 - a) + b cos(t1 + t2 - c) vanishes on curves, to which Newton's method creeps.  The rest
    # of its critical points, one maximum and one saddle, may have the Morse sum of a torus.
    for _ in range(5):
        x = rng.normal(size=4)

        def square(theta, x=x):
            cos, sin = np.cos(theta), np.sin(theta)
            one, two = np.stack([cos[:, 0], sin[:, 0]]), np.stack([cos[:, 1], sin[:, 1]])
            return (np.einsum("ik,jk->kij", one, two).reshape(-1, 4) @ x) ** 2

        points = critical_points(from_function(square, 2), rng, n_starts=50, max_starts=2000)
        assert not points.complete


def test_search_that_keeps_finding_points_ends_at_its_bound(rng):
    # A free angle up to 1e-7: points are isolated to rounding only, so new ones turn up in every round.
    coefficients = np.zeros((3, 3, 3))
    coefficients[1, 0, 0], coefficients[0, 1, 1] = 1.0, 1e-7
    points = critical_points(TrigPolynomial(coefficients), rng, n_starts=50, max_starts=400)
    assert points.n_starts < 400 + max(
        50, 4 * len(points.value)
    )  # a round of random starts may pass the bound
