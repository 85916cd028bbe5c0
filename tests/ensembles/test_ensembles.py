import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from qgmutils import circuits
from qgmutils.engine import landscape
from qgmutils.ensembles import ensembles
from qgmutils.field.critical_points import CriticalPoints
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize

COLUMNS = [
    "n_qubits",
    "n_params",
    "gamma",
    "circuit",
    "start",
    "energy",
    "grad_norm",
    "hessian_min",
    "certified",
    "n_negative",
    "n_null",
    "iterations",
    "reason",
]


@pytest.fixture
def ensemble(rng):
    return {
        "hamiltonian": "projector",
        "hamiltonian_options": {"rank": 2, "basis": "haar"},
        "n_qubits": 3,
        "param_counts": [2, 5],
        "n_instances": 7,
        "n_starts": 3,
        "seed": int(rng.integers(2**31)),
    }


def table(tasks):
    whole = pd.concat([task.run() for task in tasks])
    return whole.sort_values(["n_params", "circuit", "start"]).reset_index(drop=True)


@pytest.mark.parametrize("reference_state", circuits.REFERENCE_STATES)
def test_tables_do_not_depend_on_how_work_is_cut(ensemble, reference_state, rng):
    ensemble["reference_state"] = reference_state
    whole = table(ensembles.minima_tasks(**ensemble))
    assert list(whole.columns) == COLUMNS
    assert len(whole) == 2 * 7 * 3
    assert not whole.duplicated(["n_params", "circuit", "start"]).any()
    for size in (1, 3, 7, 100):
        tasks = ensembles.minima_tasks(**ensemble, circuits_per_task=size)
        assert len(tasks) == 2 * -(-7 // size)
        pd.testing.assert_frame_equal(table([tasks[i] for i in rng.permutation(len(tasks))]), whole)
    # Nor on what else is computed: other sizes, more circuits.
    ensemble |= {"param_counts": [5], "n_instances": 9}
    again = table(ensembles.minima_tasks(**ensemble)).query("circuit < 7").reset_index(drop=True)
    pd.testing.assert_frame_equal(again, whole.query("n_params == 5").reset_index(drop=True))


def test_rows_are_what_minimize_found(ensemble):
    whole = table(ensembles.minima_tasks(**ensemble))
    problem = hamiltonians.projector(3, rank=2, seed=ensemble["seed"])
    assert np.all(whole.gamma == whole.n_params / (2 * problem.degrees_of_freedom))
    for (p, number), rows in whole.groupby(["n_params", "circuit"]):
        rng = ensembles.circuit_stream(ensemble["seed"], 3, p, number)
        circuit = circuits.random_circuit(3, p, rng=rng)
        found = minimize(landscape(circuit, problem), rng.uniform(0, np.pi, (3, p)))
        np.testing.assert_array_equal(rows.energy, found.loss)
        np.testing.assert_array_equal(rows.grad_norm, found.gradient_norm)
        np.testing.assert_array_equal(rows.certified, found.certified)
        np.testing.assert_array_equal(rows.reason, found.reason)


def test_costliest_tasks_come_first(ensemble):
    counts = [task.n_params for task in ensembles.minima_tasks(**ensemble, circuits_per_task=2)]
    assert counts == sorted(counts, reverse=True)


def test_tasks_are_plain_data(ensemble):
    task = ensembles.minima_tasks(**ensemble)[0]
    assert task.hamiltonian_options == (("basis", "haar"), ("rank", 2))
    json.dumps(dataclasses.asdict(task))
    assert task == ensembles.minima_tasks(**ensemble)[0]
    assert hash(task) == hash(ensembles.minima_tasks(**ensemble)[0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.seed = 1


def test_options_have_one_order():
    assert (
        ensembles.options_of({"b": 1, "a": 2})
        == ensembles.options_of({"a": 2, "b": 1})
        == (("a", 2), ("b", 1))
    )
    assert ensembles.options_of(None) == ensembles.options_of({}) == ()


def test_streams_do_not_depend_on_order(rng):
    seed = int(rng.integers(2**31))
    numbers = {c: ensembles.circuit_stream(seed, 4, 8, c).random(4) for c in range(20)}
    for c in rng.permutation(20):
        np.testing.assert_array_equal(ensembles.circuit_stream(seed, 4, 8, c).random(4), numbers[c])


def test_streams_differ():
    # Every argument matters, and shifting a number from one to the next does not repeat a stream.
    first = [
        ensembles.circuit_stream(seed, n, p, c).integers(2**63)
        for seed in (0, 1, 2022)
        for n in (1, 2, 12)
        for p in (1, 2, 12)
        for c in (0, 1, 2, 12)
    ]
    assert len(set(first)) == len(first)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_instances": 0}, "n_instances must be an integer of at least 1, got 0"),
        ({"n_instances": 2.5}, r"n_instances must be an integer of at least 1, got 2\.5"),
        ({"n_starts": -1}, "n_starts must be an integer of at least 1, got -1"),
        ({"n_starts": True}, "n_starts must be an integer of at least 1, got True"),
        ({"circuits_per_task": 0}, "circuits_per_task must be an integer of at least 1, got 0"),
        ({"circuits_per_task": -3}, "circuits_per_task must be an integer of at least 1, got -3"),
        ({"seed": None}, "seed must be an integer of at least 0, got None"),
        ({"seed": "1"}, "seed must be an integer of at least 0, got '1'"),
        ({"param_counts": 4}, "param_counts must be .* got 4"),
        ({"param_counts": []}, r"param_counts must be a non-empty list of integers >= 1, got \[\]"),
        ({"param_counts": [4, 0]}, r"param_counts must be .* got \[4, 0\]"),
        ({"param_counts": [2.5]}, r"param_counts must be .* got \[2\.5\]"),
        ({"reference_state": "bell"}, "unknown reference state 'bell': choose one of haar, clifford, zero"),
        ({"n_qubits": 0}, "n_qubits must be an integer from 1 to 13, got 0"),
        ({"n_qubits": 40}, r"n_qubits = 40: .* GiB"),
        ({"hamiltonian": "ising"}, "unknown Hamiltonian 'ising'"),
        ({"hamiltonian_options": {}}, "projector needs the option 'rank'"),
        ({"hamiltonian_options": {"rnak": 2}}, "projector has no option 'rnak'"),
    ],
)
def test_bad_ensembles(ensemble, changes, message):
    with pytest.raises(ValueError, match=message):
        ensembles.minima_tasks(**ensemble | changes)


def test_counts_may_be_arrays_and_occur_once(ensemble):
    tasks = ensembles.minima_tasks(**ensemble | {"param_counts": [8, 4]})
    for counts in (np.array([4, 8, 4]), (np.int8(8), 4, 8)):
        assert ensembles.minima_tasks(**ensemble | {"param_counts": counts}) == tasks


def test_a_circuit_without_isolated_points_counts_as_incomplete(monkeypatch):
    def none(polynomial, rng, **bounds):
        nothing = np.empty(0)
        return CriticalPoints(np.empty((0, 2)), nothing, nothing.astype(np.int64), False, 10)

    task = ensembles.CircuitEnumeration("tfim", (), 2, 2, "haar", 0, 3, 1)
    assert (task.run()["index"] >= 0).all()
    monkeypatch.setattr(ensembles, "critical_points", none)
    table = task.run()
    assert table["circuit"].tolist() == [0, 1, 2]
    assert not table["complete"].any()
    assert table["energy"].isna().all()
    assert (table["index"] == -1).all()
