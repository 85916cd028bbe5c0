import dense
import numpy as np
import pennylane as qml
import pytest

from qgmutils import circuits

EVEN = {2: [(0, 1)], 3: [(0, 1)], 4: [(0, 1), (2, 3)]}
ODD = {2: [(1, 0)], 3: [(1, 2)], 4: [(1, 2), (3, 0)]}


@pytest.mark.parametrize("n", [2, 3, 4])
def test_bricks_are_the_drawn_ones(n, rng):
    n_params, stream = int(rng.integers(1, 60)), int(rng.integers(2**31))
    reference = circuits.haar_state(2**n, np.random.default_rng(stream))
    theta = rng.uniform(0, 2 * np.pi, n_params)

    @qml.qnode(qml.device("default.qubit", wires=n))
    def state():
        qml.StatePrep(reference, wires=range(n))
        angles, layer = list(2 * theta), 0
        while angles:
            for pair in (EVEN, ODD)[layer % 2][n]:
                gates = [(gate, (wire,)) for wire in pair for gate in (qml.RZ, qml.RY, qml.RZ)]
                gates += [(gate, pair) for gate in (qml.IsingXX, qml.IsingYY, qml.IsingZZ)]
                for gate, wires in gates:
                    if angles:
                        gate(angles.pop(0), wires=wires)
            layer += 1
        return qml.state()

    circuit = circuits.Brickwork(n, n_params).build(np.random.default_rng(stream))
    np.testing.assert_allclose(dense.state(circuit, theta), np.asarray(state()), atol=1e-13)
