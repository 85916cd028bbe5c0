"""What a point of the landscape is."""

from __future__ import annotations

import numpy as np
import pytest

from qgmutils.circuits import Randomised
from qgmutils.circuits.circuit import Circuit
from qgmutils.diagnosis.flatness import flatness
from qgmutils.diagnosis.point import look_at
from qgmutils.engine.landscape import landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.fidelity import Fidelity
from qgmutils.minimize import minimize


def one_qubit() -> Circuit:
    """RX then an angle that nothing depends on: the energy of Z is cos(2 theta_0)."""
    return Circuit(1, 2, [1, 1], [0, 0], [0, 0], [1.0, 0.0], [0.0, 0.0], np.array([1, 0]))


@pytest.mark.parametrize(
    ("angle", "kind", "index"),
    [(0.0, "a saddle of index 1", 1), (np.pi / 2, "a minimum", 0), (np.pi / 4, "a slope", 0)],
)
def test_energy_of_one_rotation(angle: float, kind: str, index: int) -> None:
    # Normalised, Z has the levels 0 and 2: E = 1 + cos(2 theta).
    surface = landscape(one_qubit(), hamiltonians.from_matrix(np.diag([1.0, -1.0])))
    point = look_at(surface, np.array([angle, 0.3]))
    assert (point.kind, point.index) == (kind, index)
    assert point.loss == pytest.approx(1 + np.cos(2 * angle), abs=1e-12)
    assert sorted(point.eigenvalues) == pytest.approx(sorted([0.0, -4 * np.cos(2 * angle)]), abs=1e-10)
    assert point.variance == pytest.approx(np.sin(2 * angle) ** 2, abs=1e-12)
    assert (point.n_null_directions, point.condition) == (1, pytest.approx(1.0))
    level = {0.0: (1, 2.0), np.pi / 2: (0, 0.0)}.get(angle)
    if level is not None:
        assert point.level == pytest.approx((*level, 1.0), abs=1e-10)
        assert point.natural_gain is None
    else:
        assert point.natural_gain == pytest.approx(1.0)
    assert (point.escape is None) == (index == 0)


def test_eigenstates_and_natural_gradients() -> None:
    rng = np.random.default_rng(1)
    surface = landscape(Randomised(3, 20).build(rng), hamiltonians.tfim(3))
    minima = minimize(surface, rng.uniform(0, np.pi, (4, 20)))
    point = look_at(surface, minima.theta[minima.solved][0])
    assert point.level is not None
    assert (point.kind, point.level[0]) == ("a minimum", 0)
    assert point.level[2] == pytest.approx(1.0)
    somewhere = look_at(surface, rng.uniform(0, np.pi, 20))
    assert somewhere.kind == "a slope"
    assert somewhere.natural_gain is not None
    assert somewhere.natural_gain >= 1
    state = np.eye(8)[0]
    assert look_at(landscape(Randomised(3, 5).build(rng), Fidelity(state)), np.ones(5)).level is None


def test_variance_of_random_states() -> None:
    """Deep circuits on Haar-random states have the mean of the 2-design, and a rotation that does nothing is flat."""
    rng = np.random.default_rng(2)
    values = [
        flatness(landscape(Randomised(3, 12).build(rng), hamiltonians.gue(3)), rng, n_points=32)
        for _ in range(60)
    ]
    found = np.array([value.variance.estimate for value in values])
    assert values[0].two_design is not None
    assert abs(found.mean() - values[0].two_design) < 5.5 * found.std(ddof=1) / np.sqrt(len(found))
    still = landscape(
        Circuit(1, 1, [0], [1], [0], [1.0], [0.0], np.array([1, 0])),
        hamiltonians.from_matrix(np.diag([1.0, -1])),
    )
    assert flatness(still, rng).plateau.estimate == 1.0
    assert flatness(landscape(Randomised(3, 5).build(rng), Fidelity(np.eye(8)[0])), rng).two_design is None
