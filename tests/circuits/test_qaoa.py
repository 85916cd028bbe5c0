import itertools

import dense
import numpy as np
import pytest
from scipy.linalg import expm

from qgmutils.circuits import Qaoa
from qgmutils.engine import landscape
from qgmutils.losses.max_cut import MaxCut

EDGES, WEIGHTS = ((0, 1), (2, 1), (0, 2), (2, 3)), (0.3, 1.1, 0.7, -0.5)


def word(letters, n):
    return dense.pauli("".join(letters.get(k, "I") for k in range(n)))


@pytest.mark.parametrize("weights", [(), WEIGHTS])
def test_states_are_those_of_the_exponentials(weights, rng):
    n, p = 4, 7
    cut = sum(w * word({a: "Z", b: "Z"}, n) for (a, b), w in zip(EDGES, weights or (1,) * 4))
    mixer = sum(word({k: "X"}, n) for k in range(n))
    state, theta = np.full(2**n, 2 ** (-n / 2)), rng.uniform(0, 2 * np.pi, p)
    for k, angle in enumerate(theta):
        state = expm(-1j * angle * (mixer if k % 2 else cut)) @ state
    circuit = Qaoa(n, p, edges=EDGES, weights=weights).build(rng)
    np.testing.assert_allclose(dense.state(circuit, theta), state, atol=1e-12)
    loss = MaxCut(n_qubits=n, edges=EDGES, weights=weights).build()
    found = landscape(circuit, loss).states([theta])[0]
    assert abs(np.vdot(found, state)) == pytest.approx(1, abs=1e-12)


def even_symmetric_dimension(n, edges):
    """Dimension of the states even under all flips and all automorphisms of an unweighted graph, by brute force."""
    known = {frozenset(edge) for edge in edges}
    orbits = {k: k for k in range(2**n)}
    bits = np.array(list(itertools.product((0, 1), repeat=n)))
    for order in itertools.permutations(range(n)):
        if {frozenset(order[v] for v in edge) for edge in known} == known:
            for row in bits:
                index = int("".join(map(str, row[list(order)])), 2)
                own = int("".join(map(str, row)), 2)
                for other in (index, 2**n - 1 - index):
                    low, high = sorted((orbits[own], orbits[other]))
                    orbits = {k: low if v == high else v for k, v in orbits.items()}
    return len(set(orbits.values()))


@pytest.mark.parametrize(
    ("n", "edges", "weights", "dimension"),
    [
        (3, ((0, 1), (1, 2), (0, 2)), (0.3, 1.1, 0.7), 4),
        (4, EDGES, WEIGHTS, 8),
        (4, ((0, 1), (0, 2), (0, 3)), (), 4),  # a star
        (4, ((0, 1), (0, 2), (1, 2), (2, 3)), (), 6),  # a triangle with a tail
    ],
)
def test_the_metrics_rank_is_the_dimension_of_the_states_with_all_symmetries(
    n, edges, weights, dimension, rng
):
    assert weights or even_symmetric_dimension(n, edges) == dimension
    p = 8 * dimension
    circuit = Qaoa(n, p, edges=edges, weights=weights).build(rng)
    surface = landscape(circuit, MaxCut(n_qubits=n, edges=edges, weights=weights).build())
    theta = rng.uniform(0, np.pi, (1, p))
    metric = surface.quantum_fisher(theta)[0]
    # Rounding leaves 1e-14.
    assert np.linalg.matrix_rank(metric, tol=1e-10, hermitian=True) == 2 * dimension - 2
    state = surface.states(theta)[0]
    np.testing.assert_allclose(word(dict.fromkeys(range(n), "X"), n) @ state, state, atol=1e-12)


@pytest.mark.parametrize(
    ("n", "edges", "eighths", "equations"),
    [
        (4, ((0, 1), (0, 2), (1, 2), (2, 3)), (5, 2, 4, 2, 1, 3), 8),
        (5, ((0, 1), (0, 2), (0, 3), (0, 4)), (6, 5, 4, 3), 8),
    ],
)
def test_equal_weights_have_zeros_with_fewer_angles_than_equations(n, edges, eighths, equations, rng):
    # Angles in units of pi/8; docs/symmetry_reduction.md, section 5.
    assert len(eighths) < equations
    circuit = Qaoa(n, len(eighths), edges=edges).build(rng)
    surface = landscape(circuit, MaxCut(n_qubits=n, edges=edges).build())
    assert surface.value(np.array([eighths]) * np.pi / 8)[0] < 1e-13


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_qubits": 1, "edges": ()}, "'QAOA' acts on neighbours; choose n_qubits >= 2, got 1"),
        ({"edges": ()}, "a graph needs edges"),
        ({"weights": (1.0, 2.0)}, "weights must be one number other than 0 for each of 1 edges"),
    ],
)
def test_what_is_no_graph(options, message):
    with pytest.raises(ValueError, match=message):
        Qaoa(**({"n_qubits": 3, "n_params": 2, "edges": ((0, 1),)} | options))
