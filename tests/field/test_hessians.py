"""Random-matrix references for sampled Hessians."""

import numpy as np
import pandas as pd
import pytest
from field_hessians import field_hessians
from statistical import agree

from qgmutils.ensembles.sampling import HessianTask
from qgmutils.field import hessians, spectra
from qgmutils.losses import hamiltonians


@pytest.mark.parametrize("theory", hessians.THEORIES)
def test_minima_are_positive_definite_and_weights_sum_to_one(theory, rng):
    problem = hamiltonians.projector(5, rank=6)
    energies = np.array([0.02, 0.05, 0.1, 0.2])
    values, weights = hessians.reference_spectra(
        theory, problem, 5, energies, energies * (32 / 6 - energies), minima=True, rng=rng
    )
    assert (values[weights > 0] > 0).all()
    assert weights.sum() == pytest.approx(4)


def test_hopeless_energies_get_no_weight(rng):
    problem = hamiltonians.projector(5, rank=6)
    values, weights = hessians.reference_spectra(
        "whrf", problem, 8, [8.0], [1.0], minima=True, rng=rng, draws=2, rounds=3
    )
    assert weights.sum() == 0
    assert len(values) == len(weights) == 2 + 4 + 8


def test_determinant_is_the_weight(rng):
    problem = hamiltonians.projector(5, rank=6)
    values, weights = hessians.reference_spectra(
        "whrf", problem, 3, [0.05], [0.2], minima=True, rng=rng, draws=50
    )
    stable = values[:, 0] > 0
    expected = np.prod(values[stable], axis=1)
    np.testing.assert_allclose(weights[stable], expected / expected.sum(), rtol=1e-10)


def test_random_points_differ_from_critical_ones_by_one_wishart_direction(rng):
    """Mean trace p (1 - E) against p (1 - 1/2m - E), exactly."""
    problem = hamiltonians.projector(5, rank=4)
    size, p, energy = 4000, 6, 0.7
    values, _ = hessians.reference_spectra(
        "whrf", problem, p, np.full(size, energy), np.ones(size), minima=False, rng=rng, draws=1
    )
    two_m = spectra.wishart_dimension(problem.degrees_of_freedom)
    critical = np.linalg.eigvalsh(field_hessians(p, two_m / 2, energy, size, rng))
    for sample, expected in ((values, 1 - energy), (critical, 1 - 1 / two_m - energy)):
        trace = sample.mean(axis=1)
        agree(trace.mean(), expected, trace.std() / np.sqrt(size))


def test_limiting_index_is_that_of_large_matrices(rng):
    gamma, energies = 0.4, [0.02, 0.4, 1.0, 2.5]
    matrices = [field_hessians(200, 200 / (2 * gamma), e, 4, rng) for e in energies]
    observed = [np.mean(np.linalg.eigvalsh(m) < 0) for m in matrices]
    # Eigenvalues of 4 matrices of size 200; their counts fluctuate by less than 1 each, the limit is off by O(1/p).
    np.testing.assert_allclose(hessians.limiting_index(gamma, energies), observed, atol=0.01)
    below = float(spectra.threshold_energy(gamma)) * 0.99
    assert hessians.limiting_index(gamma, below).item() == 0


def test_limiting_density_is_normalised(rng):
    x = np.linspace(-12, 12, 4001)
    density = hessians.limiting_density(x, 0.5, rng.gamma(4, 0.25, 50))
    assert np.sum(density) * (x[1] - x[0]) == pytest.approx(1, abs=1e-3)


def test_comparison_of_a_small_ensemble(rng):
    problem = hamiltonians.projector(4, rank=2, seed=3)
    table = HessianTask("projector", (("rank", 2),), 4, 4, 0, 60, 4, 3).run()
    row, references = hessians.compare_spectra(table, problem, 4, minima=False, rng=rng)
    assert (row["count"], row["left out"]) == (240, 0)
    assert row["width tangent"] == pytest.approx(row["width"], rel=0.15)
    bins = hessians.index_by_energy(table, references["tangent"][0], rng=rng, n_bins=3)
    # Tangent theory is exact up to 1/N = 1/16 here.
    agree(bins["miss"], 0, bins["miss_se"], slack=1 / 16, freedom=59)
    assert np.all(np.diff(bins["y"]) > 0)


def test_a_theory_without_minima_has_no_numbers(rng):
    # At E = 8 the mean curvature is 1 - E = -7, with a standard deviation of about 1: no matrix is positive definite.
    problem = hamiltonians.projector(4, rank=5, seed=3)
    points = {"circuit": [0, 0, 1, 1], "start": 0, "energy": 8.0, "variance": 1.0, "certified": True}
    table = pd.DataFrame(points | {"position": [0, 1, 0, 1], "eigenvalue": [0.1, 0.2, 0.1, 0.3]})
    row, references = hessians.compare_spectra(table, problem, 2, minima=True, rng=rng)
    assert not references["whrf"][1].any()
    assert np.isnan([row[f"{name} whrf"] for name in ("gap", "se", "width", "lowest", "highest")]).all()


def test_unknown_theory_is_refused(rng):
    with pytest.raises(ValueError, match="unknown theory 'goe'"):
        hessians.reference_spectra("goe", hamiltonians.tfim(3), 2, [0.1], [0.1], minima=False, rng=rng)
