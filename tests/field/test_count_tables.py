"""Tables of counts: put together right, and the power law of the approach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statistical import agree

from qgmutils.field import count_tables, counting, spectra
from qgmutils.field.critical_points import FieldEnumeration


def test_fields_are_compared_with_the_formula(rng):
    seed = int(rng.integers(2**31))
    fields = {(2, 3.0): 60, (3, 4.0): 12, (2, 1.5): 20}
    counts, ensembles = count_tables.count_fields(fields, n_starts=300, n_samples=20_000, seed=seed)
    assert counts["p"].tolist() == [2] * 3 + [3] * 4 + [2] * 3
    assert counts["m"].tolist() == [3.0] * 3 + [4.0] * 4 + [1.5] * 3
    assert ensembles["fields"].tolist() == list(fields.values())
    # Fields were cut into pieces and mixed; each (p, m) has its own, in one piece here.
    points = FieldEnumeration(2, 3.0, 0, 60, 300, seed).run()
    assert (
        counts.loc[:2, "enumerated"].tolist() == (points["index"].value_counts().sort_index() / 60).tolist()
    )
    theory = counting.CountTask(2, 3.0, 20_000, seed).run()
    assert counts.loc[:2, "kac_rice"].tolist() == theory["count"].tolist()
    assert counts.loc[:2, "mean_energy"].tolist() == theory["mean_energy"].tolist()
    agree(counts["enumerated"], counts["kac_rice"], counts["enumerated_stderr"], slack=0.1, freedom=11)
    one = ensembles.iloc[0]
    assert one["points"] == pytest.approx(len(points) / 60)
    assert one["largest_z"] == counts.loc[:2, "z"].abs().max()


def test_complexity_rises_to_the_limit(rng):
    """(1/p) ln rho_0 - (1/2) ln p, of the task's own density."""
    seed = int(rng.integers(2**31))
    table = count_tables.densities_of_minima(0.25, {3: 2000, 4: 2000}, seed=seed)
    assert table.groupby("p").size().tolist() == [31, 31]
    assert table["energy"].max() == pytest.approx(2.1 * float(spectra.threshold_energy(0.25)), abs=1e-6)
    known = table[table["resolved"]]
    assert len(known) > 20
    expected = known["log_density"] / known["p"] - np.log(known["p"]) / 2
    np.testing.assert_allclose(known["complexity"], expected)
    assert table.loc[~table["resolved"], "complexity"].isna().all()


def test_mean_energies_are_those_of_single_tasks(rng):
    seed = int(rng.integers(2**31))
    table = count_tables.mean_energies_of_minima([0.2, 0.4], {4: 2000, 12: 300}, seed=seed)
    assert table[["gamma", "p"]].to_numpy().tolist() == [[0.2, 4], [0.2, 12], [0.4, 4], [0.4, 12]]
    threshold = float(spectra.threshold_energy(0.4))
    assert table["threshold"].tolist() == [float(spectra.threshold_energy(0.2))] * 2 + [threshold] * 2
    window = (max(0.0, threshold - 0.4), threshold + 1)
    one = counting.CountTask(4, 5.0, 2000, seed, 0, window).run()
    assert table.loc[2, ["count", "mean_energy"]].tolist() == one.loc[0, ["count", "mean_energy"]].tolist()


def energies(gamma, p, above, resolved=True):
    threshold = float(spectra.threshold_energy(gamma))
    columns = {"gamma": gamma, "p": p, "threshold": threshold, "mean_energy": threshold + np.asarray(above)}
    return pd.DataFrame(columns | {"mean_energy_stderr": 0.001, "resolved": resolved})


def test_approach_finds_a_power():
    p = np.array([4, 8, 16, 32])
    above = np.r_[9.0, 0.5 * p[1:] ** -0.4]  # four angles are too few to be looked at
    found = count_tables.approach(energies(0.3, p, above))
    assert found.loc[0, "exponent"] == pytest.approx(-0.4)
    assert found.loc[0, "above"] == pytest.approx(above[-1])
    # Of three points with equal distances ln 2, the slope is that of the outer two.
    relative = 0.001 / above[1:]
    assert found.loc[0, "error"] == pytest.approx(np.hypot(relative[0], relative[2]) / (2 * np.log(2)))


def test_approach_is_open_without_two_sizes():
    table = pd.concat(
        [energies(0.3, [8, 16], [0.2, 0.1], [True, False]), energies(0.1, [8, 16], [0.2, -0.1], False)]
    )
    found = count_tables.approach(table)
    assert found["gamma"].tolist() == [0.3, 0.1]
    assert found["above"].tolist() == [pytest.approx(0.2), np.inf]
    assert found[["exponent", "error"]].isna().all(axis=None)
