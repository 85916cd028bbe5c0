import dense
import numpy as np
import pytest
import scipy.stats

from qgmutils import circuits
from qgmutils.circuits.circuit import Circuit
from qgmutils.engine import landscape
from qgmutils.losses.blocks import Blocks
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.unitary import UnitaryDistance


@pytest.mark.parametrize("count", [1, 3, 4])
def test_states_side_by_side(count, rng):
    # Words without X on the sample's qubits: gates with another sign for every sample.
    n, more = 2, (count - 1).bit_length()
    words = rng.integers(0, 4, 6), rng.integers(0, 4 << more, 6), np.arange(6) % 3
    angles = rng.normal(size=6), rng.normal(size=6)
    inputs = np.array([circuits.haar_state(4, rng) for _ in range(count)])
    reference = np.zeros((1 << more, 4), complex)
    reference[:count] = inputs / np.sqrt(count)
    circuit = Circuit(n + more, 3, *words, *angles, reference.ravel())
    observable = dense.pauli("ZX") + dense.pauli("YI")
    inner = LeastSquares(inputs, observable, rng.normal(size=count))
    blocks = landscape(circuit, Blocks(inner))
    assert (blocks.loss.floor, blocks.loss.scale) == (0.0, inner.scale)
    theta = rng.normal(size=3)
    states, first, second = dense.derivatives(circuit, theta, circuit.reference)

    def parts(vectors):
        return np.sqrt(count) * vectors.reshape(*vectors.shape[:-1], -1, 4)[..., :count, :]

    psi, slopes, curved = parts(states), parts(first), parts(second)
    error = np.sum(psi.conj() * (psi @ observable.T), axis=1).real - inner.targets[:, 0]
    change = 2 * np.sum(slopes.conj() * (psi @ observable.T), axis=2).real
    bend = 2 * np.sum(curved.conj() * (psi @ observable.T), axis=3).real
    bend += 2 * np.einsum("imk,kl,jml->ijm", slopes.conj(), observable, slopes).real
    value, gradient = blocks.value_and_gradient(theta[None])
    np.testing.assert_allclose(value[0], np.mean(error**2), atol=1e-12)
    np.testing.assert_allclose(gradient[0], 2 * change @ error / count, atol=1e-12)
    expected = 2 * (change @ change.T + bend @ error) / count
    np.testing.assert_allclose(blocks.hessian(theta[None])[0], expected, atol=1e-11)


def test_needs_inputs(rng):
    with pytest.raises(ValueError, match=r"needs inputs, one for each block, got infidelity without"):
        Blocks(Fidelity(circuits.haar_state(4, rng)))
    assert Blocks(UnitaryDistance(scipy.stats.unitary_group.rvs(4, random_state=rng))).n_qubits == 4
