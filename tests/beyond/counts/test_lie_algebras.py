"""Lie algebras of circuits, against commutators of matrices."""

from __future__ import annotations

import dense
import numpy as np
import pytest

from qgmutils.beyond.counts import lie_algebras
from qgmutils.circuits import HamiltonianVariational
from qgmutils.circuits.circuit import Circuit


def matrix(element: lie_algebras.Element, n: int) -> np.ndarray:
    """sum_w a_w i P_w, with wire 0 on the most significant bit."""
    found = np.zeros((2**n, 2**n), dtype=complex)
    for (x, z), weight in element.items():
        bits = [(x >> n - 1 - wire & 1, z >> n - 1 - wire & 1) for wire in range(n)]
        found += (
            1j
            * weight
            * dense.pauli("".join({(0, 0): "I", (1, 0): "X", (1, 1): "Y", (0, 1): "Z"}[b] for b in bits))
        )
    return found


def closure(matrices: list[np.ndarray]) -> int:
    """Dimension by commuting everything with everything until nothing is new."""
    found: list[np.ndarray] = []

    def rank(some: list[np.ndarray]) -> int:
        rows = np.array([np.concatenate([m.real.ravel(), m.imag.ravel()]) for m in some])
        return int(np.linalg.matrix_rank(rows, tol=1e-9))

    new = matrices
    while new:
        fresh = []
        for each in new:
            size = np.linalg.norm(each)
            if size > 1e-9 and rank([*found, each / size]) > len(found):
                found.append(each / size)
                fresh.append(each / size)
        new = [a @ b - b @ a for a in fresh for b in found]
    return len(found)


def test_commutators_are_those_of_matrices(rng: np.random.Generator) -> None:
    n = 3
    for _ in range(20):
        one, other = (
            {tuple(map(int, rng.integers(0, 2**n, 2))): float(rng.normal()) for _ in range(4)}
            for _ in range(2)
        )
        a, b = matrix(one, n), matrix(other, n)
        np.testing.assert_allclose(matrix(lie_algebras.commutator(one, other), n), a @ b - b @ a, atol=1e-12)


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (3, {}),
        (4, {}),
        (4, {"periodic": True}),
        (4, {"model": "xxz"}),
        (4, {"model": "xxz", "periodic": True}),
    ],
)
def test_dimension_is_that_of_the_closure_of_matrices(n: int, options: dict) -> None:
    circuit = HamiltonianVariational(n, 4, **options).build(np.random.default_rng(0))
    elements = lie_algebras.generators(circuit)
    assert lie_algebras.dimension(elements) == closure([matrix(element, n) for element in elements])


def test_published_dimensions_of_the_ising_ansatz() -> None:
    # Larocca et al., arXiv:2109.11676: n^2 of the open chain, 3n - 1 of the ring.
    for n in (4, 5, 6, 8):
        for periodic, size in ((False, n**2), (True, 3 * n - 1)):
            circuit = HamiltonianVariational(n, 2, periodic=periodic).build(np.random.default_rng(0))
            assert lie_algebras.dimension(lie_algebras.generators(circuit)) == size


def test_known_algebras() -> None:
    x, z, zz = {(1, 0): 1.0}, {(0, 1): 2.0}, {(0, 3): 1.0}
    assert lie_algebras.dimension([x]) == 1
    assert lie_algebras.dimension([x, z]) == 3  # su(2)
    single = [{(bit, 0): 1.0} for bit in (1, 2)] + [{(0, bit): 1.0} for bit in (1, 2)]
    assert lie_algebras.dimension(single) == 6  # su(2) twice
    assert lie_algebras.dimension([*single, zz]) == 15  # su(4)


def test_what_generates_no_algebra() -> None:
    ones, zeros = np.ones(2), np.zeros(2)
    both = Circuit(1, 1, np.array([1, 0]), np.array([0, 1]), np.zeros(2, int), ones, zeros, np.eye(2)[0])
    with pytest.raises(ValueError, match="the words of angle 0 do not commute"):
        lie_algebras.generators(both)
    shifted = Circuit(1, 2, np.array([1, 0]), np.array([0, 1]), np.arange(2), ones, ones, np.eye(2)[0])
    with pytest.raises(ValueError, match="offsets"):
        lie_algebras.generators(shifted)
    for wrong in ([], [{}], [{(1, 0): 0.0}]):
        with pytest.raises(ValueError, match="at least one generator"):
            lie_algebras.dimension(wrong)
    with pytest.raises(ValueError, match="more than 2 dimensions"):
        lie_algebras.dimension([{(1, 0): 1.0}, {(0, 1): 1.0}], most=2)
