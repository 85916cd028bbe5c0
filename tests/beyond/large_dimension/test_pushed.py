"""Minima beyond the edge against exhaustive search, sampled minima and the exact density at finite dimension."""

import numpy as np
import pytest
from levels import beta_levels, uniform_levels

from qgmutils.beyond.finite_dimension.counts import finite_log_density
from qgmutils.beyond.finite_dimension.positive_reflections import populations
from qgmutils.beyond.finite_dimension.proposals import weighted_profiles
from qgmutils.beyond.large_dimension.complexity import entropy_of, rate_and_edge, variance_range
from qgmutils.beyond.large_dimension.edges import distinct_levels, log_determinant
from qgmutils.beyond.large_dimension.pushed import (
    energy_band,
    pushed_log_determinant,
    pushed_minima,
    pushed_variance,
)
from qgmutils.beyond.large_dimension.typical import typical_minima
from qgmutils.losses import hamiltonians


@pytest.mark.parametrize("name", ["tfim", "xxz", "spinless_fermi_hubbard", "gue"])
def test_bands_fall_to_the_ground_state(name):
    levels = hamiltonians.build(name, 5, None, seed=3).levels
    degenerate = int(np.sum(levels < 1e-9))
    for pushed in (False, True):
        band = energy_band(levels, [0.05, 0.5, 1.0, 1.5, 2 * (32 - degenerate) / 32], pushed=pushed)
        lowest = band.groupby("angles_per_level")["energy"].min()
        assert (np.diff(lowest) < 0).all()
        assert 0.5 < lowest.iloc[0] < 1.2
        assert lowest.iloc[-1] == pytest.approx(0, abs=1e-12)
        assert (band.groupby("angles_per_level")["is_global"].sum() == 1).all()


def test_pushed_minima_approach_with_the_square_root_of_dim():
    levels = beta_levels(64, 1.5)
    (limit,) = typical_minima(levels, 32)
    shift = [pushed_minima(levels, 32, dim=dim)[0].energy - limit.energy for dim in (1e6, 4e6, 1.6e7)]
    # Each factor of 4 in N halves it; the next term is smaller by sqrt(delta), which is 1e-2 here.
    assert shift[0] / shift[1] == pytest.approx(2, rel=0.02)
    assert shift[1] / shift[2] == pytest.approx(2, rel=0.02)


def test_pushed_minima_match_the_exact_density(rng):
    """The mode of the exact density at N = 64 lies where the balance says, far above the limit."""
    levels = beta_levels(64, 1.5)
    (limit,), (pushed,) = typical_minima(levels, 32), pushed_minima(levels, 32)
    energies = np.linspace(0.2, 0.7, 13)
    exact = finite_log_density(energies, levels, 32, index=0, n_samples=256, rng=rng)
    density = np.exp(exact.log_density - exact.log_density.max())
    mean = density @ energies / density.sum()
    assert mean > limit.energy + 0.05
    assert mean == pytest.approx(
        pushed.energy, abs=0.04
    )  # corrections of relative order N^(-1/4) to the shift


def test_every_pushed_minimum_is_a_local_maximum_of_the_balance(rng):
    # A spectrum may have kept none: of 1484 with p up to 29 six had not, all with p >= 22. Four in a row have some.
    for _ in range(4):
        levels, p = uniform_levels(rng, 32), int(rng.integers(2, 17))
        found = pushed_minima(levels, p)
        if found:
            break
    h, share = distinct_levels(levels)

    def value(energy, v):
        rate, edge, cubic = rate_and_edge(h, share, energy, v, p / (2 * len(h)), True)
        return rate - len(h) * cubic * max(0.0, -edge) ** 3

    assert found
    for one in found:
        assert one.edge < 0
        best = value(one.energy, one.variance)
        for angle in np.linspace(0, 2 * np.pi, 40):
            moved = one.energy * (1 + 1e-3 * np.cos(angle)), one.variance * (1 + 1e-3 * np.sin(angle))
            # The search stops at differences of 1e-13.
            assert value(*moved) < best + 1e-12


def test_a_maximum_that_has_ceased_to_exist_is_left_out():
    """Followed on, the search lands on maxima at 0.82 and 0.46, which belong to no typical minimum."""
    levels = hamiltonians.xxz(4).levels
    assert len(pushed_minima(levels, 12, dim=4**3 * 16)) == 1
    assert pushed_minima(levels, 12) == ()
    assert energy_band(levels, [0.75], pushed=True).empty
    levels = hamiltonians.xxz(8).levels
    assert len(typical_minima(levels, 256)) == 3
    below, most = pushed_minima(levels, 256)
    assert most.is_global
    assert not below.is_global
    assert 0.1 < below.energy < most.energy < 0.25


def test_pushed_variance_is_the_best_of_its_energy(rng):
    h, p = uniform_levels(rng, 32), int(rng.integers(4, 60))
    share = np.full(len(h), 1 / len(h))

    def value(energy, v):
        complexity, edge, cubic = rate_and_edge(h, share, energy, v, p / (2 * len(h)), True)
        return complexity - len(h) * cubic * max(0.0, -edge) ** 3

    for energy in rng.uniform(0.1, 1.0, 10):
        least, most = variance_range(h, energy)
        best = value(energy, pushed_variance(h, energy, p))
        for v in least + rng.uniform(0, 1, 500) ** 2 * (most - least):
            # The grid's steps are half a hundredth of the range's root, and the maximum is quadratic.
            assert value(energy, v) <= best + 5e-3 * max(1.0, abs(best))
    two = np.repeat([0.0, 2.0], 4)
    assert pushed_variance(two, 0.5, 3) == pytest.approx(0.75)


@pytest.mark.parametrize(("size", "n_params"), [(16, 8), (64, 32)])
def test_pushed_variance_is_that_of_sampled_minima(size, n_params, rng):
    h, energy = uniform_levels(rng, size), float(rng.uniform(0.15, 0.35))
    expected = pushed_variance(h, energy, n_params)
    drawn, spread, log_weights = weighted_profiles(h, energy, n_params, 400, expected, rng)
    log_weights += populations(h, energy, np.sqrt(drawn), n_params, 64, rng)
    found = np.average(spread, weights=np.exp(log_weights - log_weights.max()))
    # Twenty-five trials had ratios of 0.94 to 1.05 at N = 16, 0.97 to 1.02 at N = 64: a deviation of 0.025 at most.
    assert found == pytest.approx(expected, rel=0.15)


def test_log_determinant_is_that_of_the_pushed_maximum(rng):
    """Minus the rest of the complexity, at every sigma^2."""
    h, p, energy = uniform_levels(rng, 32), int(rng.integers(4, 60)), 0.4
    share = np.full(len(h), 1 / len(h))
    least, most = variance_range(h, energy)
    variances = least + np.array([0.1, 0.3, 0.6]) * (most - least)
    found, cost = pushed_log_determinant(h, energy, variances, p)
    for v, log, lost in zip(variances, found, cost, strict=True):
        rate, edge, cubic = rate_and_edge(h, share, energy, v, p / 64, True)
        rest = entropy_of(h, share, energy, v)[0] - p / 64 * np.log(v)
        assert lost == pytest.approx(32**2 * cubic * max(0.0, -edge) ** 3)
        assert log == pytest.approx(32 * (rate - rest) - lost)
        if edge > 0:
            assert log == pytest.approx(p * log_determinant(h, energy, v, p))
    assert (np.diff(found) < 0).all()


def test_bad_input_is_named():
    levels = beta_levels(16, 1.5)
    for call in (
        lambda: pushed_minima(levels, 8, dim=-1.0),
        lambda: pushed_variance(levels, 5.0, 8),
        lambda: pushed_log_determinant(levels, 0.3, [-1.0], 8),
    ):
        with pytest.raises(ValueError, match=r"must .*got"):
            call()
