from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.report import figures
from qgmutils.report.panels import critical_counts as panels

COUNTS = {2: 6, 3: 14, 4: 30}


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = plt.subplots(figsize=(3.4, 2.4))
    yield ax
    plt.close(fig)


@pytest.fixture
def shares():
    """Each size is solved from its count on."""
    rows = [(n, p, float(p >= count)) for n, count in COUNTS.items() for p in range(1, 40)]
    table = pd.DataFrame(rows, columns=["n_qubits", "n_params", "share"])
    loss = np.where(table["share"] > 0, 1e-15, 0.5)
    return table.assign(low=table["share"] - 0.02, high=table["share"] + 0.02, loss=loss)


@pytest.fixture
def counts():
    table = pd.DataFrame({"n_qubits": list(COUNTS), "p_c": list(COUNTS.values())})
    return table.assign(exact=table["p_c"], low=table["p_c"] - 1, high=table["p_c"] + 2)


@pytest.mark.parametrize("bands", [True, False])
def test_every_size_has_a_line_and_a_band(ax, shares, bands):
    looks = panels.size_looks([3, 2, 4])
    panels.solved_shares(ax, shares.sample(frac=1, random_state=1), "n_qubits", looks, bands=bands)
    assert [line.get_label() for line in ax.lines] == ["n = 2", "n = 3", "n = 4"]
    for line, count in zip(ax.lines, COUNTS.values(), strict=True):
        assert line.get_xdata().tolist() == list(range(1, 40))
        assert line.get_ydata().sum() == 40 - count
    assert len(ax.collections) == (3 if bands else 0)
    assert ax.get_ylabel() == "share of starts solved, $E<10^{-8}$"


def test_a_size_without_a_critical_count_is_left_out_of_the_collapse(ax, shares):
    scaled = shares.assign(ratio=shares["n_params"] / shares["n_qubits"].map({2: np.nan, 3: 14, 4: 30}))
    panels.solved_shares(ax, scaled, "n_qubits", panels.size_looks(COUNTS), x="ratio")
    empty, three, four = ax.lines
    assert len(empty.get_xdata()) == 0
    assert [x.get_xdata()[np.argmax(x.get_ydata())] for x in (three, four)] == [1, 1]
    assert ax.get_xlabel() == panels.RATIO


def test_losses_below_the_floor_lie_on_it(ax, shares):
    panels.mean_losses(ax, shares, "n_qubits", panels.size_looks(COUNTS), floor=1e-9)
    found = ax.lines[0].get_ydata()
    assert (found[:5] == 0.5).all()
    assert (found[5:] == 1e-9).all()
    assert 1e-10 < ax.get_ylim()[0] < 1e-9


def test_names_stand_at_their_places_and_apart(ax, shares):
    looks = panels.size_looks(COUNTS)
    panels.solved_shares(ax, shares, "n_qubits", looks)
    panels.name_onsets(ax, {4: 30, 2: 6, 3: 6.5}, looks)
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [
        ("n = 2", 6),
        ("n = 3", 6.5),
        ("n = 4", 30),
    ]
    assert not figures.faults(ax.figure)
    heights = [text.get_window_extent().y0 for text in ax.texts]
    assert heights[0] == heights[2] < heights[1]


def test_a_series_without_a_place_has_no_name(ax):
    panels.name_onsets(ax, {2: np.nan, 3: 14}, panels.size_looks(COUNTS))
    assert [text.get_text() for text in ax.texts] == ["n = 3"]


def test_counts_have_their_intervals_and_predictions(ax, counts):
    counts.loc[counts["n_qubits"] == 3, ["p_c", "low", "high"]] = np.nan
    look = figures.look(0) | {"label": "count"}
    panels.counts(ax, counts.iloc[::-1], "n_qubits", {"exact": look})
    prediction, measured = ax.lines[0], ax.containers[0]
    assert list(prediction.get_ydata()) == list(COUNTS.values())
    np.testing.assert_array_equal(measured.lines[0].get_ydata().astype(float), [6, np.nan, 30])
    first, *_, last = measured.lines[2][0].get_segments()
    np.testing.assert_allclose((first[:, 1], last[:, 1]), ([5, 8], [29, 32]))
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize("sizes", [[2, 3, 4], [3]])
def test_figure_of_the_transition_is_readable(shares, counts, sizes):
    figures.use_style()
    shares = shares[shares["n_qubits"].isin(sizes)]
    shares["p/p_c"] = shares["n_params"] / shares["n_qubits"].map(COUNTS)
    fig = panels.transition(
        shares, counts[counts["n_qubits"].isin(sizes)], {"exact": "exact"}, title="Ising ring"
    )
    assert not figures.faults(fig)
    assert (
        [text.get_text() for text in fig.axes[0].texts[1:]] == ["n = 2", "3", "4"][: len(sizes)]
        if 2 in sizes
        else ["n = 3"]
    )
    plt.close(fig)
