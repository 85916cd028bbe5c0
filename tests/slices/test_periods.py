from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qgmutils import slices
from qgmutils.circuits import Circuit, HamiltonianVariational, haar_state
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.unitary import UnitaryDistance

SCALES = {
    "one gate": [1.0],
    "a scale": [-2.5],
    "the same scale twice": [0.3, -0.3],
    "whole ratios": [1.0, 3.0],
    "fractions": [0.5, 0.75, 2.0],
    "thirds in floating point": [0.1, 0.3],
    "a gate that is off": [0.0, 2.0],
}


def shared(scales, rng, n_qubits=2):
    """A circuit whose first angle drives gates with these scales and offsets, among gates of a second one."""
    q = 2 * len(scales) + 1
    scale = np.ones(q)
    scale[1::2] = scales
    # No word comes twice: two gates of the same one could cancel.
    x, z = np.divmod(1 + rng.permutation(4**n_qubits - 1)[:q], 2**n_qubits)
    owner = np.where(np.arange(q) % 2, 0, 1)
    return Circuit(n_qubits, 2, x, z, owner, scale, rng.uniform(0, 1, q), haar_state(2**n_qubits, rng))


def smallest_shift(scales, *, signed):
    """By brute force: the first shift at which every gate is itself again, or all are up to a common sign.

    Steps are pi / 1200 of the first scale, as all ratios here are fractions of denominators that divide 1200.
    """
    scales = np.array(scales)[np.array(scales) != 0]
    for k in range(1, 100_000):
        turns = k / 1200 * scales / scales[0]  # half turns of the gates' angles
        whole = np.abs(turns - np.rint(turns)).max() < 1e-9
        if whole and not (signed and np.rint(turns).sum() % 2):
            return k / 1200 * np.pi / abs(scales[0])
    raise AssertionError(scales)


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("signed", [False, True], ids=["energy", "with phase"])
def test_periods_by_brute_force(scales, signed, rng):
    circuit = shared(scales, rng)
    loss = UnitaryDistance(np.eye(4)) if signed else hamiltonians.gue(2)
    surface = landscape(circuit, loss)
    period = slices.periods(surface)[0]
    assert period == pytest.approx(smallest_shift(scales, signed=signed), rel=1e-12)
    theta = rng.uniform(0, np.pi, (3, 2))
    value = surface.value(theta)
    for turns in (1, -2):
        np.testing.assert_allclose(
            surface.value(theta + np.array([turns * period, 0])), value, rtol=0, atol=1e-12
        )
    # Of the shorter shifts that are parts of it, none leaves the loss; a random circuit hardly has another symmetry.
    parts = [period / k for k in (2, 3, 5, 7)]
    assert all(np.abs(surface.value(theta + np.array([part, 0])) - value).max() > 1e-6 for part in parts)


def test_an_angle_without_gates_has_no_say(rng):
    circuit = dataclasses.replace(shared([2.0], rng), n_params=3)
    surface = landscape(circuit, hamiltonians.gue(2))
    assert slices.periods(surface)[2] == 0
    theta, other = rng.uniform(-9, 9, (2, 3))
    copy = slices.nearest_copy(surface, theta, other)
    assert copy[2] == theta[2]
    assert surface.value(copy[None])[0] == pytest.approx(surface.value(other[None])[0], abs=1e-12)


def test_scales_without_a_common_period_are_left_alone(rng):
    surface = landscape(shared([1.0, np.sqrt(2)], rng), hamiltonians.gue(2))
    assert slices.periods(surface)[0] == np.inf
    other = np.array([50.0, 50.0])
    copy = slices.nearest_copy(surface, np.zeros(2), other)
    assert copy[0] == 50
    assert abs(copy[1]) <= np.pi / 2


@pytest.mark.parametrize("phase", [False, True])
def test_a_copy_is_as_low_and_nearest(phase, rng):
    circuit = shared([0.5, 0.75], rng)
    loss = UnitaryDistance(np.eye(4)) if phase else hamiltonians.gue(2)
    surface = landscape(circuit, loss)
    theta, other = rng.uniform(-30, 30, (2, 2))
    copy = slices.nearest_copy(surface, theta, other)
    assert surface.value(copy[None])[0] == pytest.approx(surface.value(other[None])[0], abs=1e-11)
    period = slices.periods(surface)
    shifts = np.arange(-40, 41)[:, None] * period
    for k in range(2):
        assert abs(copy[k] - theta[k]) == pytest.approx(
            np.abs(other[k] + shifts[:, k] - theta[k]).min(), abs=1e-9
        )


def test_layers_of_a_hamiltonian_share_angles_of_one_scale():
    circuit = HamiltonianVariational(4, 5).build(np.random.default_rng(0))
    assert circuit.n_gates > circuit.n_params
    period = slices.periods(landscape(circuit, hamiltonians.tfim(4)))
    np.testing.assert_allclose(period, np.pi)
