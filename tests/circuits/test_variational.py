import dense
import numpy as np
import pytest
from scipy.linalg import expm

from qgmutils.circuits import HamiltonianVariational
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians


def coupling(letter, bonds, n):
    """Sum over the bonds of the letter on both ends."""
    return sum(dense.pauli("".join(letter if k in bond else "I" for k in range(n))) for bond in bonds)


def parts(model, n, periodic):
    """Matrices of the parts, and the state on which they act."""
    bonds = [(k, k + 1) for k in range(n - 1)] + [(n - 1, 0)] * (periodic and n > 2)
    if model == "tfim":
        field = sum(dense.pauli("".join("X" if k == wire else "I" for k in range(n))) for wire in range(n))
        return [coupling("Z", bonds, n), field], np.full(2**n, 2 ** (-n / 2))
    found = []
    for first in (0, 1):
        some = [bond for bond in bonds if bond[0] % 2 == first]
        if some:
            found += [coupling("X", some, n) + coupling("Y", some, n), coupling("Z", some, n)]
    neel = np.ones(1)
    for wire in range(n):
        neel = np.kron(neel, [[1, 0], [0, 1]][wire % 2])
    return found, neel


CASES = [
    (model, n, periodic)
    for model in ("tfim", "xxz")
    for n in (2, 3, 4)
    for periodic in (False, True)
    if not (model == "xxz" and periodic and n % 2)
]


@pytest.mark.parametrize(("model", "n", "periodic"), CASES)
def test_states_are_those_of_the_exponentials(model, n, periodic, rng):
    matrices, state = parts(model, n, periodic)
    p = 7
    theta = rng.uniform(0, 2 * np.pi, p)
    for k, angle in enumerate(theta):
        state = expm(-1j * angle * matrices[k % len(matrices)]) @ state
    circuit = HamiltonianVariational(n, p, model=model, periodic=periodic).build(rng)
    np.testing.assert_allclose(dense.state(circuit, theta), state, atol=1e-12)
    # With shared angles, by the engine: up to a phase.
    found = landscape(circuit, hamiltonians.tfim(n)).states([theta])[0]
    assert abs(np.vdot(found, state)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "periodic", "rank"),
    [(2, False, 2), (3, False, 4), (4, False, 8), (5, False, 12), (3, True, 2), (4, True, 4), (6, True, 6)],
)
def test_fisher_rank_of_the_ising_ansatz(n, periodic, rank, rng):
    # Free fermions in the even sector: n^2 / 2 of a chain, n of a ring, rounded down to even numbers.
    circuit = HamiltonianVariational(n, 4 * rank, periodic=periodic).build(rng)
    metric = landscape(circuit, hamiltonians.tfim(n)).quantum_fisher(rng.uniform(0, np.pi, (1, 4 * rank)))[0]
    values = np.linalg.eigvalsh(metric)
    # Rounding leaves 2e-14 of the largest; in 2000 draws the lowest other one was above 6e-3 of it.
    assert np.sum(values > 1e-10 * values[-1]) == rank


def test_states_keep_the_symmetries_of_the_chain(rng):
    n, p = 4, 12
    theta = rng.uniform(0, np.pi, (3, p))

    def states(**options):
        circuit = HamiltonianVariational(n, p, **options).build(rng)
        return landscape(circuit, hamiltonians.tfim(n)).states(theta)

    for periodic in (False, True):
        ising = states(periodic=periodic)
        np.testing.assert_allclose(ising @ dense.pauli("X" * n), ising, atol=1e-13)
        tensor = ising.reshape(3, *[2] * n)
        np.testing.assert_allclose(tensor.transpose(0, 4, 3, 2, 1), tensor, atol=1e-13)  # reflected
        moved = np.abs(tensor.transpose(0, 2, 3, 4, 1) - tensor).max()
        assert (moved < 1e-13) == periodic
    up = np.array([bin(k).count("1") for k in range(2**n)])
    for periodic in (False, True):
        assert np.abs(states(model="xxz", periodic=periodic)[:, up != n // 2]).max() < 1e-13


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_qubits": 1}, "'HVA tfim chain' acts on neighbours; choose n_qubits >= 2, got 1"),
        ({"model": "heisenberg"}, "unknown model 'heisenberg': choose one of tfim, xxz"),
        ({"model": "xxz", "periodic": True, "n_qubits": 3}, "need an even n_qubits, got 3; choose periodic=False"),
        ({"periodic": "no"}, "periodic must be True or False, got 'no'"),
    ],
)  # fmt: skip
def test_what_is_no_spin_chain(options, message):
    with pytest.raises(ValueError, match=message):
        HamiltonianVariational(**({"n_qubits": 4, "n_params": 3} | options))
