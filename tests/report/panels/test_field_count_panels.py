"""Panels of critical points of the random field: what they show of known tables."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.field import spectra
from qgmutils.report import figures
from qgmutils.report.panels import field_counts as panels


@pytest.fixture(autouse=True)
def plain_matplotlib():
    with mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield
    plt.close("all")


def test_counts_are_lines_and_points_with_labels():
    columns = {"index": [0, 1, 2], "fields": 30, "enumerated": [1.5, 2.8, 1.3], "enumerated_stderr": 0.1}
    table = pd.DataFrame(columns | {"kac_rice": [1.6, 2.9, 1.2]})
    fig, ax = figures.page(height=2.5)
    panels.counts(ax, pd.concat([table.assign(p=2, m=3.0), table.assign(p=2, m=4.5)]))
    figures.label_lines(ax, gap=2.8)
    assert [text.get_text() for text in ax.texts] == [
        "$p$ = 2, $m$ = 3\n30 fields",
        "$p$ = 2, $m$ = 4.5\n30 fields",
    ]
    bars = ax.containers[0][2][0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[1.2, 1.8], [2.5, 3.1], [1.0, 1.6]])
    assert ax.get_yscale() == "log"
    assert not figures.faults(fig)


def test_complexity_ends_where_it_is_refused():
    rows = {"energy": [0.2, 0.9, 1.0], "complexity": [-2.0, -1.0, np.nan], "gamma": 0.1}
    fig, ax = figures.page(height=2.5)
    panels.complexity(ax, pd.concat([pd.DataFrame(rows).assign(p=p) for p in (4, 8)]))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "$p$ = 4",
        "$p$ = 8",
        "$p\\to\\infty$",
    ]
    assert np.isnan(ax.lines[0].get_ydata()[-1])
    threshold = float(spectra.threshold_energy(0.1))
    assert ax.lines[2].get_xdata()[-1] == threshold
    assert list(ax.lines[3].get_xdata()) == [threshold] * 2
    assert not figures.faults(fig)


def test_mean_energies_carry_their_number_and_their_limit():
    columns = {
        "gamma": 0.4,
        "p": [4, 16, 64],
        "count": [5.6, 3e6, np.nan],
        "mean_energy": [0.19, 0.13, np.nan],
    }
    table = pd.DataFrame(
        columns | {"mean_energy_stderr": 0.001, "resolved": [True, True, False], "threshold": 0.06}
    )
    fig, ax = figures.page(height=2.5)
    panels.mean_energies(ax, table)
    assert [text.get_text() for text in ax.texts] == ["6", "$10^{6}$"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["∞", "4", "16", "64"]
    assert ax.containers[0][0].get_xdata().tolist() == [0.5, 0.25]
    (limit,) = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert limit.get_xydata().tolist() == [[0, 0.06]]
    assert not figures.faults(fig)
