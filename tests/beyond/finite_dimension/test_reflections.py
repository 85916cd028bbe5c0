"""Hessians of circuits of random reflections: limits at large dimension, and the circuits themselves."""

import numpy as np
import pytest
from statistical import agree

from qgmutils import circuits
from qgmutils.beyond.finite_dimension import profiles, reflections
from qgmutils.losses import hamiltonians


def test_hessians_of_large_dimension_have_the_limiting_moments(rng):
    levels = hamiltonians.tfim(6).levels
    states, _ = profiles.sample_profiles(levels, 0.6, 1, rng)
    variance = states[0] @ (levels - 0.6) ** 2
    drawn = reflections.sample_critical_hessians(levels, np.repeat(states, 8000, axis=0), 2, rng)
    beside, diagonal = drawn[:, 0, 1], drawn[:, 0, 0]
    expected = (np.mean((levels - 0.6) ** 2) + variance) / 128
    # Corrections are of the order of 1/N.
    agree(np.mean(beside**2), expected, np.std(beside**2) / np.sqrt(8000), slack=4 / 64 * expected)
    agree(diagonal.mean(), 0.4, diagonal.std() / np.sqrt(8000), slack=4 / 64)
    assert reflections.gradient_log_density(64) == pytest.approx(0.5 * np.log(64 / np.pi), abs=2 / 64)


def test_reflections_are_traceless_involutions_and_their_energy_is_periodic(rng):
    dim, p = 2 * int(rng.integers(1, 5)), 3
    moves = reflections.random_reflections(p, dim, rng)
    # Rounding of a few times 1e-16 per sum of dim products.
    np.testing.assert_allclose(moves @ moves, np.broadcast_to(np.eye(dim), moves.shape), atol=1e-13)
    np.testing.assert_allclose(np.trace(moves, axis1=1, axis2=2), 0, atol=1e-13)
    levels, state = rng.uniform(0, 2, dim), circuits.haar_state(dim, rng)
    energy = reflections.reflection_energy(levels, moves, state)
    theta = rng.uniform(0, np.pi, (4, p))
    expected = []
    for angles in theta:
        psi = state
        for angle, q in zip(angles, moves, strict=True):
            values, vectors = np.linalg.eigh(q)
            psi = vectors @ (np.exp(-1j * angle * values) * (vectors.conj().T @ psi))
        expected.append(np.abs(psi) ** 2 @ levels)
    np.testing.assert_allclose(energy(theta), expected, atol=1e-12)
    np.testing.assert_allclose(energy(theta + np.pi), expected, atol=1e-12)
    with pytest.raises(ValueError, match="must be even"):
        reflections.random_reflections(1, 3, rng)
