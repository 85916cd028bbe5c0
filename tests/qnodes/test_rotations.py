import numpy as np
import pennylane as qml
import pytest

import qgmutils as qgm
from qgmutils.qnodes.rotations import rotations


def qnode(*gates, device="default.qubit", wires=2):
    """Gates, each a function of the angle, in front of a measurement."""

    @qml.qnode(qml.device(device, wires=wires))
    def circuit(w):
        qml.RX(w, 0)
        for gate in gates:
            gate(w)
        return qml.expval(qml.Z(0))

    return circuit


@pytest.mark.parametrize(
    ("gate", "device", "message"),
    [
        (
            lambda w: qml.measure(0),
            "default.qubit",
            r"MidMeasure\w* .* middle of the circuit, .* qml\.defer_meas",
        ),
        (
            lambda w: qml.cond(qml.measure(1), qml.RX)(w, 0),
            "default.qubit",
            r"replace it by controlled gates with",
        ),
        (
            lambda w: qml.DepolarizingChannel(0.1, 0),
            "default.mixed",
            r"DepolarizingChannel .* a channel, .* noise out",
        ),
        (lambda w: qml.AmplitudeDamping(0.1, 0), "default.mixed", r"AmplitudeDamping cannot be translated"),
        (
            lambda w: qml.TRX(w, 1),
            "default.qutrit",
            r"TRX .* an operation on qutrits; write the circuit for qubits",
        ),
        (
            lambda w: qml.exp(qml.X(0), 0.3),
            "default.qubit",
            r"Exp .* no decomposition of Exp; .* which are unitary",
        ),
        (
            lambda w: qml.sum(qml.X(0), qml.Z(1)),
            "default.qubit",
            r"Sum cannot be translated: .* which are unitary",
        ),
        (lambda w: qml.Projector([1], wires=0), "default.qubit", r"Projector\w* cannot be translated"),
        (lambda w: qml.Hermitian(np.diag([1, 2]), 0), "default.qubit", r"Hermitian .* which are unitary"),
        (
            lambda w: qml.QubitUnitary(np.diag([1, 1 + 1e-3]), 0),
            "default.qubit",
            r"QubitUnitary .* not unitary; embed it in one that is, as qml\.BlockEncode",
        ),
        (
            lambda w: qml.Rotation(w, 0),
            "default.gaussian",
            r"Rotation .* continuous variables; write the circuit for qubits",
        ),
        (
            lambda w: qml.RY(1j * w, 0),
            "default.qubit",
            r"RY cannot be translated: the angle .* no finite real number",
        ),
    ],
)
def test_what_is_no_unitary_of_qubits(gate, device, message):
    with pytest.raises(ValueError, match=message):
        qgm.from_qnode(qnode(gate, device=device), 0.3)


class Endless(qml.operation.Operation):
    num_wires = 1

    def decomposition(self):
        return [Endless(wires=self.wires)]


def test_decompositions_end():
    with pytest.raises(ValueError, match=r"Endless cannot be translated: its decomposition does not end"):
        qgm.from_qnode(qnode(lambda w: Endless(wires=0)), 0.3)


def test_too_many_wires_of_words_that_do_not_commute():
    star = qml.sum(qml.X(0), *(qml.Z(0) @ qml.Z(k) for k in range(1, 6)))
    with pytest.raises(ValueError, match=r"generator acts on 6 wires; split it with qml\.TrotterProduct"):
        qgm.from_qnode(qnode(lambda w: qml.evolve(star, w), wires=6), 0.3)


def test_words_and_angles():
    found = rotations([qml.IsingXX(0.8, ["b", "a"]), qml.GlobalPhase(0.3), qml.CZ("ab")], {"a": 0, "b": 1}, 2)
    first, *rest = found
    assert (first.x, first.z, first.angle, first.source) == (0b11, 0, pytest.approx(0.4), "IsingXX")
    # CZ = exp(i pi/4 (1 - Z)(1 - Z)): a phase, and three words.
    assert sorted((turn.x, turn.z) for turn in rest) == [(0, 1), (0, 2), (0, 3)]
    np.testing.assert_allclose([abs(turn.angle) for turn in rest], np.pi / 4)
