"""Bounds on the global minimum against enumerated circuits with Haar-rotated generators, and against exact laws."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statistical import alarm, sigmas

from qgmutils import circuits
from qgmutils.beyond.traps import expressivity, lowest_minima
from qgmutils.engine import landscape
from qgmutils.field import haar
from qgmutils.field.critical_points import critical_points
from qgmutils.field.polynomials import from_function
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize

LEVELS = (0.0, 0.6, 1.2, 2.2)


def _global_minima(levels, n_params, n_circuits, rng):
    """Lowest energies of circuits with Haar-rotated reflections, from the enumeration of all critical points."""
    dim, lowest = len(levels), []
    for _ in range(n_circuits):
        shape = (n_params, dim, dim // 2)
        half = np.linalg.qr(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))[0]
        reflections = 2 * half @ half.conj().swapaxes(1, 2) - np.eye(dim)
        state = rng.standard_normal(dim) + 1j * rng.standard_normal(dim)
        state /= np.linalg.norm(state)

        def energy(theta, reflections=reflections, state=state):
            psi = np.broadcast_to(state, (len(theta), dim))
            for q, t in zip(reflections, theta.T):
                psi = np.cos(t)[:, None] * psi - 1j * np.sin(t)[:, None] * (psi @ q.T)
            return np.abs(psi) ** 2 @ np.asarray(levels)

        points = critical_points(from_function(energy, n_params), rng, n_starts=100)
        lowest.append(points.value.min())
    return np.array(lowest)


def test_first_moment_bounds_the_global_minimum_of_rotated_generators(rng):
    density = lowest_minima.LowestMinima(LEVELS, 3, 3000, int(rng.integers(2**31))).run()
    say = lowest_minima.predict(density)
    lowest = _global_minima(LEVELS, 3, 400, rng)
    error = lowest.std() / 20
    assert lowest.mean() > say.mean_least - sigmas() * error
    # Markov is no empty statement here: the annealed estimate is 0.27 too high, 0.023 the spread over 30 seeds.
    assert abs(lowest.mean() / say.one - 1) < 0.5
    for number in (0.05, 0.2, 0.5, 0.8):
        bound = np.exp(np.interp(np.log(number), np.log(say.number), np.log(say.energies)))
        below = int(np.sum(lowest < bound))
        # 10 % for the sampled number.
        assert below <= scipy.stats.binom.isf(alarm(), len(lowest), min(1.1 * number, 1))
    deep = np.exp(np.interp(np.log(0.2), np.log(say.number), np.log(say.energies)))
    # At p = 3 circuits have few minima.
    assert np.sum(lowest < deep) >= scipy.stats.binom.ppf(alarm(), len(lowest), 0.1)


def test_predictions_of_a_power_law():
    e = np.geomspace(1e-4, 2, 400)
    a, b = 3.0, 40.0  # the number below e is b e^a
    density = pd.DataFrame({"energy": e, "log_density": np.log(a * b) + (a - 1) * np.log(e), "stderr": 0.1})
    say = lowest_minima.predict(density)
    one = b ** (-1 / a)
    # The trapezoidal rule in ln E: relative errors of (a step)^2 / 12 = 5e-4.
    assert say.one == pytest.approx(one, rel=1e-3)
    assert say.least == pytest.approx((0.05 / b) ** (1 / a), rel=1e-3)
    assert say.mean_least == pytest.approx(one * a / (a + 1), rel=1e-3)
    # Independent errors of 10 % at each point: d one = one / a * relative error of the number.
    step = np.log(e[1] / e[0])
    relative = 0.1 * a * step * np.sqrt(1 / (2 * a * step))
    assert say.error == pytest.approx(one / a * relative, rel=0.1)
    np.testing.assert_allclose(say.number, b * say.energies**a, rtol=1e-2)
    fewer = lowest_minima.predict(density, 2.0)
    assert fewer.one == pytest.approx((b / 4) ** (-1 / a), rel=1e-3)
    with pytest.raises(ValueError, match="reaches only"):
        lowest_minima.predict(density, 20.0)


def test_copies_are_averaged_as_shares():
    assert lowest_minima.mean_copies([3, 3, 3]) == 3
    assert lowest_minima.mean_copies([0, 1]) == pytest.approx(-np.log2(0.75))


@pytest.mark.parametrize("n_qubits", [3, 5])
def test_chernoff_bounds_the_exact_law_and_has_its_exponent(n_qubits, rng):
    levels = hamiltonians.gue(n_qubits, seed=int(rng.integers(2**31))).levels
    for energy in (0.3, 0.6, 0.9):
        exact = float(haar.energy_cdf(energy, levels))
        bound = lowest_minima.log_haar_bound(energy, levels)
        if exact > 1e-7:  # the exact law is known to 1e-9
            assert np.log(exact) <= bound + 0.02
            assert bound - np.log(exact) < 1 + np.log(
                2 * np.pi * len(levels)
            )  # the prefactor Chernoff leaves out
    # Two levels, closed form: E / (N/k) ~ Beta(k, N - k).
    levels = np.repeat([0.0, 2.0], 4)
    exact = scipy.stats.beta.logcdf(0.1, 4, 4)
    assert exact <= lowest_minima.log_haar_bound(0.2, levels) < exact + 4
    assert lowest_minima.log_haar_bound(1.2, levels) == 0


def test_boxes_around_a_point_hold_the_mean_energy_that_the_volume_bound_uses(rng):
    circuit = circuits.random_circuit(3, 6, rng=rng)
    problem = hamiltonians.tfim(3)
    loss = landscape(circuit, problem)
    centre, w = minimize(loss, rng.uniform(0, np.pi, (1, 6))).theta, 0.3
    energy = loss.value(centre + rng.uniform(-w, w, (40_000, 6)))
    stay = (1 - (1 - np.sinc(2 * w / np.pi)) / 2) ** 6
    most = stay * loss.value(centre)[0] + (1 - stay) * problem.levels[-1]
    assert energy.mean() < most
    # One gate: exactly (1 - s) E + s E', E' the energy after the word.
    one = circuits.random_circuit(3, 1, rng=rng)
    loss = landscape(one, problem)
    theta = rng.uniform(0, np.pi, (1, 1))
    share = (1 - np.sinc(2 * w / np.pi)) / 2
    energy = loss.value(theta + np.linspace(-w, w, 4001)[:, None])
    mean = (1 - share) * loss.value(theta)[0] + share * loss.value(theta + np.pi / 2)[0]
    assert np.trapezoid(energy, dx=1 / 4000) == pytest.approx(mean, abs=1e-6)


def test_volume_bound_holds_and_ends_at_the_critical_count(rng):
    levels = hamiltonians.projector(3, rank=2, seed=0).levels
    previous = 1.0
    for p in (1, 2, 3):
        energy = lowest_minima.volume_energy(levels, p)
        assert 0 < energy < previous
        assert lowest_minima.log_volume_bound(energy, levels, p) <= np.log(0.05)
        previous = energy
    assert lowest_minima.volume_energy(levels, 4) == 0
    energy, below = lowest_minima.volume_energy(levels, 1, probability=0.3), 0
    problem = hamiltonians.projector(3, rank=2, seed=0)
    for _ in range(200):
        loss = landscape(circuits.random_circuit(3, 1, rng=rng), problem)
        below += minimize(loss, rng.uniform(0, np.pi, (3, 1))).loss.min() < energy
    assert below <= scipy.stats.binom.isf(alarm(), 200, 0.3)


def test_bad_energies_are_refused():
    with pytest.raises(ValueError, match="above the lowest level"):
        lowest_minima.log_haar_bound(0.0, [0.0, 2.0])
    with pytest.raises(ValueError, match=r"lie in \[0, 1\)"):
        lowest_minima.log_volume_bound(1.5, [0.0, 2.0], 1)


def test_forecasts_count_copies_of_the_circuits_at_hand():
    task, e = lowest_minima.LowestMinima(LEVELS, 3, 400, 1), np.geomspace(1e-3, 2, 60)
    table = pd.DataFrame({"energy": e, "log_density": np.log(9 * e**2), "stderr": 0.1})
    found = pd.DataFrame({"n_qubits": 2, "n_params": 3, "relations": [0, 1, 1], "lowest": [0.0, 0.3, 2.0]})
    row = expressivity.forecasts({task: table}, found).iloc[0]
    say = lowest_minima.predict(table, lowest_minima.mean_copies([0, 1, 1]))
    assert (row["one"], row["least"], row["below_least"]) == (
        say.one,
        say.least,
        np.sum(found["lowest"] < say.least),
    )
    assert row["one"] > lowest_minima.predict(table).one
    assert row["volume"] == lowest_minima.volume_energy(LEVELS, 3)
