"""Kac-Rice counts as tasks against the enumeration of sampled fields."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statistical import agree, alarm

from qgmutils.field import counting
from qgmutils.field.critical_points import FieldEnumeration


@pytest.mark.parametrize(("p", "m"), [(2, 3.0), (3, 2.5), (3, 4.0), (4, 8.0)])
def test_counts_of_every_index_match_enumeration(rng, p, m):
    """Hotelling's test on the vector of mean counts, and a test of the minima's mean energy."""
    fields = 200
    table = FieldEnumeration(p, m, 0, fields, 500, int(rng.integers(2**31))).run()
    assert table.groupby("field")["complete"].first().mean() > 0.97
    theory = counting.CountTask(p, m, 60000, int(rng.integers(2**31))).run()
    compared, pvalue = counting.compare_counts(table, theory)
    assert pvalue > alarm(), compared
    assert compared["fields"].eq(fields).all()
    minima = table[table["index"] == 0].groupby("field")["value"]
    number, total = minima.size().to_numpy(), minima.sum().to_numpy()
    energy = total.sum() / number.sum()
    stderr = (total - energy * number).std() / number.mean() / np.sqrt(fields)
    error = np.hypot(stderr, theory["mean_energy_stderr"][0])
    agree(energy, theory["mean_energy"][0], error, freedom=fields - 1)


def test_comparison_rejects_wrong_counts_and_is_uniform_for_right_ones(rng):
    size = 60
    theory = pd.DataFrame(
        {"index": [0, 1, 2], "count": [3.0, 7.0, 4.0], "count_stderr": 0.01, "resolved": True}
    )

    def pvalue(shift):
        minima, maxima = rng.poisson(3 + shift, size), rng.poisson(4, size)
        points = [
            (f, k)
            for f in range(size)
            for k, n in enumerate([minima[f], minima[f] + maxima[f], maxima[f]])
            for _ in range(n)
        ]
        return counting.compare_counts(pd.DataFrame(points, columns=["field", "index"]), theory)[1]

    assert pvalue(3.0) < 1e-4  # nine standard errors; below 1e-6 in 300 of 300 repeats
    # Fields without any point would be missing; with means of 3 and 4 that is one field in 1000.
    assert stats.kstest([pvalue(0.0) for _ in range(40)], "uniform").pvalue > alarm()
    with pytest.raises(ValueError, match="at least 2 fields"):
        counting.compare_counts(pd.DataFrame({"field": [0, 0, 0], "index": [0, 1, 2]}), theory)


def test_tasks_return_tables_and_mark_what_is_refused(rng):
    seed = int(rng.integers(2**31))
    table = counting.CountTask(3, 4.0, 2000, seed).run()
    assert table["index"].tolist() == [0, 1, 2, 3]
    assert table["resolved"].all()
    pd.testing.assert_frame_equal(table, counting.CountTask(3, 4.0, 2000, seed).run())
    refused = counting.CountTask(12, 60.0, 300, seed, index=0, energy_range=(1.2, 1.5)).run()
    assert refused["count"].isna().all()
    assert not refused["resolved"].any()


def test_density_on_given_energies_and_on_its_bulk(rng):
    seed = int(rng.integers(2**31))
    given = counting.MinimaDensity(4, 8.0, 8000, seed, (0.1, 0.3, 0.5)).run()
    assert given["energy"].tolist() == [0.1, 0.3, 0.5]
    assert given["resolved"].all()
    bulk = counting.MinimaDensity(4, 8.0, 4000, seed, min_effective_samples=400.0).run()
    assert len(bulk) == 24
    assert np.trapezoid(bulk["density"], bulk["energy"]) == pytest.approx(1, abs=1e-12)
    mean = np.trapezoid(bulk["density"] * bulk["energy"], bulk["energy"])
    agree(mean, 0.309, 0.001, slack=0.002)  # check value, and the error of this sample
    # The number of minima is the ratio of the two, at every energy.
    number = bulk["log_density"] - np.log(bulk["density"])
    np.testing.assert_allclose(number, number[0], atol=1e-9)
    assert np.exp(number[0]) == pytest.approx(5.30, rel=0.06)  # 60 samples: 5.27 to 5.41


def test_density_is_refused_or_absent(rng):
    seed = int(rng.integers(2**31))
    # From 0.4 on the first energies are resolved by chance, and enough of them once in 150 times.
    refused = counting.MinimaDensity(12, 60.0, 400, seed, tuple(np.linspace(0.7, 1.5, 20))).run()
    assert refused["density"].isna().all()
    assert not refused["resolved"].all()
    assert counting.MinimaDensity(8, 5.0, 400, seed).run().empty
    assert list(counting.MinimaDensity(8, 5.0, 400, seed).run()) == list(refused)
