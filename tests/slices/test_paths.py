from __future__ import annotations

import numpy as np
import pytest

from qgmutils import circuits, slices
from qgmutils.circuits import Circuit
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.unitary import UnitaryDistance
from qgmutils.minimize import GROUND_TOLERANCE, minimize
from qgmutils.slices.paths import SADDLE

X, Z = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])


def two_turns(k):
    """Two qubits, each turned by its own angle, and H = -ZZ + k XX.

    <H> = -cos 2a cos 2b + k sin 2a sin 2b = -A cos(2a - 2b) - B cos(2a + 2b) with A, B = (1 -+ k) / 2: minima where
    both cosines are 1, saddles where one is -1, 2A or 2B higher, and maxima.
    """
    one = np.ones(2)
    letters = np.array([2, 1])  # Y on either qubit
    reference = np.eye(1, 4, dtype=complex)[0]
    circuit = Circuit(2, 2, letters, letters, np.arange(2), one, 0 * one, reference)
    return landscape(circuit, hamiltonians.from_matrix(-np.kron(Z, Z) + k * np.kron(X, X)))


def minima_of(surface, rng, count=6):
    p = surface.circuit.n_params
    theta = minimize(surface, rng.uniform(0, np.pi, (count, p))).theta
    return theta[0], [slices.nearest_copy(surface, theta[0], other) for other in theta[1:]]


def test_one_angle_has_one_way(rng):
    surface = landscape(circuits.random_circuit(3, 1, rng=rng), hamiltonians.gue(3))
    first, _ = minima_of(surface, rng)
    # a + b cos 2(t - t_0) through one period.
    height = surface.value([first + np.pi / 2])[0] - surface.value([first])[0]
    for way in (slices.straight, slices.relaxed):
        path = way(surface, first, first + np.pi)
        assert path.barrier == pytest.approx(height, abs=1e-9)
        assert path.theta[path.top] == pytest.approx(first + np.pi / 2, abs=1e-4)


@pytest.mark.parametrize("k", [-0.3, 0.5])
def test_relaxed_barriers_are_the_known_saddles(k):
    surface = two_turns(k)
    unit = surface.loss.unit
    low, high = sorted([1 - abs(k), 1 + abs(k)])
    straight = slices.straight(surface, np.zeros(2), [np.pi, 0])  # over a maximum
    assert straight.barrier == pytest.approx((low + high) / unit, abs=1e-9)
    relaxed = slices.relaxed(surface, np.zeros(2), [np.pi, 0])  # around it, over a saddle of either kind
    # A gradient of up to SADDLE leaves its square, 1e-12, over a curvature, here 1 ... 4.
    assert relaxed.barrier == pytest.approx(high / unit, abs=1e-11)
    assert relaxed.gradient_norm[relaxed.top] <= SADDLE
    curvatures = slices.spectrum(surface, relaxed.theta[relaxed.top]).eigenvalues
    assert curvatures[0] < 0 < curvatures[1]


def test_a_straight_path_over_a_saddle_stays():
    surface = two_turns(0.5)
    straight, relaxed = (
        way(surface, np.zeros(2), [np.pi / 2, np.pi / 2]) for way in (slices.straight, slices.relaxed)
    )
    assert straight.barrier == pytest.approx(1.5 / surface.loss.unit, abs=1e-12)
    assert relaxed.barrier == pytest.approx(straight.barrier, abs=1e-11)


@pytest.mark.parametrize("rounds", [1, 4])
def test_a_hill_before_a_higher_end_can_be_walked_around(rounds):
    # In the angles u = 2a + 2b and v = 2a - 2b: the higher end lies behind the summit in v, before it in u.
    u, v = np.pi - 0.2, 2 * np.pi - 2
    surface, end = two_turns(0.5), np.array([u + v, u - v]) / 4
    assert slices.straight(surface, np.zeros(2), end).barrier > 0.01 / surface.loss.unit
    assert slices.relaxed(surface, np.zeros(2), end, rounds=rounds).barrier < GROUND_TOLERANCE


def check(surface, first, second):
    straight = slices.straight(surface, first, second)
    relaxed = slices.relaxed(surface, first, second, rounds=2)
    assert 0 <= relaxed.barrier <= straight.barrier
    for path in (straight, relaxed):
        np.testing.assert_allclose(path.theta[[0, -1]], [first, second], rtol=0, atol=1e-14)
        value, gradient = surface.value_and_gradient(path.theta)
        np.testing.assert_array_equal(path.loss, value)
        np.testing.assert_array_equal(path.gradient_norm, np.abs(gradient).max(axis=1))
        assert np.all(np.diff(path.x) >= 0)
        steps = np.linalg.norm(np.diff(path.theta, axis=0), axis=1)
        assert path.x[-1] == pytest.approx(steps.sum())
        assert path.barrier == path.loss[path.top] - max(value[0], value[-1])
        # Between the points, too, the path is nowhere higher, but for the curvature of steps that small.
        between = surface.value((path.theta[1:] + path.theta[:-1]) / 2)
        limit = np.abs(surface.hessian(path.theta[:1])).sum()
        assert between.max() <= path.loss.max() + limit * steps.max() ** 2
    assert straight.x[-1] == pytest.approx(np.linalg.norm(second - first))
    return straight, relaxed


def test_relaxed_paths_are_not_higher_than_straight_ones(rng):
    surface = landscape(circuits.random_circuit(3, 6, rng=rng), hamiltonians.gue(3))
    first, others = minima_of(surface, rng, 4)
    for second in others:
        if not np.allclose(first, second, atol=1e-3):
            check(surface, first, second)


def test_any_loss_has_paths(rng):
    surface = landscape(circuits.random_circuit(1, 4, rng=rng), UnitaryDistance(np.eye(2)))
    first, second = rng.uniform(0, 2, (2, 4))
    check(surface, first, second)


def test_the_same_path_twice_and_by_pennylane(rng):
    surface = landscape(circuits.random_circuit(2, 3, rng=rng), hamiltonians.gue(2))
    ends = rng.uniform(0, np.pi, (2, 3))
    one, two = (slices.relaxed(surface, *ends, rounds=2) for _ in range(2))
    np.testing.assert_array_equal(one.theta, two.theta)
    slow = landscape(surface.circuit, surface.loss, engine="pennylane")
    straight = [slices.straight(engine, *ends, steps=11) for engine in (surface, slow)]
    assert straight[0].barrier == pytest.approx(straight[1].barrier, abs=1e-10)


def test_a_flat_landscape_has_no_barrier():
    # Z on |00> is a phase.
    zero = np.zeros(1, np.int64)
    circuit = Circuit(2, 1, zero, zero + 2, zero, np.ones(1), np.zeros(1), np.eye(1, 4, dtype=complex)[0])
    surface = landscape(circuit, hamiltonians.tfim(2))
    assert slices.relaxed(surface, [0.0], [1.0]).barrier == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ((np.zeros(2), np.zeros(2)), {}, "first and second must differ"),
        ((np.zeros(2), np.ones(3)), {}, r"second must be 2 finite angles.*\(3,\)"),
        ((np.zeros(2), np.ones(2)), {"rounds": 7}, "rounds must be an integer of at most 6"),
        ((np.zeros(2), np.ones(2)), {"steps": 2}, "steps must be an integer of at least 3"),
    ],
)
def test_wrong_paths(given, options, message):
    with pytest.raises(ValueError, match=message):
        slices.relaxed(two_turns(0.5), *given, **options)
