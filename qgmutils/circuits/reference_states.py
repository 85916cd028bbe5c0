"""Reference states that circuits act on: Haar-random, random stabilizer states, |0...0>."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import require_choice, require_generator, require_integer, require_qubits

REFERENCE_STATES = ("haar", "clifford", "zero")


def haar_state(dim: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A Haar-random unit vector, complex, shape (dim,)."""
    dim, rng = require_integer(dim, "dim"), require_generator(rng)
    state = rng.standard_normal(dim) + 1j * rng.standard_normal(dim)
    return state / np.linalg.norm(state)


def stabilizer_state(n_qubits: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A uniformly random stabilizer state, shape (2^n,), up to a global phase.

    Every stabilizer state is sum_u i^(l.u) (-1)^(u Q u) |shift + u B> over u in {0,1}^k, for one affine
    subspace of dimension k and one choice of the linear part l and the quadratic form Q (Dehaene and De Moor
    2003; field). There are [n choose k]_2 2^(n-k) such subspaces and 2^(k + k(k+1)/2) phases for each, which
    fixes the probability of k; the rest is uniform.

    Raises
    ------
    ValueError
        If `n_qubits` is out of range or `rng` is no generator.
    """
    n, rng = require_qubits(n_qubits), require_generator(rng)
    weights = []
    for k in range(n + 1):
        subspaces = 1.0
        for i in range(k):
            subspaces *= (2.0 ** (n - i) - 1) / (2.0 ** (i + 1) - 1)
        weights.append(subspaces * 2.0 ** (n - k) * 2.0 ** (k + k * (k + 1) / 2))
    k = int(rng.choice(n + 1, p=np.array(weights) / sum(weights)))
    basis: list[int] = []
    span = {0}
    while len(basis) < k:  # uniform over ordered bases, hence over subspaces
        vector = int(rng.integers(1, 2**n))
        if vector not in span:
            basis.append(vector)
            span |= {s ^ vector for s in span}
    shift = int(rng.integers(2**n))
    linear = rng.integers(0, 2, k)
    quadratic = np.triu(rng.integers(0, 2, (k, k)))
    state = np.zeros(2**n, dtype=np.complex128)
    for bits in range(2**k):
        u = np.array([bits >> j & 1 for j in range(k)], dtype=int)
        index = shift
        for j in range(k):
            index ^= basis[j] if u[j] else 0
        state[index] = 1j ** int(linear @ u % 4) * (-1.0) ** int(u @ quadratic @ u)
    return state / np.sqrt(2.0**k)


def reference(kind: str, n_qubits: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """The reference state of that name, complex, shape (2^n,).

    Parameters
    ----------
    kind : {"haar", "clifford", "zero"}
        Haar-random state, uniformly random stabilizer state, or |0...0>.
    n_qubits : int
        1 to `MAX_QUBITS`.
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        For any other name, if `n_qubits` is out of range or `rng` is no generator.
    """
    dim = 2 ** require_qubits(n_qubits)
    rng, kind = require_generator(rng), require_choice(kind, "reference state", REFERENCE_STATES)
    if kind == "haar":
        return haar_state(dim, rng)
    if kind == "clifford":
        return stabilizer_state(n_qubits, rng)
    return np.eye(1, dim, dtype=np.complex128)[0]
