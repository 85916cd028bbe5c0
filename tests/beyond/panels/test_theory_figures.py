"""Figures of theories draw what their tables hold, readably."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond import theories
from qgmutils.beyond.panels import theories as panels
from qgmutils.report import figures


@pytest.fixture(autouse=True)
def style():
    figures.use_style()
    yield
    plt.close("all")


def scores(names, ratio=1.2):
    """Two sizes and Hamiltonians, two counts each; every theory has the ratio, the first one a missing case."""
    cases = [(h, n, p) for n in (3, 4) for h in ("tfim", "projector 1/8") for p in (2**n // 4, 2**n)]
    table = pd.DataFrame(
        [(*case, name) for case in cases for name in names], columns=[*theories.CASE, "theory"]
    )
    table = table.assign(found=0.4, ratio=ratio, ratio_stderr=0.1, wasserstein=0.3)
    table.loc[0, "ratio"] = np.nan
    return table


@pytest.fixture
def enumerated():
    rows = [("gue", 4, p, kind) for p in (3, 4) for kind in ("pauli", "haar")]
    table = pd.DataFrame(rows, columns=[*theories.CASE, "generators"])
    return table.assign(
        ratio_mean=[1.01, 1.02, 1.03, 1.04], ratio_minima=0.9, ratio_mean_stderr=0.01, ratio_minima_stderr=0.1
    )


def bars(ax):
    """Data of lines with error bars, by label."""
    return {c.get_label(): c.lines[0].get_xydata() for c in ax.containers}


def test_finite_dimension_has_every_ratio(enumerated):
    table = scores(["finite dimension"])
    table.loc[table["hamiltonian"] == "projector 1/8", "ratio"] = 0.0
    fig = panels.finite_dimension(enumerated, table)
    mean, number, *trained = fig.axes
    found = bars(mean)
    assert found["Pauli words"][:, 0].tolist() == [1.01, 1.03]
    assert found["Haar-random reflections"][:, 0].tolist() == [1.02, 1.04]
    assert [text.get_text() for text in mean.get_yticklabels()] == ["GUE, n = 4, p = 3", "GUE, n = 4, p = 4"]
    assert bars(number)["Pauli words"][:, 0].tolist() == [0.9, 0.9]
    assert [ax.get_title() or ax.get_title("left") for ax in trained] == ["n = 3", "n = 4"]
    np.testing.assert_allclose(bars(trained[1])["TFIM ring"], [[0.25, 1.2], [1, 1.2]])
    lower = trained[1].get_ylim()[0]
    np.testing.assert_allclose(bars(trained[1])["projector 1/8"], [[0.25, lower], [1, lower]])
    assert figures.faults(fig) == []


def test_every_theory_has_its_median_and_the_closest_one_its_mark():
    table = scores(theories.THEORIES)
    table.loc[table["hamiltonian"] == "tfim", "ratio"] *= 2
    table.loc[table["theory"] == "companion", "wasserstein"] = 0.1
    table.loc[(table["hamiltonian"] == "tfim") & (table["n_params"] == 16), "found"] = 1e-5
    fig = panels.every_theory(table)
    upper, lower = np.reshape(fig.axes, (2, 2))[:, 1]
    lines = {line.get_label(): line.get_xydata() for line in upper.lines}
    for theory in theories.THEORIES:
        np.testing.assert_allclose(lines[theory], [[0.25, 1.8], [1, 1.8]])
    marks = {line.get_label(): line.get_xydata().tolist() for line in lower.lines}
    assert marks == {"companion": [[0.25, 0], [0.25, 1], [1, 1]], theories.GROUND_STATE: [[1, 0]]}
    names = fig.axes[2].get_yticklabels()
    assert [text.get_text() for text in names] == ["TFIM ring", "projector 1/8"]
    assert figures.faults(fig) == []
