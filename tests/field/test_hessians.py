"""Random-matrix references for sampled Hessians."""

import numpy as np
import pandas as pd
import pytest
from field_hessians import field_hessians
from statistical import agree

from qgmutils.circuits import Randomised
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import SampleTask, Spectra
from qgmutils.field import haar, hessians, spectra
from qgmutils.losses import hamiltonians
from qgmutils.losses.hamiltonians import Hamiltonian


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


def spectra_of(n_circuits, n_points, quantity, *, seed=3):
    """Spectra of circuits of 4 qubits with 4 angles, and their loss."""
    recipe = Hamiltonian("projector", 4, (("rank", 2),), seed=3)
    model = Model(Randomised(4, 4), recipe)
    task = SampleTask(model=model, quantity=quantity, n_circuits=n_circuits, n_points=n_points, seed=seed)
    return task.run(), recipe.build()


def test_comparison_of_a_small_ensemble(rng):
    table, energy = spectra_of(60, 4, Spectra())
    row, references = hessians.compare_spectra(table, energy, minima=False, rng=rng)
    assert (row["n_qubits"], row["n_params"], row["count"], row["left_out"]) == (4, 4, 240, 0)
    assert row["width_tangent"] == pytest.approx(row["width"], rel=0.15)
    assert row["width"] == pytest.approx(hessians.width(table["eigenvalue"].to_numpy().reshape(240, 4)))
    bins = hessians.index_by_loss(table, references["tangent"][0], rng=rng, n_bins=3)
    # Tangent theory is exact up to 1/N = 1/16 here.
    agree(bins["miss"], 0, bins["miss_se"], slack=1 / 16, freedom=59)
    assert np.all(np.diff(bins["y"]) > 0)


def test_error_of_a_width(rng):
    """Pairs of eigenvalues +-a have the variance a^2; the width is the root of its mean."""
    a = rng.uniform(0.5, 1.5, 400)
    points = {
        "circuit": np.repeat(np.arange(400), 2),
        "start": 0,
        "loss": 1.0,
        "variance": 1.0,
        "certified": True,
    }
    spectrum = {"position": np.tile([0, 1], 400), "eigenvalue": np.column_stack([-a, a]).ravel()}
    energy = hamiltonians.projector(4, rank=2, seed=3)
    row, _ = hessians.compare_spectra(pd.DataFrame(points | spectrum), energy, minima=False, rng=rng)
    assert row["width"] == pytest.approx(np.sqrt(np.mean(a**2)))
    # 1000 resamples leave the error uncertain by 2 %.
    assert row["width_se"] == pytest.approx(np.std(a**2) / 20 / (2 * row["width"]), rel=0.12)


def test_tables_of_several_samples(rng):
    kinds = {"random": Spectra(), "graded": Spectra(n_candidates=16), "minimum": Spectra("minimum")}
    samples = {("main", kind): spectra_of(16, 4, quantity)[0] for kind, quantity in kinds.items()}
    energies = {"main": hamiltonians.projector(4, rank=2, seed=3)}
    summary, references = hessians.spectra_table(samples, energies, rng=rng)
    assert summary["points"].tolist() == list(kinds)
    assert summary["hamiltonian"].unique().tolist() == ["rank-2 projector"]

    densities = hessians.density_table(samples, energies, references)
    width = densities["right"] - densities["left"]
    parts = densities.assign(area=densities["sample"] * width).groupby("part")
    assert parts["area"].sum().to_numpy() == pytest.approx(1)  # every eigenvalue is in a bin
    lowest, highest = (parts.get_group(f"{which} quarter").iloc[0] for which in ("lowest", "highest"))
    assert lowest["count"] == highest["count"] == 16
    assert lowest["high"] < highest["low"]
    minima = parts.get_group("all")
    below = minima["right"] <= 1e-12
    assert below.sum() == 4
    assert (minima.loc[below, ["sample", "whrf", "tangent"]] == 0).all(axis=None)
    assert (minima.loc[below, "limit"] > 0).any()
    assert minima["count"].iloc[0] == summary.loc[2, "count"]

    index = hessians.index_table(samples, energies, references, rng=rng)
    assert index.empty  # 64 points leave fewer than 20 for each of nine bins


def test_excess_along_the_gradient(rng):
    table, energy = spectra_of(80, 8, Spectra())
    field = hessians.FieldTask(4, 5.0, 150, 8, int(rng.integers(2**31)))
    found = hessians.excess_table(
        {("main", "random"): table, ("main", "graded"): table}, {"main": energy}, field, field.run(), rng=rng
    )
    assert found["theory"].tolist() == pytest.approx([haar.third_moment_ratio(energy.levels), 1, -1 / 3])
    assert found["samples"].tolist() == [80, 150, 150]
    # Exact for the field; for circuits up to 1/N = 1/16, here in units of (p - 1) / 2m.
    slack = [2 * energy.degrees_of_freedom / 3 / 16, 0, 0]
    agree(found["observed"], found["theory"], found["se"], slack=slack, freedom=79)


def test_a_theory_without_minima_has_no_numbers(rng):
    # At E = 8 the mean curvature is 1 - E = -7, with a standard deviation of about 1: no matrix is positive definite.
    energy = hamiltonians.projector(4, rank=5, seed=3)
    points = {"circuit": [0, 0, 1, 1], "start": 0, "loss": 8.0, "variance": 1.0, "certified": True}
    table = pd.DataFrame(points | {"position": [0, 1, 0, 1], "eigenvalue": [0.1, 0.2, 0.1, 0.3]})
    row, references = hessians.compare_spectra(table, energy, minima=True, rng=rng)
    assert not references["whrf"][1].any()
    names = ("gap_whrf", "gap_whrf_se", "width_whrf", "lowest_whrf", "highest_whrf")
    assert np.isnan([row[name] for name in names]).all()
    one = {("main", "minimum"): table}
    densities = hessians.density_table(one, {"main": energy}, {("main", "minimum"): references})
    assert densities["whrf"].isna().all()
    assert densities["sample"].notna().all()


def test_unknown_theory_is_refused(rng):
    with pytest.raises(ValueError, match="unknown theory 'goe'"):
        hessians.reference_spectra("goe", hamiltonians.tfim(3), 2, [0.1], [0.1], minima=False, rng=rng)
