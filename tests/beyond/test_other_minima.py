import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond import other_minima
from qgmutils.beyond.theories import Prediction
from qgmutils.field.counting import MinimaDensity
from qgmutils.losses import hamiltonians


def starts(ansatz, state, p, losses):
    case = {"ansatz": ansatz, "reference_state": state, "hamiltonian": "tfim", "n_qubits": 4, "n_params": p}
    return pd.DataFrame({**case, "loss": losses})


def test_ratios_are_those_of_means_on_the_same_reference_state(rng):
    samples = {(a, s): rng.gamma(8, 0.05, 40) for a in ("randomised", "brickwork") for s in ("haar", "zero")}
    minima = [starts(a, s, 8, sample) for (a, s), sample in samples.items()]
    solved = [starts(a, "haar", 32, np.full(3, 1e-12)) for a in ("randomised", "brickwork")]
    table = other_minima.mean_ratios(pd.concat(minima + solved))
    assert (table["n_params"] == 8).all()  # where random words are solved there is nothing to compare with
    assert len(table) == 4
    for state in ("haar", "zero"):
        row = table[(table["ansatz"] == "brickwork") & (table["reference_state"] == state)].iloc[0]
        x, y = samples["brickwork", state], samples["randomised", state]
        assert row["ratio"] == pytest.approx(x.mean() / y.mean())
        assert row["starts"] == 40
        # The error of a ratio by the bootstrap: 2000 resamples know it to 2 %, to first order it is good to 1 %.
        drawn = [rng.choice(x, 40).mean() / rng.choice(y, 40).mean() for _ in range(2000)]
        assert row["ratio_error"] == pytest.approx(np.std(drawn), rel=0.15)


def test_theories_are_those_of_all_minima(monkeypatch):
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    monkeypatch.setenv("QGMUTILS_WORKERS", "1")
    ring = hamiltonians.tfim(3)
    # The eight levels of the ring have 2m = 40.
    found = other_minima.theories_of_minima(ring, [2, 60], n_samples=200, seed=5)
    assert set(found) == {(theory, p) for theory in other_minima.THEORIES for p in (2, 60)}
    assert [found[theory, 60].mean for theory in other_minima.THEORIES] == [0, 0]
    density = MinimaDensity(2, float(ring.degrees_of_freedom), 200, 5).run()
    mean = np.trapezoid(density["density"] * density["energy"], density["energy"])
    # Two rules on one set of nodes: they differ by the ends of the density.
    assert found["field, m", 2].mean == pytest.approx(mean, rel=0.01)


def test_ratios_to_theories_have_both_errors():
    means = pd.DataFrame(
        [("brickwork", "haar", "tfim", 4, p, loss, 0.03, 50) for p, loss in ((8, 0.6), (16, 0.2))],
        columns=[
            "ansatz",
            "reference_state",
            "hamiltonian",
            "n_qubits",
            "n_params",
            "loss",
            "error",
            "starts",
        ],
    )
    at = np.array([0.2, 0.4])
    theories = {("field, m", 8): Prediction(at, np.array([0.5, 0.5]), 0.02)}
    (row,) = other_minima.theory_ratios(means, theories).to_dict("records")
    assert (row["theory"], row["n_params"], row["starts"]) == ("field, m", 8, 50)
    assert row["ratio"] == pytest.approx(2.0)
    assert row["ratio_error"] == pytest.approx(2.0 * np.hypot(0.03 / 0.6, 0.02 / 0.3))
