"""Tables of theories against enumerated and trained minima: the cases in them, and where a theory must be right."""

import numpy as np
import pandas as pd
import pytest
from qgmutils.circuits.randomised import Randomised
from statistical import agree

from qgmutils.beyond import theory_comparison
from qgmutils.beyond.finite_dimension.reflections import ReflectionModel
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.training import TrainTask
from qgmutils.losses.hamiltonians import Hamiltonian


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path))


def test_enumerated_reflections_have_the_exact_counts(rng):
    seed = int(rng.integers(2**31))
    table = theory_comparison.enumerated_minima(["tfim"], [3], {"3": 150}, n_samples=2048, seed=seed)
    assert table["generators"].tolist() == ["pauli", "haar"]
    exact = table[table["generators"] == "haar"].iloc[0]
    assert exact["complete"] > 0.95
    agree([exact["z_minima"], exact["z_mean"]], 0, 1, freedom=149)
    points = EnumerateTask(model=ReflectionModel(Hamiltonian("tfim", 3), 3), n_circuits=150, seed=seed).run()
    points = points[points["complete"] & (points["index"] == 0)]
    assert exact["mean"] == pytest.approx(points["loss"].mean(), abs=1e-12)


def test_every_case_of_trained_minima_has_every_theory(rng):
    seed = int(rng.integers(2**31))
    scores, minima, predicted = theory_comparison.trained_minima(
        ["gue", "projector 1/2"],
        {"3": [4, 14]},
        n_circuits=5,
        n_starts=2,
        density_limit={"3": 4},
        n_samples=512,
        seed=seed,
    )
    assert len(scores) == 2 * 2 * 6
    assert len(minima) == len(predicted) == 4
    model = Model(Randomised(3, 4), Hamiltonian("gue", 3, seed=seed))
    direct = TrainTask(model=model, n_circuits=5, n_starts=2, seed=seed).run()
    mine = scores[(scores["hamiltonian"] == "gue") & (scores["n_params"] == 4)]
    np.testing.assert_allclose(mine["found"], direct["loss"].mean(), rtol=1e-12)
    # At p = 14 = 2 (2^n - g) of GUE finite dimension needs no sampling: minima are ground states.
    solved = scores[(scores["n_params"] == 14) & (scores["theory"] == "finite dimension")]
    assert (solved["predicted"] == 0).all()


def test_the_closer_theory_is_found():
    rows = [(0.5, 0.6, 0.52), (0.5, 0.52, 0.4), (0.3, 0.6, 0.5), (0.2, np.nan, 0.3)]
    scores = pd.DataFrame(
        [
            {
                "hamiltonian": "h",
                "n_qubits": 4,
                "n_params": p,
                "theory": theory,
                "predicted": value,
                "found": found,
            }
            for p, (found, one, other) in enumerate(rows)
            for theory, value in (("one", one), ("other", other))
        ]
    )
    table = theory_comparison.closer_share(scores, "one", "other")
    assert table["n_params"].tolist() == [0, 1, 2]
    assert table["closer"].tolist() == [False, True, False]
    assert theory_comparison.closer_share(scores, "one", "other", differ_by=0.2)["n_params"].tolist() == [1]


def test_ratios_of_means_leave_out_theories_without_an_answer():
    columns = ["theory", "predicted", "predicted_stderr", "found", "found_stderr"]
    rows = [
        ("edge", 0.6, 0.03, 0.5, 0.02),
        ("edge", np.nan, np.nan, 0.5, 0.02),
        ("other", 1.0, 0.0, 0.5, 0.0),
    ]
    table = theory_comparison.mean_ratios(pd.DataFrame(rows, columns=columns), "edge")
    assert table["ratio"].tolist() == pytest.approx([1.2])
    assert table["ratio_error"].tolist() == pytest.approx([1.2 * np.hypot(0.03 / 0.6, 0.02 / 0.5)])
