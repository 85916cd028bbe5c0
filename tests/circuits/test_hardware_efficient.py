import dense
import numpy as np
import pennylane as qml
import pytest

from qgmutils import circuits
from qgmutils.circuits import HardwareEfficient, hardware_efficient

CHAIN = {2: [(0, 1)], 3: [(0, 1), (1, 2)], 4: [(0, 1), (1, 2), (2, 3)]}
RING = {2: [(0, 1)], 3: [(0, 1), (1, 2), (2, 0)], 4: [(0, 1), (1, 2), (2, 3), (3, 0)]}
EVEN = {2: [(0, 1)], 3: [(0, 1)], 4: [(0, 1), (2, 3)]}
ODD = {2: [(1, 0)], 3: [(1, 2)], 4: [(1, 2), (3, 0)]}
LAYERS = {"chain": [CHAIN], "ring": [RING], "bricks": [EVEN, ODD]}


def word(x, z, n):
    letters = {(0, 0): "I", (1, 0): "X", (1, 1): "Y", (0, 1): "Z"}
    return "".join(letters[int(x) >> b & 1, int(z) >> b & 1] for b in range(n - 1, -1, -1))


def cz_matrix(pairs, n):
    """Kronecker products: CZ = (1 + Z_a + Z_b - Z_a Z_b) / 2."""
    matrix = np.eye(2**n, dtype=complex)
    for pair in pairs:
        one, two = (dense.pauli("".join("Z" if k == wire else "I" for k in range(n))) for wire in pair)
        matrix = (np.eye(2**n) + one + two - one @ two) / 2 @ matrix
    return matrix


@pytest.mark.parametrize("n", [2, 3, 4])
def test_words_behind_cz_gates(n, rng):
    pairs = [tuple(rng.choice(n, 2, replace=False)) for _ in range(rng.integers(1, 6))]
    x, z = rng.integers(0, 2**n, (2, 30))
    new, sign = hardware_efficient.conjugate_by_cz(x, z, pairs, n)
    gate = cz_matrix(pairs, n)
    for k in range(30):
        expected = gate @ dense.pauli(word(x[k], z[k], n)) @ gate.conj().T
        np.testing.assert_array_equal(sign[k] * dense.pauli(word(x[k], new[k], n)), expected)
    state = circuits.haar_state(2**n, rng)
    np.testing.assert_allclose(hardware_efficient.cz_layer(state, pairs, n), gate @ state, atol=1e-15)


def drawn(recipe, reference, theta):
    """State of the circuit as it is drawn, with CZ gates, by PennyLane."""
    n = recipe.n_qubits

    @qml.qnode(qml.device("default.qubit", wires=n))
    def state():
        qml.StatePrep(reference, wires=range(n))
        layers, size = LAYERS[recipe.entangler], n * len(recipe.rotations)
        for i, angle in enumerate(theta):
            layer, at = divmod(i, size)
            if layer and at == 0:
                for pair in layers[(layer - 1) % len(layers)][n]:
                    qml.CZ(wires=pair)
            (qml.RY if recipe.rotations[at // n] == "Y" else qml.RZ)(2 * angle, wires=at % n)
        return qml.state()

    return np.asarray(state())


@pytest.mark.parametrize("entangler", hardware_efficient.ENTANGLERS)
@pytest.mark.parametrize("rotations", hardware_efficient.ROTATIONS)
@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("reference_state", ["haar", "zero"])
def test_pushed_circuit_is_the_drawn_one(rotations, entangler, n, reference_state, rng):
    n_params, stream = int(rng.integers(1, 8 * n)), int(rng.integers(2**31))
    recipe = HardwareEfficient(
        n, n_params, rotations=rotations, entangler=entangler, reference_state=reference_state
    )
    circuit = recipe.build(np.random.default_rng(stream))
    reference = circuits.reference(reference_state, n, np.random.default_rng(stream))
    if rotations == "Y":
        reference = reference.real / np.linalg.norm(reference.real)
    theta = rng.uniform(0, 2 * np.pi, n_params)
    state = dense.state(circuit, theta)
    # Equal with its phase: nothing is lost in pushing. Rounding of up to 8n gates.
    np.testing.assert_allclose(state, drawn(recipe, reference, theta), atol=1e-13)
    assert recipe.is_real == (rotations == "Y")
    if recipe.is_real:
        np.testing.assert_allclose(state.imag, 0, atol=1e-14)
