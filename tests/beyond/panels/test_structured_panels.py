"""Panels of spin chains and of unitary learning show the tables they are given, legibly."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.panels import spin_chains, unitary_learning
from qgmutils.report import figures


@pytest.fixture(autouse=True)
def style():
    figures.use_style()
    yield
    plt.close("all")


def test_figure_of_spin_chains() -> None:
    n, p = np.array([4, 4, 6, 6]), np.array([8, 16, 18, 36])
    head = {"chain": "Ising open", "n_qubits": n, "n_params": p}
    share = pd.DataFrame({**head, "share": [0.5, 1.0, 0.4, 1.0], "low": 0.3, "high": 1.0})
    counts = pd.DataFrame(
        {"chain": ["Ising open", "Ising open", "Ising ring"], "n_qubits": [4, 6, 4], "first": [8, 18, 4]}
    ).assign(p_c=[8.2, 18.5, 3.5], low=[8.0, 18.0, 3.1], high=[8.5, 19.0, 3.9], agnostic=[30, 126, 30])
    rates = pd.concat(
        pd.DataFrame({**head, "one": 1.0, "other": rate * 50, "rate": rate}) for rate in (1e-3, 1e-2)
    )
    minima = pd.DataFrame({**head, "softest": [1e-4, 1e-2, 1e-6, 1e-3]})
    fig = spin_chains.transition(share, counts, rates, pd.concat([minima, minima]))
    onsets, race, sizes, soft = fig.axes
    np.testing.assert_allclose(onsets.lines[0].get_xdata(), [0.5, 1.0])
    np.testing.assert_allclose(onsets.lines[0].get_ydata(), [0.5, 1.0])
    assert {"search", "Adam, rate 0.01", "Adam, rate 0.001", "n = 4", "n = 6"} == {
        text.get_text() for text in race.get_legend().get_texts()
    }
    assert sizes.get_yscale() == soft.get_yscale() == "log"
    assert figures.faults(fig) == []


def test_figure_of_unitary_learning(rng: np.random.Generator) -> None:
    p, loss = np.repeat([3, 4, 4, 8], 20), np.repeat([1.0, 1.0, 0.0, 0.0], 20)
    ends = pd.DataFrame({"dim": 2, "count": 4, "n_params": p, "offset": p - 4, "loss": loss})
    ends = ends.assign(solved=loss == 0, **{f"curvature_{i}": rng.uniform(0, 8, 80) for i in range(4)})
    steps = np.unique(np.round(10 ** np.arange(0, 2.8, 0.1)).astype(int))
    descents = pd.concat(
        pd.DataFrame(
            {"dim": 2, "n_params": p, "step": steps, "loss": steps**-1.2, "linear": steps**-1.5, "end": 0.0}
        )
        for p in (4, 5)
    )
    layers = pd.DataFrame({"n_qubits": 3, "phase": [True, True, False, False], "n_params": [62, 64] * 2})
    fig = unitary_learning.law(ends, descents, layers.assign(loss=[1.0, 0.0, 1.0, 0.0]))
    onsets, paths, edges, circuits = fig.axes
    np.testing.assert_allclose(onsets.lines[0].get_ydata(), [0, 0.5, 1])
    np.testing.assert_allclose(paths.lines[0].get_ydata(), steps**-1.2)
    np.testing.assert_allclose(edges.lines[0].get_ydata()[-1], 1)
    np.testing.assert_allclose(circuits.lines[0].get_xdata(), np.array([62, 64]) / 63)
    assert figures.faults(fig) == []
