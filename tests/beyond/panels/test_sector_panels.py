"""Panels of symmetry reduction show the tables they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.counts.sectors import Case
from qgmutils.beyond.panels import sectors as panels
from qgmutils.report import figures

CASES = [
    Case("sector", "2 sites, 1 + 1", 4, 4, 1, 6, 6, 11.3),
    Case("sector", "2 sites, 1 + 1, R, F", 4, 2, 1, 2, 2, 2.0),
    Case("register", "2 sites, register", 4, 16, 1, 30, 30, 62.0),
    Case("QAOA", "star, n = 4", 4, 4, 1, 6, 6, 94.0),
]


@pytest.fixture
def counts():
    table = pd.DataFrame(CASES)
    return table.assign(p_c=table["equations"] + 0.3, low=table["equations"], high=table["equations"] + 1.0)


@pytest.fixture
def shares():
    table = pd.DataFrame(CASES).merge(pd.DataFrame({"offset": [-1, 0, 1, 2]}), how="cross")
    table["n_params"] = table["equations"] + table["offset"]
    return table.assign(share=(table["offset"] >= 0).astype(float), low=0.0, high=1.0, starts=9)


@pytest.fixture
def reduced():
    names = ["2 sites, register", "2 sites, 1 + 1", "2 sites, 1 + 1, R, F"]
    columns = {"case": names, "dimension": [16, 4, 2], "equations": [30, 6, 2], "m": [32.0, 6.67, 2.0]}
    return pd.DataFrame({"n_sites": 2, "symmetries": panels.SYMMETRIES} | columns)


def test_the_whole_figure_can_be_read(shares, counts, reduced):
    figures.use_style()
    fig = panels.reduction(shares, counts, reduced)
    assert list(figures.faults(fig)) == []
    plt.close(fig)


def test_what_is_drawn(shares, counts, reduced):
    figures.use_style()
    fig = panels.reduction(shares, counts, reduced)
    solved, measured, bars, cuts = fig.axes
    onsets = [
        line.get_xdata()[0] for line in solved.lines if line.get_linestyle() == ":" and len(line.get_xdata())
    ]
    assert sorted(onsets) == [2, 6, 30]  # QAOA has a panel of its own
    crosses = next(line for line in measured.lines if line.get_marker() == "x")
    np.testing.assert_array_equal(crosses.get_ydata(), counts["field_count"])
    heights = [patch.get_height() for patch in bars.patches]
    assert heights[:6] == pytest.approx([62, 30, 11.34, 6, 2, 2])
    points = [line.get_ydata()[0] for line in bars.lines if len(line.get_xdata())]
    assert points == pytest.approx([30.3, 6.3, 2.3])
    np.testing.assert_array_equal(cuts.lines[0].get_xdata(), [-1, 0, 1, 2])
    plt.close(fig)
