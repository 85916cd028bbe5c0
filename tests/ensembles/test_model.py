import dataclasses

import numpy as np
import pytest

from qgmutils.circuits.randomised import Randomised, random_circuit
from qgmutils.ensembles.model import Model, circuit_stream
from qgmutils.losses import hamiltonians
from qgmutils.losses.hamiltonians import Hamiltonian


def test_streams_do_not_depend_on_order(rng):
    seed = int(rng.integers(2**31))
    numbers = {c: circuit_stream(seed, 4, 8, c).random(4) for c in range(20)}
    for c in rng.permutation(20):
        np.testing.assert_array_equal(circuit_stream(seed, 4, 8, c).random(4), numbers[c])


def test_streams_differ():
    # Every argument matters, and shifting a number from one to the next does not repeat a stream.
    first = [
        circuit_stream(seed, n, p, c).integers(2**63)
        for seed in (0, 1, 2022)
        for n in (1, 2, 12)
        for p in (1, 2, 12)
        for c in (0, 1, 2, 12)
    ]
    assert len(set(first)) == len(first)


def test_a_model_draws_its_circuit_and_has_its_loss(rng):
    model = Model(Randomised(3, 5), Hamiltonian("projector", 3, (("rank", 2),), seed=4))
    assert (model.n_qubits, model.n_params) == (3, 5)
    assert model == Model(Randomised(3, 5), Hamiltonian("projector", 3, (("rank", 2),), seed=4))
    assert hash(model) == hash(dataclasses.replace(model))
    surface = model.landscape(np.random.default_rng(1))
    circuit = random_circuit(3, 5, rng=np.random.default_rng(1))
    assert surface.circuit.words() == circuit.words()
    np.testing.assert_array_equal(surface.loss.matrix, hamiltonians.projector(3, rank=2, seed=4).matrix)
    assert model.with_params(9).circuit == Randomised(3, 9)


def test_what_is_made_already_stands_for_its_recipe(rng):
    circuit, loss = random_circuit(3, 5, rng=rng), hamiltonians.tfim(3)
    model = Model(circuit, loss)
    assert model.landscape(rng).circuit is circuit
    assert model.landscape(rng).loss is loss
    with pytest.raises(ValueError, match="single circuit cannot have another number of angles"):
        model.with_params(6)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((Randomised(3, 5), Hamiltonian("tfim", 4)), "the circuit has 3 qubits, the loss 4"),
        (("random", Hamiltonian("tfim", 4)), "circuit must be a recipe of qgmutils.circuits, got str"),
        ((Randomised(3, 5), np.eye(8)), "loss must be a recipe of qgmutils.losses, got ndarray"),
    ],
)
def test_what_is_no_model_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Model(*parts)


def test_seeds_are_checked():
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got None"):
        circuit_stream(None, 2, 2, 0)
