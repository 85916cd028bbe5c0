"""What the panels of notebook 05 show for tables that are known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.field.kac_rice import complexity
from qgmutils.report import figures
from qgmutils.report.panels import field_counts


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = figures.page(height=4)
    yield ax
    assert figures.faults(fig) == []
    plt.close(fig)


def test_numbers_of_every_size_are_drawn(ax):
    counts = pd.DataFrame({"p": [2, 2, 2, 1, 1], "m": [3.5] * 3 + [2.0] * 2, "index": [0, 1, 2, 0, 1],
                           "fields": [20] * 3 + [7] * 2, "kac_rice": [1.0, 3.0, 2.0, 1.5, 1.5],
                           "enumerated": [1.1, 2.9, 1.8, 1.4, 1.6], "enumerated_stderr": 0.1})  # fmt: skip
    field_counts.numbers(ax, counts)
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["p = 2, m = 3.5: 20 fields", "p = 1, m = 2: 7 fields"]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [1, 3, 2])  # the line is the formula's
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[1][:, 1], [2.6, 3.2])


def test_a_density_of_the_limit_lies_on_it(ax):
    energy, gamma, p = np.array([0.15, 0.25, 0.4]), 0.1, 8
    height = complexity(gamma, energy[:2])
    density = pd.DataFrame({"gamma": gamma, "p": p, "threshold": 0.3367, "energy": energy,
                            "log_density": [*(p * (height + np.log(p) / 2)), np.nan],
                            "resolved": [True, True, False]})  # fmt: skip
    field_counts.complexities(ax, density)
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_allclose(lines["p = 8"].get_ydata()[:2], height)
    assert np.isnan(lines["p = 8"].get_ydata()[2])
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in crosses] == [[0.4]]


def test_means_stand_at_their_size_and_refused_ones_at_the_threshold(ax):
    minima = pd.DataFrame({"gamma": 0.1, "p": [4, 16, 64], "threshold": 0.3367, "count": [5.2, 2.3e6, np.nan],
                           "mean_energy": [0.5, 0.45, np.nan], "mean_energy_stderr": [0.01, 0.01, np.nan],
                           "resolved": [True, True, False]})  # fmt: skip
    field_counts.mean_energies(ax, minima)
    points = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(points, [[0.25, 0.45], [0.5, 0.5]])
    assert {"5", "$10^{6}$"} <= {text.get_text() for text in ax.texts}
    (cross,) = (line for line in ax.get_lines() if line.get_marker() == "x")
    np.testing.assert_allclose(cross.get_xydata(), [[0.125, 0.3367]])
