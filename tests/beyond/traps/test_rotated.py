"""Circuits with Haar-rotated generators against matrix exponentials, and their optima against the Poisson law."""

import numpy as np
import pytest
import scipy.linalg

from qgmutils.beyond.finite_dimension.reflections import random_reflections
from qgmutils.beyond.traps import rotated
from qgmutils.circuits import haar_state
from qgmutils.losses import hamiltonians


def test_energy_is_that_of_matrix_exponentials_and_the_gradient_its_slope(rng):
    dim, p = 6, 4
    levels, theta = rng.uniform(0, 2, dim), rng.uniform(0, np.pi, p)
    reflections, state = random_reflections(p, dim, rng), haar_state(dim, rng)
    psi = state
    for q, t in zip(reflections, theta):
        psi = scipy.linalg.expm(-1j * t * q) @ psi
    energy, gradient = rotated.energy_and_gradient(theta, reflections, state, levels)
    assert energy == pytest.approx(np.sum(levels * np.abs(psi) ** 2), abs=1e-12)
    for i in range(p):
        step = 1e-5 * (np.arange(p) == i)
        ends = [rotated.energy_and_gradient(theta + s * step, reflections, state, levels)[0] for s in (1, -1)]
        # Central differences: 1e-10 from the third derivative, 1e-11 from rounding.
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


def test_rows_do_not_depend_on_how_work_is_cut(rng):
    levels, seed = tuple(hamiltonians.tfim(2).levels), int(rng.integers(2**31))
    whole = rotated.RotatedSearchTask(levels, 2, 0, 3, 10, seed).run()
    last = rotated.RotatedSearchTask(levels, 2, 2, 1, 10, seed).run()
    assert whole.iloc[2].to_dict() == last.iloc[0].to_dict()
    assert (whole["own"] <= whole["mean"]).all()
    assert (whole["hits"] >= 1).all()
