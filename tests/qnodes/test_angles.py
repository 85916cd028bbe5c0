import math

import numpy as np
import pennylane as qml
import pytest

import qgmutils as qgm
from qgmutils.qnodes.angles import affine


def found(angles, size, rng):
    return affine(angles, rng.uniform(-3, 3, size), rng)


def test_angles_of_one_number_each(rng):
    matrix, offset = found(lambda t: np.array([t[2], -0.5 * t[0] + 1, 0.7, t[2] / 3]), 4, rng)
    expected = np.zeros((4, 4))
    expected[[0, 1, 3], [2, 0, 2]] = 1, -0.5, 1 / 3
    np.testing.assert_allclose(matrix.toarray(), expected, atol=1e-12)
    np.testing.assert_allclose(offset, [0, 1, 0.7, 0], atol=1e-12)


def test_sums_and_differences(rng):
    rows = rng.integers(-2, 3, (5, 3)) / 2
    matrix, offset = found(lambda t: rows @ t + 0.1, 3, rng)
    np.testing.assert_allclose(matrix.toarray(), rows, atol=1e-12)
    np.testing.assert_allclose(offset, 0.1, atol=1e-12)


@pytest.mark.parametrize(
    "curve", [lambda t: t[0] * t[1], lambda t: np.sin(t[0]), lambda t: abs(t[1]), np.max]
)
def test_what_is_not_affine(curve, rng):
    assert found(lambda t: np.array([t[0], curve(t)]), 2, rng) is None


def test_curves_that_cannot_be_differentiated():
    @qml.qnode(qml.device("default.qubit", wires=1))
    def qnode(w):
        qml.RX(math.sin(w[0]), 0)
        return qml.expval(qml.Z(0))

    with pytest.raises(
        ValueError, match=r"which autograd cannot differentiate: .*; write them with pennylane\.numpy"
    ):
        qgm.from_qnode(qnode, np.array([0.3]))
