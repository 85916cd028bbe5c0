"""Panels of traps and expressivity show the tables they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.panels import traps as panels
from qgmutils.report import figures


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = plt.subplots(figsize=(7, 3))
    yield ax
    plt.close(fig)


@pytest.fixture
def gaps():
    rows = [
        (n, fraction, 0.7 * (1 - fraction), 0.6 * (1 - fraction) ** 2)
        for n in (4, 6)
        for fraction in (0.15, 0.3, 0.6, 0.8)
    ]
    table = pd.DataFrame(rows, columns=["n_qubits", "fraction", "typical", "lowest"])
    table = table.assign(
        trap=table["typical"] - table["lowest"],
        settled=np.where(table["fraction"] < 0.5, 1.0, 0.2),
        one=table["lowest"] * 0.9,
        least=table["lowest"] * 0.5,
        volume=table["lowest"] * 0.1,
        near=0.2,
        reached=0.02,
    )
    table["share"] = table["trap"] / table["typical"]
    for name in ("typical", "lowest", "share", "trap", "reached"):
        table = table.assign(**{f"{name}_low": table[name] * 0.95, f"{name}_high": table[name] * 1.05})
    return table


def texts(ax):
    return [text.get_text() for text in ax.texts]


def line(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


def test_the_figure_can_be_read(gaps):
    figures.use_style()
    fig = panels.expressivity(gaps, title="ring, n = 6")
    assert figures.faults(fig) == []
    plt.close(fig)


def test_the_figure_can_be_read_without_predictions(gaps):
    figures.use_style()
    fig = panels.expressivity(gaps.assign(one=np.nan, least=np.nan, volume=np.nan), title="ring, n = 6")
    assert figures.faults(fig) == []
    plt.close(fig)


def test_searches_that_are_not_settled_are_open(ax, gaps):
    rows = gaps[gaps["n_qubits"] == 6]
    panels.energies(ax, rows)
    (unsettled,) = [line for line in ax.lines if line.get_mfc() == "white"]
    assert unsettled.get_xdata().tolist() == [0.6, 0.8]
    assert "circuit's global minimum\n(open: lowest found)" in texts(ax)
    np.testing.assert_allclose(
        line(ax, "one minimum expected below: $e_1$").get_ydata(), 0.9 * rows["lowest"]
    )


@pytest.mark.parametrize(
    ("settled", "name"), [(1.0, "circuit's global minimum"), (0.0, "lowest found\n(upper bound)")]
)
def test_lowest_minima_are_called_what_they_are(ax, gaps, settled, name):
    panels.energies(ax, gaps[gaps["n_qubits"] == 6].assign(settled=settled))
    assert name in texts(ax)


def test_traps_are_drawn_beside_the_prediction_of_theirs(ax, gaps):
    panels.trap_share(ax, gaps)
    dashed = [line.get_ydata() for line in ax.lines if line.get_ls() == "--" and len(line.get_xdata()) == 4]
    rows = gaps[gaps["n_qubits"] == 4]
    expected = (rows["typical"] - rows["one"]) / rows["typical"]
    assert len(dashed) == 2  # one a size
    np.testing.assert_allclose(dashed[0], expected)
    assert ax.get_legend_handles_labels()[1] == ["with $e_1$", "n = 4", "n = 6"]


def test_the_legend_of_starts_names_both_kinds(ax, gaps):
    panels.reached(ax, gaps)
    named = {
        text.get_text(): handle.get_ls()
        for text, handle in zip(ax.get_legend().get_texts(), ax.get_legend().legend_handles, strict=True)
    }
    assert named == {"in the lowest minimum": "-", "within 0.01 of it": "--"}
    assert ax.get_yscale() == "log"
