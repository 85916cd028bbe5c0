"""Limiting spectra of the WHRF Hessian against sampled matrices, quadrature and the closed forms' limits."""

from itertools import pairwise

import numpy as np
import pytest
from field_hessians import field_hessians
from scipy.integrate import quad
from statistical import agree

from qgmutils.field import spectra

PAIRS = [(0.05, 0.5), (0.1, 0.2), (0.4, 0.05), (0.8, 1.3), (1.5, 0.6)]


def _moment(gamma, energy, power):
    left, right = spectra.hessian_edges(gamma, energy)
    # x = centre + half cos(t) removes the square roots at the edges, so that the rule converges geometrically.
    t = (np.arange(4000) + 0.5) * np.pi / 4000
    x = (left + right) / 2 + (right - left) / 2 * np.cos(t)
    weight = (right - left) / 2 * np.sin(t) * np.pi / 4000
    return float(np.sum(weight * x**power * spectra.hessian_density(x, gamma, energy)))


@pytest.mark.parametrize(("gamma", "energy"), PAIRS)
def test_density_has_the_moments_of_the_sum(gamma, energy):
    # Free cumulants add: mean 1 - E, variance gamma (Marchenko-Pastur) + gamma E (semicircle).
    assert _moment(gamma, energy, 0) == pytest.approx(1, abs=1e-5)
    assert _moment(gamma, energy, 1) == pytest.approx(1 - energy, abs=1e-5)
    assert _moment(gamma, energy, 2) - (1 - energy) ** 2 == pytest.approx(gamma * (1 + energy), abs=1e-5)


@pytest.mark.parametrize("ratio", [0.05, 0.5, 0.99, 2.0])
def test_density_tends_to_marchenko_pastur_without_noise(ratio):
    x = np.linspace((1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2, 60)[5:-5]
    expected = spectra.marchenko_pastur_density(x, ratio)
    # The semicircle of variance ratio * E blurs by E times the second derivative of the density.
    np.testing.assert_allclose(spectra.hessian_density(x - 1e-8, ratio, 1e-8), expected, rtol=1e-4)
    mass = quad(
        spectra.marchenko_pastur_density, (1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2, args=(ratio,)
    )[0]
    assert mass == pytest.approx(min(1, 1 / ratio), abs=1e-6)


@pytest.mark.parametrize(("gamma", "energy"), PAIRS)
def test_sampled_matrices_follow_the_density(rng, gamma, energy):
    p = 300
    m = p / (2 * gamma)
    values = np.linalg.eigvalsh(field_hessians(p, m, energy, 4, rng))
    left, right = spectra.hessian_edges(gamma, energy)
    x = np.linspace(left, right, 4001)
    density = spectra.hessian_density(x, gamma, energy)
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2) * (x[1] - x[0])])
    empirical = np.searchsorted(np.sort(values.ravel()), x) / values.size
    # Linear statistics of random matrices fluctuate as 1/p (log p for steps), and 2m - 1 against 2m shifts by 1/p.
    assert np.abs(empirical - cdf).max() < 5 / p
    # Largest and smallest eigenvalue: Tracy-Widom scale p^(-2/3) times the spectrum's width.
    assert np.abs(values.min(1) - left).max() < 6 * (right - left) * p ** (-2 / 3)
    assert np.abs(values.max(1) - right).max() < 6 * (right - left) * p ** (-2 / 3)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_layers_set_the_variance_on_the_diagonal(rng, layers):
    wishart, symmetric = spectra.sample_hessian_parts(5, 6.0, 20000, rng, layers=layers)
    diagonal = np.sqrt(12) * symmetric[:, range(5), range(5)]
    # Variance of a variance estimate from n Gaussians: 2 v^2 / n.
    expected = 2 - 2 / layers
    agree(diagonal.var(), expected, expected * np.sqrt(2 / 1e5))
    agree(12 * symmetric[:, 0, 1].var(), 1, np.sqrt(2 / 2e4))
    agree(wishart[:, 0, 0].mean(), 11 / 12, np.sqrt(2 * 11) / 12 / np.sqrt(2e4))


@pytest.mark.parametrize(("p", "dof"), [(3, 2.5), (6, 2.0), (2, 9.0)])
def test_wishart_parts_match_direct_products(rng, p, dof):
    """Bartlett's construction and the rank-deficient branch have the second moments of X^T X."""
    wishart, _ = spectra.sample_hessian_parts(p, dof, 40000, rng)
    nu, two_m = 2 * dof - 1, 2 * dof
    trace = np.trace(wishart, axis1=1, axis2=2) * two_m
    agree(trace.mean(), nu * p, np.sqrt(2 * nu * p / 4e4))
    square = (wishart**2).sum((1, 2)) * two_m**2
    expected = nu * p * (nu + p + 1)  # E tr W^2
    agree(square.mean(), expected, square.std() / 200)
    assert (np.linalg.matrix_rank(wishart[:50], tol=1e-9) == min(p, nu)).all()


def test_threshold_is_where_the_left_edge_vanishes(rng):
    gamma = rng.uniform(0.001, 0.95, 50)
    left, _ = spectra.hessian_edges(gamma, spectra.threshold_energy(gamma))
    np.testing.assert_allclose(left, 0, atol=1e-11)
    u = (4 - gamma + np.sqrt(gamma * (gamma + 8))) / (4 * (1 - gamma))
    np.testing.assert_allclose(spectra.threshold_energy(gamma), 1 / (u**2 * (2 * u - 1)), rtol=1e-9)
    assert spectra.threshold_energy(0.1) == pytest.approx(0.3375, abs=1e-12)
    # First corrections are of relative order sqrt(gamma) and 1 - gamma.
    assert (1 - spectra.threshold_energy(1e-8)) / (2 * np.sqrt(2e-8)) == pytest.approx(1, abs=1e-3)
    assert spectra.threshold_energy(1 - 1e-4) / (4 / 27 * 1e-12) == pytest.approx(1, abs=1e-3)
    assert (spectra.threshold_energy([1.0, 1.5, 7.0]) == 0).all()


@pytest.mark.parametrize(("gamma", "energy"), [(0.1, 0.2), (0.1, 0.33), (0.1, 0.6), (0.3, 1.1), (1.5, 0.4)])
def test_determinant_limit_matches_quadrature_and_matrices(rng, gamma, energy):
    left, right = spectra.hessian_edges(gamma, energy)

    pieces = [left, 0.0, right] if left < 0 < right else [left, right]
    nodes, weights = np.polynomial.legendre.leggauss(800)
    integral = 0.0
    for a, b in pairwise(pieces):  # the logarithm and the edges' square roots sit at ends of the intervals
        x = (a + b) / 2 + (b - a) / 2 * nodes
        integral += (
            (b - a) / 2 * np.sum(weights * np.log(np.abs(x)) * spectra.hessian_density(x, gamma, energy))
        )
    limit = float(spectra.log_determinant_limit(gamma, energy))
    assert limit == pytest.approx(integral, abs=1e-5)
    p = 200
    matrices = field_hessians(p, p / (2 * gamma), energy, 10, rng)
    # ln|det| fluctuates by O(sqrt(log p)), with an exponential tail from eigenvalues near 0 (hence the median);
    # 2m - 1 for 2m and the finite size shift it by O(1).
    assert abs(np.median(np.linalg.slogdet(matrices)[1]) / p - limit) < 8 / p


def test_bad_input_is_named():
    for call in (
        lambda: spectra.threshold_energy(-0.1),
        lambda: spectra.hessian_edges(0.1, -1.0),
        lambda: spectra.hessian_density(0.0, 0.0, 1.0),
        lambda: spectra.log_determinant_limit(0.1, 0.0),
        lambda: spectra.wishart_dimension(0.2),
        lambda: spectra.wishart_dimension(float("nan")),
        lambda: spectra.sample_hessian_parts(0, 3.0, 1, np.random.default_rng(0)),
        lambda: spectra.sample_hessian_parts(2, 3.0, 1, np.random.default_rng(0), layers=0),
    ):
        with pytest.raises(ValueError, match=r"must be .*got"):
            call()
    assert spectra.wishart_dimension(20.57) == 41
