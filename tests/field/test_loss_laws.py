"""Laws of losses at random angles, on a small ensemble and on samples of the laws themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils.circuits import Randomised
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import Losses, SampleTask
from qgmutils.field import haar, loss_laws
from qgmutils.losses import hamiltonians
from qgmutils.losses.hamiltonians import Hamiltonian


def test_laws_of_a_small_ensemble(rng):
    recipe = Hamiltonian("projector", 4, (("rank", 3),), seed=int(rng.integers(2**31)))
    task = SampleTask(
        model=Model(Randomised(4, 2), recipe),
        quantity=Losses(),
        n_circuits=800,
        n_points=16,
        seed=recipe.seed,
    )
    energy = recipe.build()
    (laws,) = loss_laws.loss_laws(task.run(), energy, 2, rng=rng).to_dict("records")
    assert laws["samples"] == 12_800
    for name in ("slope", "same_circuit"):
        agree(laws[name], laws[f"{name}_exact"], laws[f"{name}_se"])
    # 2^-p = 1/4 is seen, by some 17 standard errors.
    assert 0 < 6 * laws["same_circuit_se"] < laws["same_circuit_exact"]
    assert laws["skewness_exact"] == pytest.approx(haar.skewness_ratio(energy.levels), abs=1e-10)
    assert 0 < laws["ks_gamma_exact"] < 0.1


def test_a_symmetric_spectrum_has_exactly_no_third_moment(rng):
    energy = hamiltonians.tfim(4)
    table = pd.DataFrame({"circuit": [0, 0, 1, 1], "loss": [0.5, 1.2, 0.9, 1.4], "gradient": 0.1})
    (laws,) = loss_laws.loss_laws(table.assign(gradient_square=0.01), energy, 8, rng=rng).to_dict("records")
    assert (laws["skewness_exact"], laws["slope_exact"]) == (0, 0)


@pytest.fixture
def of_the_field(rng):
    """A sample with the field's Gamma law and gradients, in one ensemble."""
    energy = hamiltonians.projector(5, rank=6, seed=1)
    m, size = energy.degrees_of_freedom, 20_000
    loss = rng.gamma(m, 1 / m, size)
    gradient = np.sqrt(2 * loss / m) * rng.standard_normal(size)
    columns = {"circuit": np.arange(size) // 4, "loss": loss, "gradient_square": gradient**2}
    return {("main", 5, 3): pd.DataFrame(columns)}, {("main", 5): energy}


def test_histograms_of_the_field_are_the_field(of_the_field):
    samples, energies = of_the_field
    table = loss_laws.histogram_table(samples, energies)
    assert list(table.columns[:5]) == ["model", "hamiltonian", "n_qubits", "n_params", "m"]
    assert table["hamiltonian"].unique() == ["rank-6 projector"]
    width = (table["right"] - table["left"]).to_numpy()
    share = table["field"] * width
    assert share.sum() == pytest.approx(1, abs=1e-3)  # a loss beyond 5 standard deviations is rare
    error = np.sqrt(share * (1 - share) / 20_000)
    agree(table["density"] * width, share, error, slack=5 / 20_000)  # counts of rare bins are not normal


def test_gradients_of_the_field_are_the_diagonal(of_the_field, rng):
    samples, energies = of_the_field
    table = loss_laws.gradient_table(samples, energies, rng=rng, n_bins=8)
    assert table["count"].sum() > 19_990
    agree(table["y"], table["x"], table["se"])
    # At the mean loss the circuits' line is the level of their gradients.
    m = energies["main", 5].degrees_of_freedom
    at_zero = np.interp(0, table["x"], table["exact"])
    assert at_zero == pytest.approx((haar.gradient_level(32) - 1) * np.sqrt(m), abs=1e-9)


def test_tables_keep_ensembles_apart(of_the_field, rng):
    samples, energies = of_the_field
    table = samples["main", 5, 3].assign(gradient=0.1).head(400)
    both = {("main", 5, 3): table, ("other", 5, 4): table}
    laws = loss_laws.law_table(both, energies | {("other", 5): hamiltonians.tfim(5)}, rng=rng)
    assert laws[["model", "hamiltonian", "n_qubits", "n_params", "samples"]].to_numpy().tolist() == [
        ["main", "rank-6 projector", 5, 3, 400],
        ["other", "TFIM ring", 5, 4, 400],
    ]
    columns = {"distance": [0.0, 0.0, 1.0, 1.0], "product": [1.0, 1.2, 0.3, 0.1], "field": 0.5, "exact": 0.4}
    rays = loss_laws.ray_table(
        {("main", 5, 3): pd.DataFrame({"circuit": [0, 1, 0, 1]} | columns)}, energies, rng=rng
    )
    assert rays["observed"].tolist() == pytest.approx([1.1, 0.2])
    assert rays["n_params"].tolist() == [3, 3]
