"""Kac-Rice counts as tasks against the enumeration of sampled fields."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statistical import agree, alarm

from qgmutils.field import counting, spectra
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


def test_counts_of_sizes_are_those_of_their_fields(rng):
    seed = int(rng.integers(2**31))
    counts, tests = counting.counts_of_every_index(
        [(2, 3.0, 3), (4, 3.0, 14)], n_starts=300, n_samples=2000, seed=seed
    )
    assert counts.groupby(["p", "m"]).size().to_dict() == {(2, 3.0): 3, (4, 3.0): 5}
    assert tests[["p", "fields"]].to_numpy().tolist() == [[2, 3], [4, 14]]
    # The fields of four angles are enumerated in two pieces, and are the same in one.
    whole = FieldEnumeration(4, 3.0, 0, 14, 300, seed).run()
    assert counts.loc[counts["p"] == 4, "enumerated"].tolist() == pytest.approx(
        (whole["index"].value_counts().sort_index() / 14).tolist()
    )
    assert tests.loc[1, "complete"] == whole.groupby("field")["complete"].first().sum()


def test_minima_at_ratios_are_measured_around_the_threshold(rng):
    seed = int(rng.integers(2**31))
    density, minima = counting.minima_at_ratios([0.1, 0.4], [(4, 2000, 400), (6, 2000, 400)], seed=seed)
    assert minima[["gamma", "p"]].to_numpy().tolist() == [[0.1, 4], [0.1, 6], [0.4, 4], [0.4, 6]]
    thresholds = spectra.threshold_energy(minima["gamma"]).tolist()
    assert minima["threshold"].tolist() == pytest.approx(thresholds)
    assert density.groupby(["gamma", "p"]).size().to_dict() == {(0.1, 4): 31, (0.1, 6): 31}
    assert density["energy"].min() == pytest.approx(0.3 * minima.loc[0, "threshold"], abs=1e-6)
    # All minima of p = 4 and m = 5, not only those of the window, up to 1 % outside of it.
    whole = counting.CountTask(4, 5.0, 8000, seed + 1, 0).run()
    error = np.hypot(minima.loc[2, "count_stderr"], whole.loc[0, "count_stderr"])
    agree(minima.loc[2, "count"], whole.loc[0, "count"], error, slack=0.01 * whole.loc[0, "count"])
    with pytest.raises(ValueError, match="minima have a threshold energy for 0 < gamma < 1 only"):
        counting.minima_at_ratios([0.1, 1.0], [(4, 16, 16)], seed=seed)


def test_a_power_law_is_found():
    p = np.array([4, 8, 16, 32, 64])
    minima = pd.DataFrame({"gamma": 0.1, "p": p, "threshold": 0.3, "mean_energy": 0.3 + p**-0.5,
                           "mean_energy_stderr": 0.01 * p**-0.5, "resolved": p < 64})  # fmt: skip
    minima.loc[0, "mean_energy"] = 9.0  # below the least p of the fit
    both = pd.concat([minima, minima.assign(gamma=0.4, resolved=p < 16)])
    found = counting.approach(both)
    assert found["gamma"].tolist() == [0.1, 0.4]
    assert found.loc[0, "exponent"] == pytest.approx(-0.5)
    assert found.loc[0, "above"] == pytest.approx(32**-0.5)
    assert found.loc[0, "error"] == pytest.approx(
        0.01 / (np.sqrt(2) * np.log(2))
    )  # of a slope through x = -1, 0, 1
    assert np.isnan(found.loc[1, "exponent"])
