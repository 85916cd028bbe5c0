import dataclasses

import dense
import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import pytest

from qgmutils import circuits
from qgmutils.circuits.circuit import require_pair
from qgmutils.losses import hamiltonians
from qgmutils.losses.loss import Loss


@dataclasses.dataclass(frozen=True)
class Constant(Loss):
    n_qubits: int
    name: str = "constant"


def circuit_of(words, n_params, rng):
    """Gates of these words on random angles, scales and offsets."""
    x, z = (
        [int("".join(str(int(letter in those)) for letter in word), 2) for word in words]
        for those in ("XY", "YZ")
    )
    n, q = len(words[0]), len(words)
    parts = np.arange(q) % n_params, rng.normal(size=q), rng.normal(size=q), circuits.haar_state(2**n, rng)
    return circuits.Circuit(n, n_params, x, z, *parts)


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
def test_qnode_is_the_circuit(device, rng):
    problem = hamiltonians.gue(3)
    circuit = circuit_of(["XIZ", "IYI", "III", "ZXY", "IIZ", "YZI"], 4, rng)
    theta = rng.uniform(0, np.pi, 4)
    qnode = circuits.to_qnode(circuit, problem, device=device)
    expected = dense.Landscape(circuit, problem, theta)
    # A few dozen 8 x 8 products of entries of order 1.
    assert float(qnode(theta)) == pytest.approx(expected.energy, abs=1e-12)
    gradient = qml.grad(qnode)(qml.numpy.array(theta, requires_grad=True))
    np.testing.assert_allclose(gradient, expected.gradient, atol=1e-12)


def test_drawing_shows_where_words_act(rng):
    circuit = circuit_of(["XIIZ", "IYII"], 2, rng)
    qnode = circuits.to_qnode(circuit, hamiltonians.tfim(4))
    lines = qml.draw(qnode, show_matrices=False)([0.1, 0.2]).splitlines()
    assert ["RXZ" in line for line in lines] == [True, False, False, True]
    assert ["RY" in line for line in lines] == [False, True, False, False]
    figure, _ = qml.draw_mpl(qnode)([0.1, 0.2])
    plt.close(figure)


@pytest.mark.parametrize(
    ("circuit", "loss", "message"),
    [
        (2, hamiltonians.tfim(3), "the circuit has 2 qubits, the loss 3"),
        (2, np.eye(4), r"loss must be a losses\.loss\.Loss, got ndarray; hamiltonians\.from_observable"),
        (None, hamiltonians.tfim(2), r"circuit must be a circuits\.Circuit, got NoneType"),
        (2, Constant(2), r"a QNode measures an Energy, got Constant; engine\.landscape takes any loss"),
    ],
)
def test_what_has_no_qnode(circuit, loss, message, rng):
    circuit = circuit and circuits.random_circuit(circuit, 1, rng=rng)
    with pytest.raises(ValueError, match=message):
        circuits.to_qnode(circuit, loss)


def test_any_loss_makes_a_pair(rng):
    require_pair(circuits.random_circuit(2, 1, rng=rng), Constant(2))


def test_unknown_device(rng):
    circuit = circuits.random_circuit(2, 1, rng=rng)
    with pytest.raises(ValueError, match=r"cannot create the device 'no\.such\.device': .*'default\.qubit'"):
        circuits.to_qnode(circuit, hamiltonians.tfim(2), device="no.such.device")
