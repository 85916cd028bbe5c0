"""Trigonometric polynomials against sums of products and shift rules, samples of the WHRF against its laws."""

from functools import reduce

import numpy as np
import pytest
from scipy import stats
from statistical import agree, alarm

from qgmutils.field.polynomials import TrigPolynomial, from_function, sample_whrf


def _random_polynomial(rng, p):
    return TrigPolynomial(rng.standard_normal((3,) * p))


@pytest.mark.parametrize("p", [1, 2, 3, 6])
def test_value_is_the_sum_of_products(rng, p):
    polynomial = _random_polynomial(rng, p)
    theta = rng.uniform(-9, 9, (4, p))
    for t, value in zip(theta, polynomial.value(theta), strict=True):
        basis = [np.array([1, np.cos(2 * x), np.sin(2 * x)]) for x in t]
        expected = np.sum(polynomial.coefficients * reduce(np.multiply.outer, basis))
        # Rounding: 3^p terms of order one.
        assert value == pytest.approx(expected, abs=1e-14 * 3**p)


@pytest.mark.parametrize("p", [1, 2, 4, 5])
def test_derivatives_match_shift_rules(rng, p):
    """For degree one in (cos 2t, sin 2t): F' = F(t + pi/4) - F(t - pi/4), exactly."""
    polynomial = _random_polynomial(rng, p)
    theta = rng.uniform(0, np.pi, (3, p))
    gradient, hessian = polynomial.gradient(theta), polynomial.hessian(theta)
    for i in range(p):
        shift = np.pi / 4 * np.eye(p)[i]
        by_value = polynomial.value(theta + shift) - polynomial.value(theta - shift)
        by_gradient = polynomial.gradient(theta + shift) - polynomial.gradient(theta - shift)
        np.testing.assert_allclose(gradient[:, i], by_value, atol=1e-12)
        np.testing.assert_allclose(hessian[:, i], by_gradient, atol=1e-12)


def test_interpolation_is_exact_and_refuses_higher_degrees(rng):
    polynomial = _random_polynomial(rng, 3)
    again = from_function(polynomial.value, 3)
    np.testing.assert_allclose(again.coefficients, polynomial.coefficients, atol=1e-13)
    with pytest.raises(ValueError, match="degree one"):
        from_function(lambda t: np.cos(4 * t[:, 0]) * np.cos(2 * t[:, 1]), 2)
    with pytest.raises(ValueError, match=r"to .B,"):
        from_function(lambda t: t, 2)


def test_field_is_a_sum_of_squares_with_the_right_law(rng):
    p, m, size = 3, 2.5, 10_000
    theta = np.array([[0.3, 2.0, 1.1], [0.7, 2.0, 0.8]])
    values = np.array([sample_whrf(p, m, rng).value(theta) for _ in range(size)])
    assert values.min() >= -1e-12
    for column in values.T:
        assert stats.kstest(column, stats.gamma(m, scale=1 / m).cdf).pvalue > alarm()
    # cov(F, F') = (1/m) prod cos^2, from the covariance of squares of Gaussian variables.
    product = np.prod(np.cos(theta[0] - theta[1]) ** 2) / m
    # Products are skewed: this many have means that are nearly normal.
    deviation = (values[:, 0] - 1) * (values[:, 1] - 1)
    agree(deviation.mean(), product, deviation.std() / np.sqrt(size))


def test_gradient_law(rng):
    """dF | F = E is N(0, 2 E / m): standardised gradients are normal."""
    m = 4.0
    scaled = []
    for _ in range(1000):
        field = sample_whrf(2, m, rng)
        theta = rng.uniform(0, np.pi, (1, 2))
        scaled.append(field.gradient(theta)[0] / np.sqrt(2 * field.value(theta) / m))
    assert stats.kstest(np.ravel(scaled), "norm").pvalue > alarm()


def test_bad_input_is_named(rng):
    for call in (
        lambda: TrigPolynomial(np.zeros((3, 2))),
        lambda: TrigPolynomial(np.zeros(())),
        lambda: TrigPolynomial(np.full((3,), np.nan)),
        lambda: sample_whrf(11, 3.0, rng),
        lambda: sample_whrf(0, 3.0, rng),
        lambda: _random_polynomial(rng, 2).value(np.zeros(2)),
    ):
        with pytest.raises(ValueError, match="got"):
            call()
