from collections import Counter

import dense
import numpy as np
import pytest
import scipy.stats
from statistical import alarm

from qgmutils import circuits
from qgmutils.inputs import MAX_QUBITS


@pytest.mark.parametrize("kind", circuits.REFERENCE_STATES)
@pytest.mark.parametrize("n_qubits", [1, 4])
def test_reference_states_are_normalised(kind, n_qubits, rng):
    state = circuits.reference(kind, n_qubits, rng)
    assert state.shape == (2**n_qubits,)
    assert state.dtype == np.complex128
    assert np.linalg.norm(state) == pytest.approx(1, abs=1e-14)


def test_zero_reference(rng):
    np.testing.assert_array_equal(circuits.reference("zero", 2, rng), [1, 0, 0, 0])


def test_haar_states(rng):
    dim = 8
    states = np.array([circuits.haar_state(dim, rng) for _ in range(8000)])
    direction = circuits.haar_state(dim, rng)  # the law must not prefer the basis
    for overlap in (states[:, 3], states @ direction.conj()):
        law = scipy.stats.beta(1, dim - 1)  # of |<e|psi>|^2
        assert scipy.stats.kstest(np.abs(overlap) ** 2, law.cdf).pvalue > alarm()
        phases = np.angle(overlap) / (2 * np.pi) + 0.5
        assert scipy.stats.kstest(phases, "uniform").pvalue > alarm()


def up_to_phase(state):
    first = state[np.flatnonzero(np.abs(state) > 1e-9)[0]]
    # Amplitudes are 0 or of modulus 2^(-k/2) and phase i^j; the rounding only makes equal states equal keys.
    return tuple(np.round(state * abs(first) / first, 6) + 0.0)


@pytest.mark.parametrize(("n_qubits", "number"), [(1, 6), (2, 60)])
def test_stabilizer_states_are_uniform(n_qubits, number, rng):
    # 2^n prod_{k=1..n} (2^k + 1) states: 6, 60, 1080 ...
    count = Counter(up_to_phase(circuits.stabilizer_state(n_qubits, rng)) for _ in range(160 * number))
    # The chance to miss one of them at 160 expected draws is number * e^-160.
    assert len(count) == number
    assert scipy.stats.chisquare(list(count.values())).pvalue > alarm()


def test_stabilizer_states_have_their_stabilizers(rng):
    words = [dense.pauli(a + b + c) for a in "IXYZ" for b in "IXYZ" for c in "IXYZ"]
    for _ in range(60):
        state = circuits.stabilizer_state(3, rng)
        expectations = np.array([(state.conj() @ word @ state).real for word in words])
        # Exactly 2^n words with +-1, all others 0: sums of 8 products of exact amplitudes.
        np.testing.assert_allclose(np.sort(np.abs(expectations)), [0] * 56 + [1] * 8, atol=1e-14)


def test_states_of_the_largest_size(rng):
    assert circuits.stabilizer_state(MAX_QUBITS, rng).shape == (2**MAX_QUBITS,)


def test_bad_stabilizer_size(rng):
    with pytest.raises(ValueError, match=r"n_qubits must be .* got 0"):
        circuits.stabilizer_state(0, rng)
