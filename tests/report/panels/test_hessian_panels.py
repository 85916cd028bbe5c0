"""Panels of spectra of the Hessian: what they show of known tables."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.field import spectra
from qgmutils.report import figures
from qgmutils.report.panels import hessians as panels


@pytest.fixture(autouse=True)
def plain_matplotlib():
    with mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield
    plt.close("all")


def densities(points, part):
    bins = {
        "left": [-0.5, 0.0, 0.5],
        "right": [0.0, 0.5, 1.0],
        "sample": [0.0, 1.5, 0.5],
        "limit": [0.1, 1.3, 0.4],
    }
    of = {
        "model": "main",
        "points": points,
        "part": part,
        "count": 96,
        "low": 0.02,
        "mean": 0.05,
        "high": 0.1,
    }
    return pd.DataFrame(bins | of | {"whrf": [0.0, 1.4, 0.6], "tangent": [0.0, 1.6, 0.4]})


def words(ax):
    legend = ax.get_legend()
    return [text.get_text() for text in (legend.get_title(), *legend.get_texts())]


def test_graded_points_have_a_histogram_and_a_line_for_each_part():
    fig, ax = figures.page(height=2.5)
    panels.graded(ax, pd.concat([densities("graded", "lowest"), densities("graded", "highest")]))
    assert words(ax)[1:] == ["0.02 ≤ $E$ ≤ 0.10\n96 points"] * 2
    assert len(ax.patches) == 2
    assert [line.get_xdata().tolist() for line in ax.lines] == [[-0.25, 0.25, 0.75]] * 2
    assert not figures.faults(fig)


def test_minima_are_compared_with_every_theory():
    fig, ax = figures.page(height=2.5)
    panels.minima(ax, densities("minimum", "all"), series=1)
    assert words(ax) == [
        "96 minima, mean $E$ = 0.05",
        "field: minima at these $E$",
        "tangent theory",
        "field, $p\\to\\infty$",
    ]
    shown = [patch.get_data()[0].tolist() for patch in ax.patches]
    assert shown == [[0.0, 1.5, 0.5], [0.0, 1.4, 0.6], [0.0, 1.6, 0.4]]
    assert not figures.faults(fig)


def test_a_theory_without_minima_draws_nothing():
    fig, ax = figures.page(height=2.5)
    panels.minima(ax, densities("minimum", "all").assign(whrf=np.nan), series=0)
    fig.draw_without_rendering()
    assert "field: minima at these $E$" in words(ax)


def test_index_has_thresholds_on_the_axis_and_minima_below_it():
    rows = {"x": [0.5, 1.0], "y": [0.3, 0.5], "se": 0.01, "gamma": 0.5, "hamiltonian": "TFIM ring"}
    fig, ax = figures.page(height=2.5)
    panels.index(ax, pd.DataFrame(rows | {"model": "main"}), densities("minimum", "all"))
    assert words(ax)[1:] == ["TFIM ring, $\\gamma$ = 0.50"]
    drawn = [tuple(map(np.asarray, line.get_data())) for line in ax.lines]
    (threshold,) = [x.item() for x, y in drawn if np.array_equal(y, [0])]
    assert threshold == pytest.approx(float(spectra.threshold_energy(0.5)))
    (found,) = [x.tolist() for x, y in drawn if (y < 0).all()]
    assert found == [0.02, 0.1]
    curve = max(drawn, key=lambda line: line[0].size)
    assert curve[1][curve[0] < threshold].max() == 0
    assert not figures.faults(fig)
