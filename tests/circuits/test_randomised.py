import dataclasses
from collections import Counter

import numpy as np
import pytest
import scipy.stats
from statistical import alarm

from qgmutils import circuits


def test_random_circuit_layout(rng):
    circuit = circuits.random_circuit(3, 4, rng=rng, n_gates=10)
    assert (circuit.n_qubits, circuit.n_params, circuit.n_gates) == (3, 4, 10)
    np.testing.assert_array_equal(circuit.parameter, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    np.testing.assert_array_equal(circuit.scale, np.ones(10))
    np.testing.assert_array_equal(circuit.offset, np.zeros(10))
    assert circuits.random_circuit(3, 4, rng=rng).n_gates == 4
    assert circuits.random_circuit(np.int64(2), np.int64(1), rng=rng).n_gates == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        circuit.n_params = 5


def test_random_circuit_follows_its_generator():
    a, b, c = (circuits.random_circuit(3, 20, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert a.words() == b.words() != c.words()
    np.testing.assert_array_equal(a.reference, b.reference)


@pytest.mark.parametrize("n_qubits", [1, 2])
def test_words_are_uniform(n_qubits, rng):
    count = Counter(circuits.random_circuit(n_qubits, 50_000, rng=rng, reference_state="zero").words())
    assert "I" * n_qubits not in count
    assert len(count) == 4**n_qubits - 1
    assert scipy.stats.chisquare(list(count.values())).pvalue > alarm()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_qubits": 0}, "n_qubits must be an integer from 1 to 13, got 0"),
        ({"n_qubits": -2}, "n_qubits must be an integer from 1 to 13, got -2"),
        ({"n_qubits": 40}, r"n_qubits = 40: .* 1\.8e\+16 GiB"),
        ({"n_qubits": True}, "n_qubits must be .* got True"),
        ({"n_qubits": 2.5}, r"n_qubits must be .* got 2\.5"),
        ({"n_params": 0}, "n_params must be an integer of at least 1, got 0"),
        ({"n_params": -3}, "n_params must be an integer of at least 1, got -3"),
        ({"n_params": 2.5}, r"n_params must be an integer of at least 1, got 2\.5"),
        ({"n_params": True}, "n_params must be an integer of at least 1, got True"),
        ({"n_gates": 3}, "n_gates must be at least n_params = 4 .* got 3"),
        ({"n_gates": 4.5}, r"n_gates must be an integer .* got 4\.5"),
        ({"reference_state": "bell"}, "unknown reference state 'bell': choose one of haar, clifford, zero"),
    ],
)
def test_bad_random_circuits(changes, message, rng):
    with pytest.raises(ValueError, match=message):
        circuits.random_circuit(**({"n_qubits": 2, "n_params": 4, "rng": rng} | changes))
