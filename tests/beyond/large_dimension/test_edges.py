"""The edge and the determinant at large dimension against quadrature, discretised paths, the field and matrices."""

import numpy as np
import pytest
from levels import beta_levels
from scipy.integrate import solve_ivp
from statistical import sigmas

from qgmutils.beyond.finite_dimension.profiles import profile_rates
from qgmutils.beyond.finite_dimension.reflections import sample_critical_hessians
from qgmutils.beyond.large_dimension import edges
from qgmutils.beyond.large_dimension.edges import _inverse, _largest_theta, left_edge, log_determinant
from qgmutils.field import spectra


def _random_point(rng):
    """Levels with degeneracies, an energy among them, a variance and a ratio."""
    h = np.repeat(rng.exponential(1, rng.integers(2, 12)), 2)
    h = np.concatenate([h, rng.exponential(1, 4)])
    h -= h.min()
    h /= h.mean()
    return (
        h,
        float(rng.uniform(0, h.max())),
        float(10 ** rng.uniform(-4, 0.5)),
        float(10 ** rng.uniform(-2, 0.5)),
    )


def sampled_hessians(law, h, energy, variance, p, size, rng):
    """Half Hessians of a law with their own E and sigma^2, those of the profile of largest entropy."""
    profile = 1 / profile_rates(h, energy, variance)
    profile /= profile.sum()
    energy = float(profile @ h)
    variance = float(profile @ (h - energy) ** 2)
    if law == "circuit":
        return sample_critical_hessians(h, np.tile(profile, (size, 1)), p, rng), energy, variance
    # Re <b_i|(H - E)|b_j> + (sigma / sqrt(2 N)) S_ij: real and imaginary parts of b have variance 1 / 2N.
    dim, matrices = 2 * len(h), np.empty((size, p, p))
    for matrix in matrices:
        tangents = rng.standard_normal((p, dim)) / np.sqrt(dim)
        noise = np.tril(rng.standard_normal((p, p)), -1) * np.sqrt(variance / dim)
        matrix[:] = (tangents * np.tile(h - energy, 2)) @ tangents.T + noise + noise.T
    return matrices, energy, variance


def test_distinct_levels_merge_degenerate_ones(rng):
    h, share = edges.distinct_levels(rng.permutation([0, 0, 1, 2, 2 + 1e-13, 2, 5, 0]))
    np.testing.assert_allclose(h, [0, 1, 2, 5], atol=1e-12)
    np.testing.assert_allclose(share, np.array([3, 1, 3, 1]) / 8)


@pytest.mark.parametrize("law", edges.LAWS)
def test_mean_solves_its_flow(rng, law):
    """dg/dTheta = -(sigma^2 + g^2) for circuits; -g^2 and -sigma^2 added up for independent noise."""
    for _ in range(10):
        h, energy, variance, ratio = _random_point(rng)
        values, share = edges.distinct_levels(h)
        top = min(_largest_theta(values[0] - energy, np.sqrt(variance), law == "circuit"), 3.0)
        theta = 0.7 * top
        noise = variance if law == "circuit" else 0.0
        flow = solve_ivp(
            lambda t, g, noise=noise: -(noise + g**2),
            (0, theta),
            values - energy,
            rtol=1e-10,
            atol=1e-12,
        )
        mean = share @ flow.y[:, -1] - (0 if law == "circuit" else variance * theta)
        x, slope, bend = _inverse(theta, values, share, energy, variance, ratio, law == "circuit")
        assert x + ratio / theta == pytest.approx(mean, rel=1e-6, abs=1e-6)
        for value, order in ((slope, 0), (bend, 1)):
            step = 1e-5 * theta
            around = [
                _inverse(t, values, share, energy, variance, ratio, law == "circuit")[order]
                for t in (theta - step, theta + step)
            ]
            assert value == pytest.approx((around[1] - around[0]) / (2 * step), rel=1e-5, abs=1e-5)


def test_path_integral_gives_f(rng):
    """E exp(-tau u(T)^2 / 2 + sigma^2 int u^2 / 2) = f^(-1/2) over Brownian u: the determinant of discretised paths."""
    for _ in range(5):
        sigma, tau = rng.uniform(0.2, 2), rng.uniform(-1, 3)
        theta = rng.uniform(0.2, 0.9) * _largest_theta(tau, sigma, True)
        steps = 600
        sums = np.tril(np.ones((steps, steps)))  # the path is a sum of steps; its energy is the identity
        matrix = np.eye(steps) + tau * theta / steps
        matrix -= sigma**2 * (theta / steps) ** 2 * sums[:-1].T @ sums[:-1]
        expected = np.cos(sigma * theta) + tau / sigma * np.sin(sigma * theta)
        # One step's worth of the path: relative order 1/steps, times what is left of f.
        assert np.exp(np.linalg.slogdet(matrix)[1]) == pytest.approx(expected, abs=10 / steps)


@pytest.mark.parametrize("law", edges.LAWS)
def test_edge_is_the_largest_x_on_the_branch(rng, law):
    for _ in range(30):
        h, energy, variance, ratio = _random_point(rng)
        sigma = np.sqrt(variance)
        top = _largest_theta(h.min() - energy, sigma, law == "circuit")
        top = min(top, np.sqrt(ratio / variance) * 3)
        theta = np.linspace(0, top, 20002)[1:-1, None]
        if law == "circuit":
            g = sigma * np.tan(np.arctan((h - energy) / sigma) - sigma * theta)
        else:
            g = (h - energy) / (1 + (h - energy) * theta) - variance * theta
        x = g.mean(axis=1) - ratio / theta[:, 0]
        found = left_edge(h, energy, variance, ratio * 2 * len(h), law=law)
        width = np.abs(np.diff(x))[max(np.argmax(x) - 1, 0)]
        assert x.max() <= found + 1e-9 * (1 + abs(found))
        assert found == pytest.approx(x.max(), abs=width + 1e-6)


def test_edge_falls_with_energy_and_variance(rng):
    for _ in range(50):
        h, energy, variance, ratio = _random_point(rng)
        p = ratio * 2 * len(h)
        here = left_edge(h, energy, variance, p)
        assert left_edge(h, energy + 0.01, variance, p) < here
        assert left_edge(h, energy, 1.05 * variance, p) < here


def test_laws_agree_for_few_parameters(rng):
    """They differ by c (1 - E) sigma^2 / (sigma^2 + mean tau^2): second order in Theta, of square c over that."""
    h, energy, variance = beta_levels(64, 3.0), 0.8, 0.2
    gaps = []
    for p in (0.02, 0.005):
        circuit, independent = (left_edge(h, energy, variance, p, law=law) for law in edges.LAWS)
        assert circuit > independent
        expected = p / 128 * (1 - energy) * variance / (variance + np.mean((h - energy) ** 2))
        gaps.append((circuit - independent) / expected)
    # The next order is smaller by sqrt(c), of which p = 0.02 has 1.2 % and p = 0.005 half of it.
    assert gaps == pytest.approx([1, 1], abs=0.05)
    assert abs(gaps[1] - 1) < abs(gaps[0] - 1)


@pytest.mark.parametrize(("gamma", "energy"), [(0.1, 0.2), (0.3, 0.3), (0.8, 0.01), (1.5, 0.6)])
def test_projector_of_low_rank_is_the_field(gamma, energy):
    dim, rank = 400_000, 40
    levels = np.zeros(dim)
    levels[:rank] = dim / rank
    variance = energy * dim / rank - energy**2
    p = 2 * rank * gamma
    # The corrections are of relative order rank / dim = 1e-4, the first power of which multiplies 1/gamma.
    assert left_edge(levels, energy, variance, p) == pytest.approx(
        float(spectra.hessian_edges(gamma, energy)[0]), abs=2e-3
    )
    found = log_determinant(levels, energy, variance, p, at=-4.0)
    left, right = spectra.hessian_edges(gamma, energy)
    angle = (np.arange(4000) + 0.5) * np.pi / 4000  # removes the square roots at the edges
    x = (left + right) / 2 + (right - left) / 2 * np.cos(angle)
    mass = spectra.hessian_density(x, gamma, energy) * np.sin(angle) * (right - left) / 2 * np.pi / 4000
    assert mass.sum() == pytest.approx(1, abs=2e-3)
    assert found == pytest.approx(np.sum(np.log(x + 4.0) * mass), abs=3e-3)


@pytest.mark.parametrize("law", edges.LAWS)
def test_determinant_of_sampled_matrices(rng, law):
    h, p = beta_levels(150, 1.5), 250
    matrices, energy, variance = sampled_hessians(law, h, 0.4, 0.2, p, 8, rng)
    edge = left_edge(h, energy, variance, p, law=law)
    for distance in (0.1, 1.0):
        sampled = np.linalg.slogdet(matrices - (edge - distance) * np.eye(p))[1] / p
        limits = {
            one: log_determinant(h, energy, variance, p, at=edge - distance, law=one) for one in edges.LAWS
        }
        # A linear statistic fluctuates by O(1/p); finite size shifts it by O(1/p).
        assert abs(sampled.mean() - limits[law]) < 2 / p
        if distance == 0.1:
            other = next(one for one in edges.LAWS if one != law)
            assert abs(sampled.mean() - limits[other]) > 2 / p
    assert np.isnan(log_determinant(h, energy, variance, p, at=edge + 0.01, law=law))


@pytest.mark.parametrize("law", edges.LAWS)
def test_smallest_eigenvalues_follow_their_own_law(rng, law):
    units, far = [], []
    (other,) = set(edges.LAWS) - {law}
    for dim in (64, 128, 256):
        h = beta_levels(dim, 3.0)
        matrices, energy, variance = sampled_hessians(law, h, 0.4, 0.2, dim, 36, rng)
        smallest = np.linalg.eigvalsh(matrices)[:, 0]
        scale = edges.edge_scale(h, energy, variance, dim, law=law)
        own, wrong = (left_edge(h, energy, variance, dim, law=name) for name in (law, other))
        units.extend((smallest - own) / scale)
        far.append(abs(np.mean(smallest - wrong) / scale - 1.21))
    # Tracy-Widom: mean 1.21, deviation 1.27, so 0.122 for the mean of 108; at N = 64 corrections of relative order
    # N^(-1/3) are expected. No matrix has an eigenvalue far outside: the law's tail exp(-2/3 s^(3/2)) / (4 sqrt(pi)
    # s^(3/4)) leaves 5e-8 beyond 9 for one of 108.
    slack = 64 ** (-1 / 3) * 1.21
    assert -sigmas() * 0.122 < np.mean(units) - 1.21 < sigmas() * 0.122 + slack
    assert min(units) > -9
    # The other law's edge is a fixed distance off, which grows in units of the scale like N^(2/3).
    assert far[-1] > sigmas() * 1.27 / 6 + slack
    assert far[0] < far[1] < far[2]


def test_constrained_directions_make_no_outlier(rng):
    """Real parts: orthogonal to psi, with noise 2 sigma along chi. The path's determinant is that without either."""
    n = 7
    h = np.sort(rng.uniform(0, 2, n))
    psi = np.sqrt(rng.dirichlet(np.ones(n)))
    energy = psi**2 @ h
    chi = (h - energy) * psi
    sigma = np.linalg.norm(chi)
    chi /= sigma
    theta = 0.5 * _largest_theta(h[0] - energy, sigma, True)
    basis = np.linalg.svd(np.column_stack([psi, chi]))[0]  # psi, chi up to rotation, and the rest
    rest = basis[:, 2:]
    real = np.column_stack([chi, rest])
    frequency = np.array([2 * sigma] + [sigma] * (n - 2))
    tau = np.diag(h - energy)
    path = np.diag(np.cos(frequency * theta)) + real.T @ tau @ real * (np.sin(frequency * theta) / frequency)
    full = np.cos(sigma * theta) + (h - energy) / sigma * np.sin(sigma * theta)
    assert np.linalg.det(path) == pytest.approx(np.prod(full), rel=1e-9)
    # Imaginary parts: orthogonal to psi and chi.
    imaginary = (
        np.diag(np.full(n - 2, np.cos(sigma * theta))) + rest.T @ tau @ rest * np.sin(sigma * theta) / sigma
    )
    alpha = psi**2 @ (1 / full)
    expected = np.prod(full) * (np.cos(sigma * theta) * alpha - 1) / np.sin(sigma * theta) ** 2
    assert np.linalg.det(imaginary) == pytest.approx(expected, rel=1e-9)
    assert expected > 0


def test_bad_input_is_named():
    h = beta_levels(8, 1.5)
    for call in (
        lambda: left_edge([1.0, 1.0], 0.5, 0.1, 4),
        lambda: left_edge(h, float("nan"), 0.1, 4),
        lambda: left_edge(h, 0.5, 0.0, 4),
        lambda: left_edge(h, 0.5, 0.1, 0),
        lambda: left_edge(h, 0.5, 0.1, 4, law="free"),
    ):
        with pytest.raises(ValueError, match=r"must .*got"):
            call()


@pytest.mark.parametrize(("dim", "n_params"), [(2, 3), (64, 20), (64, 500)])
def test_scale_of_a_semicircle(dim, n_params):
    # Levels that are nearly one leave (sigma / sqrt(2 N)) S: Wigner's semicircle of radius 2 s, s^2 = sigma^2 p / 2 N,
    # whose p eigenvalues have the density (p / pi) s^(-3/2) sqrt(x + 2 s) at its edge, so that l = s p^(-2/3).
    levels = 1 + 1e-6 * (-1.0) ** np.arange(dim)
    s = 0.7 * np.sqrt(n_params / (2 * dim))
    assert edges.left_edge(levels, 1.0, 0.49, n_params, law="independent") == pytest.approx(-2 * s, rel=1e-5)
    scale = edges.edge_scale(levels, 1.0, 0.49, n_params, law="independent")
    assert scale == pytest.approx(s * n_params ** (-2 / 3), rel=1e-5)
