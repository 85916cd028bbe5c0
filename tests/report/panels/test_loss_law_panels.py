"""Panels of losses at random angles: what they show of known tables."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.report import figures
from qgmutils.report.panels import loss_laws as panels

LABELS = {"model": ["main", "contrast"], "hamiltonian": ["rank-4 projector", "TFIM ring"]}


@pytest.fixture(autouse=True)
def plain_matplotlib():
    with mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield
    plt.close("all")


def models(columns):
    """The same rows for each of two models."""
    names = pd.DataFrame(LABELS | {"n_qubits": 6, "n_params": 16, "m": [4.25, 99.0]})
    return names.merge(pd.DataFrame(columns), how="cross")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_distribution_shows_histograms_and_lines():
    table = models({"left": [-1.0, 0.0], "right": [0.0, 1.0], "density": [0.6, 0.4], "field": [0.5, 0.5]})
    fig, ax = figures.page(height=2.5)
    panels.distribution(ax, table.assign(samples=1200))
    assert legend(ax) == ["rank-4 projector\n$m$ = 4.2", "TFIM ring\n$m$ = 99.0"]
    assert "1,200 losses each" in ax.get_legend().get_title().get_text()
    assert len(ax.patches) == 2
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.5, 0.5]] * 2
    assert not figures.faults(fig)


def test_third_moment_shows_both_and_what_is_exact():
    table = models({"skewness": [0.9, 1.0], "slope": [0.8, 0.9], "slope_exact": [0.85, 0.95]})
    table["n_qubits"] = [4, 6] * 2
    _, ax = figures.page(height=2.5)
    panels.third_moment(ax, table.assign(skewness_se=0.05, slope_se=0.02))
    assert [text.get_text() for text in ax.texts] == [*LABELS["hamiltonian"], "random field"]
    assert len(ax.containers) == 4
    assert [float(tick) for tick in ax.get_xticks()] == [4, 6]
    bars = ax.containers[0][2][0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[0.8, 1.0], [0.9, 1.1]])  # two standard errors


def test_gradient_has_the_field_on_the_diagonal():
    table = models({"x": [-1.0, 2.0], "y": [-0.5, 1.0], "se": [0.1, 0.2], "exact": [-0.6, 1.1]})
    fig, ax = figures.page(height=2.5)
    panels.gradient(ax, table)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), ax.lines[0].get_ydata())
    assert legend(ax) == LABELS["hamiltonian"]
    assert not figures.faults(fig)


def test_correlation_has_a_line_for_each_count_and_points_side_by_side():
    rows = {"distance": [0.0, 1.0], "observed": [1.0, 0.4], "se": 0.02, "field": [1.0, 0.35]}
    table = pd.concat([models(rows), models(rows).assign(n_params=64)])
    fig, ax = figures.page(height=2.5)
    panels.correlation(ax, table)
    assert legend(ax) == LABELS["hamiltonian"]
    assert len(ax.containers) == 4
    assert len({container[0].get_xdata()[0] for container in ax.containers}) == 2
    assert "$p$ = 16, 64" in ax.get_title(loc="left")
    assert not figures.faults(fig)
