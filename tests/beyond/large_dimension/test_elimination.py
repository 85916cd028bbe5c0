"""What rows take from later pivots at large dimension, against sampled matrices and the equation integrated."""

import numpy as np
import pytest
from levels import uniform_levels
from scipy.integrate import solve_ivp

from qgmutils.beyond.finite_dimension import profiles, reflections
from qgmutils.beyond.large_dimension import edges, elimination


def test_pivots_and_their_losses_are_those_of_sampled_rows(rng):
    """p = N / 4 at E = 0.2, where nearly all matrices are positive definite; next orders are of the order 1 / N."""
    dim, p, energy = 128, 32, 0.2
    h = uniform_levels(rng, dim)
    rates = profiles.profile_rates(h, energy, 0.04)
    profile = profiles.sample_profiles(h, energy, 1, rng, rates=rates)[0][0]
    variance = float(profile @ (h - energy) ** 2)
    pivots, diagonals = [], []
    for _ in range(40):
        b, z, matrix = np.empty((p, 2 * dim)), np.empty(2 * dim), np.zeros((p, p))
        for i in range(p):
            matrix[i, i] = reflections.draw_row(h, energy, np.sqrt(profile), b[i], z, rng)
            matrix[i, :i] = matrix[:i, i] = b[:i] @ z
        pivots.append(np.diag(np.linalg.cholesky(matrix)) ** 2)
        whole = np.einsum("ia,ij,ja->a", b, np.linalg.inv(matrix), b)
        diagonals.append((whole[:dim] + whole[dim:]) / 2)
    theta = elimination._thetas(*edges.distinct_levels(h), energy, variance, p / (2 * dim), p)
    pivot, seen = np.arange(1, p + 1) / (2 * dim) / theta, np.mean(pivots, axis=0)
    # A pivot's relative deviation is 0.07, so that sixteen rows of forty matrices leave 0.003: 25 trials had ratios of
    # 0.999 to 1.012, of mean 1.006, and the excess is one of order 1 / N.
    assert seen[-16:].mean() == pytest.approx(pivot[-16:].mean(), rel=0.025)
    assert seen[:16].mean() == pytest.approx(pivot[:16].mean(), rel=0.025)
    tau, sigma = h - energy, np.sqrt(variance)
    sine = np.sin(sigma * theta[-1]) / sigma
    expected = sine / (np.cos(sigma * theta[-1]) + sine * tau)
    # The lowest quarter had ratios of 0.977 with a deviation of 0.006 in these trials, the others of 0.997 to 1.001.
    for part in np.array_split(np.arange(dim), 4):
        assert np.mean(diagonals, axis=0)[part].mean() == pytest.approx(expected[part].mean(), rel=0.06)


def test_loss_weights_follow_the_flow(rng):
    h, energy, variance, p = uniform_levels(rng, 8), 0.3, float(rng.uniform(0.02, 0.3)), 6
    weights = elimination.loss_weights(h, energy, variance, p)
    theta = elimination._thetas(*edges.distinct_levels(h), energy, variance, p / 16, p)
    tau, sigma = h - energy, np.sqrt(variance)
    a, k, change = int(rng.integers(8)), int(rng.integers(p - 1)), 1e-5

    def diagonal(start, times):
        flow = solve_ivp(
            lambda _, r: (1 - tau[a] * r) ** 2 + variance * r**2,
            (theta[k], times[-1]),
            [start],
            t_eval=times,
            rtol=1e-11,
            atol=1e-13,
        )
        return flow.y[0]

    sine = np.sin(sigma * theta[k]) / sigma
    start = sine / (np.cos(sigma * theta[k]) + sine * tau[a])
    later = theta[k + 1 :]
    grown = (diagonal(start + change, later) - diagonal(start - change, later)) / (2 * change)
    pivots = np.arange(k + 2, p + 1) / 16 / later
    expected = np.sum((tau[a] ** 2 + variance) / 16 * grown / pivots)
    assert weights[k, a] == pytest.approx(expected, rel=1e-5)
    assert (weights[-1] == 0).all()
    assert (weights[:-1] > 0).all()


def test_degenerate_levels_have_equal_weights(rng):
    levels = rng.permutation(np.repeat([0.0, 0.5, 2.0], 4))
    weights = elimination.loss_weights(levels, 0.4, 0.2, 5)
    for level in (0.0, 0.5, 2.0):
        assert np.ptp(weights[:, levels == level], axis=1) == pytest.approx(np.zeros(5))


@pytest.mark.parametrize(("variance", "n_params"), [(0.0, 4), (np.nan, 4), (0.1, 0)])
def test_bad_input_is_named(variance, n_params):
    with pytest.raises(ValueError, match=r"must .*got"):
        elimination.loss_weights([0.0, 1.0, 2.0, 1.0], 0.3, variance, n_params)
