"""Basins against plain descent in small steps, and estimates against samples with known laws."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statistical import agree, alarm

from qgmutils import circuits
from qgmutils.beyond.traps import basin_weights, basins
from qgmutils.engine import landscape
from qgmutils.field.critical_points import critical_points
from qgmutils.field.polynomials import from_function, sample_whrf
from qgmutils.losses import hamiltonians
from qgmutils.statistics.intervals import mean_interval, ratio_interval


def _field(n_params, rng):
    """A field with isolated critical points and all its minima."""
    while True:
        polynomial = sample_whrf(n_params, 6.0, rng)
        points = critical_points(polynomial, rng, n_starts=300)
        if points.complete and np.sum(points.index == 0) > 1:
            return polynomial, points.theta[points.index == 0]


def _small_steps(polynomial, starts, step):
    theta = np.array(starts)
    for _ in range(20_000):
        slope = polynomial.gradient(theta)
        steepest = np.abs(slope).max(axis=1, keepdims=True)
        if steepest.max() < 1e-6:
            break
        # Where the slope is small it changes slowly, and minima of curvature 0.01 are met now and then.
        theta -= np.where(steepest > 0.01, step, 10 * step) * slope
    return theta


def test_flow_ends_where_small_steps_end(rng):
    wrong = total = 0
    for _ in range(3):
        polynomial, minima = _field(2, rng)
        grid = np.stack(np.meshgrid(*[(np.arange(30) + 0.5) * np.pi / 30] * 2), axis=-1).reshape(-1, 2)
        flowed = basins.assign(basins.flow(polynomial, grid), minima)
        # A step of 0.01 with second derivatives of order 10 stays close to the flow.
        plain = basins.assign(_small_steps(polynomial, grid, 0.01), minima)
        both = (flowed >= 0) & (plain >= 0)
        assert both.mean() > 0.98
        wrong += np.sum(flowed[both] != plain[both])
        total += both.sum()
    # Only starts next to a border differ: 900 points have some 100 next to one, each with steps of 0.05 at most.
    assert wrong <= 0.02 * total


def test_flow_never_ends_in_a_higher_point(rng):
    polynomial, minima = _field(3, rng)
    starts = rng.uniform(0, np.pi, (200, 3))
    ends = basins.flow(polynomial, starts)
    reached = ~np.isnan(ends).any(axis=1)
    assert reached.mean() > 0.95
    assert (polynomial.value(ends[reached]) <= polynomial.value(starts[reached]) + 1e-9).all()
    assert np.abs(polynomial.gradient(ends[reached])).max() < 1e-6
    # At half the step hardly any start ends elsewhere.
    finer = basins.assign(basins.flow(polynomial, starts, step=0.025), minima)
    assert np.mean(finer != basins.assign(ends, minima)) < 0.05


def test_assignment_on_the_torus():
    minima = np.array([[0.0, 1.0], [1.5, 1.5]])
    ends = np.array([[np.pi - 1e-5, 1.0], [1.5, 1.5 + np.pi], [0.7, 0.7], [np.nan, np.nan]])
    np.testing.assert_array_equal(basins.assign(ends, minima), [0, 1, -1, -1])
    np.testing.assert_array_equal(basins.assign(ends, np.empty((0, 2))), [-1] * 4)


def test_tasks_list_minima_with_their_determinants_and_all_starts(rng):
    seed = int(rng.integers(2**31))
    table = basins.BasinTask("tfim", (), 3, 3, 0, 4, 64, seed).run()
    for _, group in table[table["complete"]].groupby("circuit"):
        assert group["trained"].sum() + group["lost"].iloc[0] == 64
        assert group["flowed"].sum() + group["unflowed"].iloc[0] == 64
    again = pd.concat([basins.BasinTask("tfim", (), 3, 3, k, 1, 64, seed).run() for k in range(4)])
    pd.testing.assert_frame_equal(table, again.reset_index(drop=True))
    loss = landscape(circuits.random_circuit(3, 3, rng=rng), hamiltonians.tfim(3))
    polynomial = from_function(loss.value, 3)
    theta = rng.uniform(0, np.pi, (4, 3))
    np.testing.assert_allclose(polynomial.hessian(theta), loss.hessian(theta), atol=1e-9)


def _sample(rng, slope, det_slope, n_circuits=150, starts=400):
    rows = []
    for circuit in range(n_circuits):
        count = int(rng.integers(2, 9))
        energy, log_det = rng.normal(0.5, 0.2, count), rng.normal(0, 1, count)
        share = np.exp(slope * energy + det_slope * log_det)
        hits = rng.multinomial(starts, share / share.sum())
        rows.append(pd.DataFrame({"n_qubits": 4, "n_params": 5, "circuit": circuit, "energy": energy,
                                  "log_det": log_det, "trained": hits, "flowed": hits}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_law_of_shares_is_recovered(rng):
    sample = _sample(rng, -5.0, -0.3)
    law = basin_weights.share_law(sample, ["energy", "log_det"], rng, n_resamples=200)
    for name, true, scale in (("energy", -5.0, 1.0), ("log_det", -0.3, 0.2)):
        error = (law[name].high - law[name].low) / 3.92
        # Some 60000 hits: errors of a few hundredths, which 200 resamples give to a tenth, as 50 numbers would.
        assert 0 < error < 0.1 * scale
        agree(law[name].estimate, true, error, freedom=50)
    # One circuit's constant drops out.
    shifted = sample.assign(energy=sample["energy"] + sample["circuit"])
    again = basin_weights.share_law(shifted, ["energy", "log_det"], rng, n_resamples=2)
    assert again["energy"].estimate == pytest.approx(law["energy"].estimate, abs=1e-5)


def test_means_are_those_of_the_weights(rng):
    sample = _sample(rng, -3.0, 0.0, n_circuits=60)
    found = basin_weights.mean_energies(sample, rng, n_resamples=200)
    groups = [group for _, group in sample.groupby("circuit")]
    trained = np.mean([np.sum(g["energy"] * g["trained"]) / g["trained"].sum() for g in groups])
    equal = np.mean([g["energy"].mean() for g in groups])
    assert found["trained"].estimate == pytest.approx(trained)
    assert found["pooled"].estimate == pytest.approx(sample["energy"].mean())
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
    trained = [np.average(g["energy"], weights=g["trained"]) for g in groups]
    equal = [g["energy"].mean() for g in groups]
    for name, numbers, circuit in (
        ("trained", trained, None),
        ("equal", equal, None),
        ("pooled", sample["energy"], sample["circuit"]),
    ):
        mean = mean_interval(numbers, np.random.default_rng(seed), groups=circuit, n_resamples=300)
        assert dataclasses.astuple(found[name]) == pytest.approx(dataclasses.astuple(mean))
    ratio = ratio_interval(trained, equal, np.random.default_rng(seed), n_resamples=300)
    assert dataclasses.astuple(found["basin_ratio"]) == pytest.approx(dataclasses.astuple(ratio))


def test_law_of_shares_covers_what_it_does_not_explain(rng):
    # The determinant moves the shares and is left out of the law, whose slope is therefore that of many circuits.
    many = _sample(rng, -4.0, 0.5, n_circuits=3000, starts=200)
    slope = basin_weights.share_law(many, ["energy"], rng, n_resamples=2)["energy"].estimate
    covered, repeats = 0, 50
    for _ in range(repeats):
        sample = _sample(rng, -4.0, 0.5, n_circuits=15, starts=200)
        law = basin_weights.share_law(sample, ["energy"], rng, n_resamples=60)["energy"]
        covered += law.low <= slope <= law.high
    # 95 %, less what 60 resamples miss of the tails, and some circuits that weigh more than others.
    assert covered >= scipy.stats.binom.ppf(alarm(), repeats, 0.91)


def test_bad_arguments_are_refused(rng):
    polynomial = sample_whrf(2, 3.0, rng)
    with pytest.raises(ValueError, match="step must be a positive length"):
        basins.flow(polynomial, np.zeros((1, 2)), step=0.0)
    single = _sample(rng, -1.0, 0.0, n_circuits=1)
    with pytest.raises(ValueError, match="at least 2"):
        basin_weights.mean_energies(single, rng)
    with pytest.raises(ValueError, match="at least 2"):
        basin_weights.share_law(single, ["energy"], rng)


def test_tables_hold_every_case(rng):
    parts = [
        _sample(rng, -4.0, 0.0, n_circuits=20).assign(n_params=p, hamiltonian="TFIM ring") for p in (3, 4)
    ]
    table = basin_weights.weight_table(pd.concat(parts), rng)
    assert table["n_params"].tolist() == [3, 4]
    assert table["minima"].tolist() == [len(part) for part in parts]
    assert np.isnan(table["joint_log_det"].iloc[0])
    assert (table["slope_high"] < 0).all()
    assert table["pooled"].tolist() == pytest.approx([part["energy"].mean() for part in parts])


def test_gap_is_measured_from_the_mean_of_the_density(rng):
    levels = np.array([0.0, 0.5, 1.5, 2.0])
    angle = np.linspace(0, np.pi, 60)[1:-1]
    energy = 2 * np.sin(angle / 2) ** 2
    log_density = -((energy - 0.6) ** 2) / (2 * 0.1**2)
    table = pd.DataFrame({"energy": energy, "log_density": log_density, "stderr": 0.01, "effective_samples": 1e4,
                          "resolved": True})  # fmt: skip
    trained = pd.DataFrame({"n_params": 4, "energy": rng.normal(0.3, 0.05, 400)})
    row = basin_weights.gap_to_all_minima({4: table}, trained, levels).iloc[0]
    # Moments of a Gaussian by the trapezoidal rule with a step of 0.4 of its width.
    assert row["all"] == pytest.approx(0.6, abs=1e-3)
    assert row["gap"] == pytest.approx(1 - trained["energy"].mean() / row["all"])
    assert row["trained_error"] == pytest.approx(trained["energy"].std() / 20)
    assert row["gap_error"] == pytest.approx(row["trained_error"] / row["all"], rel=0.5)


def test_tables_say_where_there_is_no_law(rng):
    sample = _sample(rng, -4.0, 0.0, n_circuits=20).assign(n_params=4, hamiltonian="TFIM ring")
    lowest = sample.loc[sample.groupby("circuit")["energy"].idxmin()].assign(
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
