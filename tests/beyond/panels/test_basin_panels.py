"""What the panels of notebook 10 show for tables that are known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.panels import basins
from qgmutils.report import figures


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = figures.page(height=3)
    yield ax
    assert figures.faults(fig) == []
    plt.close(fig)


def _minima():
    rows = {"circuit": [0, 0, 1, 1, 1], "loss": [0.2, 0.4, 0.3, 0.5, 0.7], "trained": [30, 10, 20, 20, 0]}
    return pd.DataFrame(rows).assign(hamiltonian="A", n_qubits=4, n_params=5)


def test_shares_are_in_units_of_an_equal_one(ax):
    law = pd.DataFrame({"hamiltonian": ["A", "A", "B"], "n_qubits": 4, "n_params": [4, 5, 5],
                        "slope": [-1.0, -4.0, -2.0], "slope_low": -6.0, "slope_high": -2.0})  # fmt: skip
    others = [_minima().assign(hamiltonian="B"), _minima().assign(n_qubits=5), _minima().assign(n_params=4)]
    basins.shares(ax, pd.concat([_minima(), *others]), law)
    found, none, line = ax.get_lines()
    np.testing.assert_allclose(
        found.get_xydata(), [[-0.1, 1.5], [0.1, 0.5], [-0.2, 1.5], [0, 1.5]], atol=1e-12
    )
    np.testing.assert_allclose(
        none.get_xydata(), [[0.2, 1 / 40]], atol=1e-12
    )  # a third of 1 of 40 starts, times 3
    x, y = line.get_data()
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(x), -4)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["5 minima of 2 circuits", "1 of them, no start", "slope −4.0 (−6.0 to −2.0)"]


def test_nothing_is_said_to_be_nothing(ax):
    basins.shares(ax, _minima().iloc[:0], pd.DataFrame())
    assert ax.texts[0].get_text() == basins.NO_DATA


def test_ratios_of_every_case_are_drawn(ax):
    weights = pd.DataFrame({"hamiltonian": ["A", "A", "B"], "n_qubits": 4, "n_params": [3, 4, 3],
                            "basin_ratio": [0.9, 0.8, 0.7], "basin_ratio_low": [0.8, 0.7, 0.6],
                            "basin_ratio_high": [0.95, 0.9, 0.8], "optimiser_ratio": [1.0, 0.5, 1.0]})  # fmt: skip
    basins.ratios(ax, weights)
    labels = ax.get_legend_handles_labels()[1]
    assert sorted(labels) == ["A, n = 4", "B, n = 4", "gradient flow instead of BFGS"]
    crosses = next(line for line in ax.get_lines() if line.get_marker() == "x")
    np.testing.assert_allclose(crosses.get_xydata(), [[3, 0.9], [4, 1.6]])


def test_the_gap_is_written_beside_its_point(ax):
    means = pd.DataFrame({"p_over_critical": [0.2, 0.7], "all": [0.5, 0.1], "all_error": 0.01,
                          "trained": [0.45, 0.05], "trained_error": 0.01, "gap": [0.1, 0.5]})  # fmt: skip
    basins.gap(ax, means)
    assert [text.get_text() for text in ax.texts] == ["−10%", "−50%"]


def test_limits_stand_left_of_zero(ax):
    trend = pd.DataFrame({"fraction": np.repeat([0.5, 1.0], 3), "n_qubits": [3, 4, 5] * 2, "error": 0.01,
                          "mean": [0.5, 0.4, 0.35, 0.2, 0.15, 0.12], "edge": [0.3] * 3 + [0.1] * 3})  # fmt: skip
    ends = pd.DataFrame(
        {"fraction": [0.5, 1.0], "estimate": [0.3, 0.1], "low": [0.2, 0.0], "high": [0.4, 0.2]}
    )
    basins.limits(ax, trend, ends)
    limits = [
        line.get_xydata()[0]
        for line in ax.get_lines()
        if line.get_xdata()[0] < 0 and line.get_mfc() == "none"
    ]
    assert [y for _, y in limits] == [0.3, 0.1]
    assert {"p = 0.5 N", "p = 1 N", "edge"} <= {text.get_text() for text in ax.texts}
