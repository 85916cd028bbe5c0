import matplotlib
import numpy as np
import pytest

from qgmutils.circuits.randomised import Randomised
from qgmutils.ensembles import results
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.training import TrainTask
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.statistics.intervals import UndeterminedError

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path))
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")


def model(n_params):
    return Model(Randomised(2, n_params), Hamiltonian("tfim", 2))


def test_training_is_its_task_and_can_be_drawn():
    minima = results.train(model(4), starts=16, circuits=2, seed=5)
    task = TrainTask(model=model(4), n_circuits=2, n_starts=16, seed=5)
    np.testing.assert_array_equal(minima.table["loss"], task.run()["loss"])
    assert minima.solved.estimate == minima.table["solved"].mean()
    line = minima.plot().lines[0]
    assert line.get_ydata()[-1] == 1
    np.testing.assert_array_equal(line.get_xdata()[1:], np.sort(minima.table["loss"]))  # it begins at -inf
    assert "32 starts of 2 circuit(s) with p = 4" in repr(minima)


def test_a_critical_count_brackets_the_law():
    # 2 (2^n - g) = 6 with a single ground state of two qubits.
    found = results.critical_count(model(1), [2, 4, 5, 6, 7, 8, 12], circuits=24, seed=1)
    assert 4 < found.low <= found.estimate <= found.high < 10
    with pytest.raises(UndeterminedError, match="do not bracket 50 %"):
        results.critical_count(model(1), [1, 2], seed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: results.train("tfim"), "model must be a Model, got str"),
        (lambda: results.train(model(2), starts=0), "n_starts must be an integer of at least 1, got 0"),
        (
            lambda: results.critical_count(model(2), [0, 4]),
            "param_counts must be an integer of at least 1, got 0",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
