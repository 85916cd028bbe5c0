"""Typical minima against exhaustive search, the exact density at finite dimension and the field's threshold."""

from itertools import pairwise

import numpy as np
import pytest
from levels import beta_levels, uniform_levels
from statistical import agree

from qgmutils.beyond.finite_dimension.counts import finite_log_density
from qgmutils.beyond.finite_dimension.profiles import profile_rates
from qgmutils.beyond.large_dimension import edges
from qgmutils.beyond.large_dimension.complexity import (
    complexity,
    complexity_at_energy,
    entropy_of,
    variance_range,
)
from qgmutils.beyond.large_dimension.typical import typical_minima
from qgmutils.field import spectra


def test_entropy_matches_the_profile(rng):
    for _ in range(20):
        h = uniform_levels(rng, int(rng.integers(4, 40)))
        energy = float(rng.uniform(0.2, 0.8) * h[-1])
        least, most = variance_range(h, energy)
        v = float(least + rng.uniform(0.1, 0.9) * (most - least))
        share = np.full(len(h), 1 / len(h))
        value, beta, eta = entropy_of(h, share, energy, v)
        if len(h) % 2 == 0:
            assert value == pytest.approx(-np.log(profile_rates(h, energy, v)).mean(), abs=1e-9)
        x = h - energy
        pi = 1 / (len(h) * (1 + beta * x + eta * (x**2 - v)))
        assert (pi > 0).all()
        assert [pi.sum(), pi @ x, pi @ x**2] == pytest.approx([1, 0, v], abs=1e-7)
        assert value == pytest.approx(np.log(len(h) * pi).mean(), abs=1e-9)
        step = 1e-5
        for slope, shift in ((beta, (step, 0)), (eta, (0, step))):
            up, down = (entropy_of(h, share, energy + s * shift[0], v + s * shift[1])[0] for s in (1, -1))
            assert slope == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-4)


def test_typical_minima_beat_random_points(rng):
    """No feasible point has a larger complexity than the global one; no neighbour than any of them."""
    h = uniform_levels(rng, 32)
    for p in (8, 20, 36):
        found = typical_minima(h, p)
        best = max(found, key=lambda one: one.complexity)
        assert best.is_global
        assert sum(one.is_global for one in found) == 1
        assert [one.energy for one in found] == sorted(one.energy for one in found)
        for _ in range(1000):
            energy = float(rng.uniform(0, 1.2))
            v = float(rng.uniform(0, 1) ** 2 * energy * (h[-1] - energy)) + 1e-9
            assert complexity(h, energy, v, p) <= best.complexity + 1e-9
        for one in found:
            assert one.edge >= -1e-9
            for scale in (1e-3, 1e-2):
                for angle in rng.uniform(0, 2 * np.pi, 30):
                    energy = one.energy * (1 + scale * np.cos(angle))
                    v = one.variance * (1 + scale * np.sin(angle))
                    assert complexity(h, energy, v, p) <= one.complexity + 1e-8


def test_degenerate_copies_change_nothing_but_the_count(rng):
    h = uniform_levels(rng, 24)
    one, two = typical_minima(h, 12), typical_minima(np.repeat(h, 3), 36)
    # A is exact to 1e-13, and quadratic around its maximum: the energy is exact to about the root of that.
    assert [m.energy for m in one] == pytest.approx([m.energy for m in two], abs=2e-5)
    shift = 0.25 * np.log(3)
    # A search may stop short of the boundary, edge = 0, towards which the complexity rises linearly, by about 2 edge.
    for single, copied in zip(one, two, strict=True):
        slack = 1e-8 + 5 * abs(single.edge - copied.edge)
        assert single.complexity + shift == pytest.approx(copied.complexity, abs=slack)


def test_complexity_is_the_rate_of_the_exact_density(rng):
    """ln density - N A tends to a constant, the logarithm of a prefactor."""
    gaps = []
    for dim in (16, 32, 64):
        h = beta_levels(dim, 1.5)
        h = (h - h[0]) / (h - h[0]).mean()  # otherwise the energy is next to the lowest level at small N
        exact = finite_log_density([0.15], h, dim // 2, index=0, n_samples=1024, rng=rng)
        limit, v = complexity_at_energy(h, 0.15, dim // 2)
        assert edges.left_edge(h, 0.15, v, dim // 2) > 0.03  # well inside
        gaps.append((exact.log_density[0] - dim * limit, exact.stderr[0]))
    for (one, error_one), (two, error_two) in pairwise(gaps):
        # Corrections of order 1/N change it by 0.1 and less; a missing (1/2) ln N would by 0.35, a wrong rate by more.
        agree(two, one, np.hypot(error_one, error_two), slack=0.2)


@pytest.mark.parametrize("gamma", [0.1, 0.4])
def test_projector_of_low_rank_has_the_fields_threshold(gamma):
    dim, rank = 100_000, 40
    levels = np.zeros(dim)
    levels[:rank] = dim / rank
    (found,) = typical_minima(levels, 2 * rank * gamma)
    assert found.kind == "boundary"
    assert found.energy == pytest.approx(float(spectra.threshold_energy(gamma)), rel=0.01)


def test_projector_of_half_rank_is_solved_at_its_count():
    levels = np.repeat([0.0, 2.0], 32)
    assert typical_minima(levels, 64)[0].kind == "solved"
    assert typical_minima(levels, 64)[0].energy == 0
    energies = [typical_minima(levels, p)[-1].energy for p in (8, 20, 40, 56, 63)]
    assert (np.diff(energies) < 0).all()
    assert energies[-1] < 1e-3


def test_bad_input_is_named():
    levels = beta_levels(16, 1.5)
    for call in (
        lambda: complexity(levels, 0.4, -0.1, 8),
        lambda: complexity(levels, 0.4, 0.1, -8),
        lambda: complexity_at_energy(levels, 5.0, 8),
        lambda: typical_minima(levels, 8, law="free"),
        lambda: typical_minima([1.0], 8),
    ):
        with pytest.raises(ValueError, match=r"must .*got"):
            call()
    assert complexity(levels, 0.4, 100.0, 8) == -np.inf
