"""Estimates of weights against samples with known laws."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statistical import agree, alarm

from qgmutils.beyond.traps import basin_weights
from qgmutils.statistics.intervals import mean_interval, ratio_interval


def _sample(rng, slope, det_slope, n_circuits=150, starts=400):
    rows = []
    for circuit in range(n_circuits):
        count = int(rng.integers(2, 9))
        energy, log_det = rng.normal(0.5, 0.2, count), rng.normal(0, 1, count)
        share = np.exp(slope * energy + det_slope * log_det)
        hits = rng.multinomial(starts, share / share.sum())
        rows.append(pd.DataFrame({"n_qubits": 4, "n_params": 5, "circuit": circuit, "loss": energy,
                                  "log_det": log_det, "trained": hits, "flowed": hits}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_law_of_shares_is_recovered(rng):
    sample = _sample(rng, -5.0, -0.3)
    law = basin_weights.share_law(sample, ["loss", "log_det"], rng, n_resamples=200)
    for name, true, scale in (("loss", -5.0, 1.0), ("log_det", -0.3, 0.2)):
        error = (law[name].high - law[name].low) / 3.92
        # Some 60000 hits: errors of a few hundredths, which 200 resamples give to a tenth, as 50 numbers would.
        assert 0 < error < 0.1 * scale
        agree(law[name].estimate, true, error, freedom=50)
    # One circuit's constant drops out.
    shifted = sample.assign(energy=sample["loss"] + sample["circuit"])
    again = basin_weights.share_law(shifted, ["loss", "log_det"], rng, n_resamples=2)
    assert again["loss"].estimate == pytest.approx(law["loss"].estimate, abs=1e-5)


def test_means_are_those_of_the_weights(rng):
    sample = _sample(rng, -3.0, 0.0, n_circuits=60)
    found = basin_weights.mean_energies(sample, rng, n_resamples=200)
    groups = [group for _, group in sample.groupby("circuit")]
    trained = np.mean([np.sum(g["loss"] * g["trained"]) / g["trained"].sum() for g in groups])
    equal = np.mean([g["loss"].mean() for g in groups])
    assert found["trained"].estimate == pytest.approx(trained)
    assert found["pooled"].estimate == pytest.approx(sample["loss"].mean())
    assert found["basin_ratio"].estimate == pytest.approx(trained / equal)
    assert found["ratio"].estimate == pytest.approx(
        found["basin_ratio"].estimate * found["number_ratio"].estimate
    )
    assert found["optimiser_ratio"].estimate == 1
    assert found["basin_ratio"].high < 1


def test_intervals_are_those_of_means_over_circuits(rng):
    sample, seed = _sample(rng, -3.0, 0.0, n_circuits=20), int(rng.integers(2**31))
    found = basin_weights.mean_energies(sample, np.random.default_rng(seed), n_resamples=300)
    groups = [group for _, group in sample.groupby("circuit")]
    trained = [np.average(g["loss"], weights=g["trained"]) for g in groups]
    equal = [g["loss"].mean() for g in groups]
    for name, numbers, circuit in (
        ("trained", trained, None),
        ("equal", equal, None),
        ("pooled", sample["loss"], sample["circuit"]),
    ):
        mean = mean_interval(numbers, np.random.default_rng(seed), groups=circuit, n_resamples=300)
        assert dataclasses.astuple(found[name]) == pytest.approx(dataclasses.astuple(mean))
    ratio = ratio_interval(trained, equal, np.random.default_rng(seed), n_resamples=300)
    assert dataclasses.astuple(found["basin_ratio"]) == pytest.approx(dataclasses.astuple(ratio))


def test_law_of_shares_covers_what_it_does_not_explain(rng):
    # The determinant moves the shares and is left out of the law, whose slope is therefore that of many circuits.
    many = _sample(rng, -4.0, 0.5, n_circuits=3000, starts=200)
    slope = basin_weights.share_law(many, ["loss"], rng, n_resamples=2)["loss"].estimate
    covered, repeats = 0, 50
    for _ in range(repeats):
        sample = _sample(rng, -4.0, 0.5, n_circuits=15, starts=200)
        law = basin_weights.share_law(sample, ["loss"], rng, n_resamples=60)["loss"]
        covered += law.low <= slope <= law.high
    # 95 %, less what 60 resamples miss of the tails, and some circuits that weigh more than others.
    assert covered >= scipy.stats.binom.ppf(alarm(), repeats, 0.91)


def test_bad_arguments_are_refused(rng):
    single = _sample(rng, -1.0, 0.0, n_circuits=1)
    with pytest.raises(ValueError, match="at least 2"):
        basin_weights.mean_energies(single, rng)
    with pytest.raises(ValueError, match="at least 2"):
        basin_weights.share_law(single, ["loss"], rng)


def test_tables_hold_every_case(rng):
    parts = [
        _sample(rng, -4.0, 0.0, n_circuits=20).assign(n_params=p, hamiltonian="TFIM ring") for p in (3, 4)
    ]
    table = basin_weights.weight_table(pd.concat(parts), rng)
    assert table["n_params"].tolist() == [3, 4]
    assert table["minima"].tolist() == [len(part) for part in parts]
    assert np.isnan(table["joint_log_det"].iloc[0])
    assert (table["slope_high"] < 0).all()
    assert table["pooled"].tolist() == pytest.approx([part["loss"].mean() for part in parts])


def test_gap_is_measured_from_the_mean_of_the_density(rng):
    angle = np.linspace(0, np.pi, 60)[1:-1]
    energy = 2 * np.sin(angle / 2) ** 2
    log_density = -((energy - 0.6) ** 2) / (2 * 0.1**2)
    table = pd.DataFrame({"energy": energy, "log_density": log_density, "stderr": 0.01, "effective_samples": 1e4,
                          "resolved": True})  # fmt: skip
    losses = pd.Series(rng.normal(0.3, 0.05, 400))
    row = basin_weights.gap_to_all_minima(table, losses, 2.0)
    # Moments of a Gaussian by the trapezoidal rule with a step of 0.4 of its width.
    assert row["all"] == pytest.approx(0.6, abs=1e-3)
    assert row["gap"] == pytest.approx(1 - losses.mean() / row["all"])
    assert row["trained_error"] == pytest.approx(losses.std() / 20)
    assert row["gap_error"] == pytest.approx(row["trained_error"] / row["all"], rel=0.5)


def test_tables_say_where_there_is_no_law(rng):
    sample = _sample(rng, -4.0, 0.0, n_circuits=20).assign(n_params=4, hamiltonian="TFIM ring")
    lowest = sample.loc[sample.groupby("circuit")["loss"].idxmin()].assign(
        n_params=2
    )  # one minimum a circuit
    alone = sample[sample["circuit"] == 0].assign(n_params=5)
    table = basin_weights.weight_table(pd.concat([lowest, sample, alone]), rng)
    assert table["n_params"].tolist() == [2, 4]
    assert np.isnan(table.loc[0, ["slope", "slope_low", "joint_log_det"]].to_numpy(float)).all()
    assert table.loc[0, "basin_ratio"] == 1
    nothing = basin_weights.weight_table(sample.iloc[:0], rng)
    assert nothing.columns.tolist() == table.columns.tolist()
    assert nothing.empty


def test_minima_of_incomplete_circuits_are_left_out():
    rows = pd.DataFrame({"circuit": [0, 0, 1, 2, 3], "index": [0, 1, 0, 0, -1], "loss": 0.5,
                         "complete": [True, True, True, False, False], "lost": [0, 0, 2, 0, 256],
                         "unflowed": [3, 3, 0, 5, 256]})  # fmt: skip
    rows = rows.assign(hamiltonian="TFIM ring", n_qubits=4, n_params=3)
    minima, words = basin_weights.isolated(rows)
    assert minima["circuit"].tolist() == [0]
    assert words == (
        "1 of 4 circuits with 1 minima, of whose starts 3 do not end with the flow; "
        "2 circuits left out as not enumerated, 1 as starts end outside of the list"
    )


def test_trained_minima_are_those_of_circuits_with_traps():
    means, trained = basin_weights.trained_below_all(2, [2], n_samples=64, n_circuits=10, seed=5)
    assert means["n_params"].tolist() == [2]
    assert means.loc[0, "p_over_critical"] == pytest.approx(2 / 6)  # one ground state among four
    assert means.loc[0, "trained"] == pytest.approx(trained["loss"].mean())
    with pytest.raises(ValueError, match=r"p = 6 at 2 qubits has no traps.* p < p_c = 6"):
        basin_weights.trained_below_all(2, [6], n_samples=64, n_circuits=10, seed=5)
    with pytest.raises(ValueError, match="at least 3 numbers of qubits"):
        basin_weights.trained_at_fractions([0.5], [(2, 10), (2, 20), (3, 20)], seed=5)


def test_fractions_have_the_edge_of_their_size():
    ends = basin_weights.trained_at_fractions([0.5], [(2, 4), (3, 5), (4, 6)], seed=5)
    assert ends.groupby("n_qubits").size().tolist() == [4, 5, 6]
    assert (ends["n_params"] == 2 ** (ends["n_qubits"] - 1)).all()
    # figures/quick/10_basin_weights.trend.csv of an earlier version, at 4 qubits.
    assert ends.loc[ends["n_qubits"] == 4, "edge"].tolist() == pytest.approx([0.231563] * 6, abs=1e-6)


def test_every_case_is_enumerated():
    points = basin_weights.enumerated(["tfim"], [2, 3], [2], n_circuits=2, n_starts=8, seed=5)
    assert points.groupby(["hamiltonian", "n_qubits", "n_params"])["circuit"].nunique().tolist() == [2, 2]
    minima, _ = basin_weights.isolated(points)
    assert (minima.groupby(["n_qubits", "circuit"])["trained"].sum() == 8).all()
