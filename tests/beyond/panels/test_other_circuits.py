import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.panels import other_circuits as panels
from qgmutils.beyond.theories import Prediction
from qgmutils.circuits import ANSATZE
from qgmutils.report import figures
from qgmutils.statistics.intervals import student

NAN = np.nan
COUNTS = pd.DataFrame(
    [
        ("real", "haar", "tfim", 4, 1, 15.0, 18.0, 16.5, 19.5, 15, 15),
        ("hardware ring", "zero", "fermi_hubbard", 4, 2, NAN, 21.0, 20.0, 22.0, 28, 28),
        ("matchgate", "haar", "gue", 6, 1, NAN, NAN, NAN, NAN, 42, 42),
    ],
    columns=[
        "ansatz",
        "reference_state",
        "hamiltonian",
        "n_qubits",
        "degeneracy",
        "count_by_rank",
        "p_c",
        "low",
        "high",
        "dimension",
        "saturated",
    ],
)


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def points(ax, marker=None):
    lines = [
        line for line in ax.lines if len(line.get_xdata()) and (marker is None or line.get_marker() == marker)
    ]
    return [(np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)) for line in lines]


def in_row(name, y):
    return abs(y - panels.ROWS[name]) < 0.5


def test_critical_counts_stand_at_their_ratios(ax):
    panels.critical_counts(ax, COUNTS)
    found = {mark: points(ax, mark) for mark in "oD^"}
    assert [x.tolist() for x, _ in found["o"]] == [[1.2]]
    assert [x.tolist() for x, _ in found["D"]] == [[0.75]]  # relative to 2 (16 - 2)
    none = dict(zip([text.get_text() for text in ax.get_xticklabels()], ax.get_xticks(), strict=True))["none"]
    assert found["^"][0][0] == pytest.approx(none, abs=0.1)
    assert in_row("real", found["o"][0][1][0])
    assert in_row("matchgate", found["^"][0][1][0])


def test_counts_in_words():
    table = panels.counts_table(COUNTS)
    assert table.loc[(4, "real", "haar", 15, 15)].to_list() == ["", "", "18 (16.5 to 19.5) / 15"]
    assert table.loc[(4, "hardware ring", "zero", 28, 28), "fermi_hubbard"] == "21 (20 to 22) / –"
    assert table.loc[(6, "matchgate", "haar", 42, 42), "gue"] == "none / –"


def test_transitions_fill_their_rows(ax):
    shares = pd.DataFrame({"n_params": [8, 16, 24], "share": [0.0, 0.5, 1.0], "ansatz": "real"})
    panels.transitions(ax, shares.assign(reference_state="zero", n_qubits=4, starts=12), COUNTS)
    curve, mark = points(ax)[:2]
    assert curve[0].tolist() == [8, 16, 24]
    assert np.diff(curve[1]) == pytest.approx([np.ptp(curve[1]) / 2] * 2)
    assert in_row("real", curve[1]).all()
    assert mark[0].tolist() == [15, 15]  # the only count by rank
    assert [label.get_text() for label in ax.get_yticklabels()] == list(ANSATZE)


def test_ranks_reach_the_top_where_all_states_are_reached(ax):
    steps = pd.DataFrame({"n_params": [1, 2, 3, 4], "rank": [1, 2, 3, 3], "n_qubits": 2})
    table = pd.concat([steps.assign(ansatz=a, reference_state="zero") for a in ("matchgate", "brickwork")])
    panels.ranks(ax, table)
    heights = {
        name: y.max() - panels.ROWS[name]
        for name in ("matchgate", "brickwork")
        for x, y in points(ax)
        if x.tolist() == [1, 2, 3, 4] and in_row(name, y).all()
    }
    # All real states of two qubits have 3 dimensions, all states 6.
    assert heights["matchgate"] == pytest.approx(0.38)
    assert heights["brickwork"] == pytest.approx(0.0)
    assert [text.get_text() for text in ax.texts] == ["3", "3"]


def test_minima_below_the_densities(ax):
    starts = pd.DataFrame(
        {"loss": [0.1, 0.3], "circuit": [0, 1], "ansatz": "real", "reference_state": "haar"}
    )
    theories = {
        "one": Prediction(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 0.0]), 0.0),
        "other": Prediction(np.array([0.6, 0.7, 0.8]), np.array([0.25, 0.5, 0.25]), 0.0),
    }
    panels.minima(ax, starts.assign(hamiltonian="tfim", n_qubits=4, n_params=16), theories)
    assert points(ax, "o")[0][0].tolist() == [0.1, 0.3]
    bar = [x for x, y in points(ax) if len(x) == 2 and x[0] == x[1] and in_row("real", y).all()]
    assert bar[0][0] == pytest.approx(0.2)
    upright = sorted(x[0] for x, y in points(ax) if len(x) == 2 and y[0] == 0)
    assert upright == pytest.approx([0.5, 0.7])
    assert {text.get_text() for text in ax.texts} == {"one", "other"}


RATIOS = pd.DataFrame(
    [("real", 0.4, 0.1), ("randomised", 1.0, 0.2)], columns=["ansatz", "ratio", "ratio_error"]
).assign(reference_state="zero", hamiltonian="tfim", n_qubits=4, n_params=16, starts=5)


def test_ratios_have_intervals_of_student(ax):
    panels.ratios(ax, RATIOS)
    ((x, y),) = points(ax, "o")  # the randomised model is not compared with itself
    assert x.tolist() == [0.4]
    assert in_row("real", y[0])
    (bar,) = ax.collections[0].get_segments()
    assert bar[:, 0] == pytest.approx(0.4 + np.array([-1, 1]) * student(5) * 0.1)


def test_ratios_in_words():
    table = panels.ratios_table(RATIOS, RATIOS.assign(theory="field, m", ratio=2.0))
    key = ("tfim", "zero", "random words", 4, 16)
    assert table.loc[key].to_dict() == {"randomised": "", "real": "0.40 ± 0.10"}
    assert table.loc[("tfim", "zero", "field, m", 4, 16), "randomised"] == "2.00 ± 0.20"


def test_numbers_of_shared_minima(ax):
    shared = pd.DataFrame(
        {"count": [1.0, 2.0], "found": [1.1, 1.9], "found_error": 0.1}, index=pd.Index([1, 2], name="layers")
    )
    panels.shared_minima(ax, shared, 5)
    ((x, y),) = points(ax, "o")
    assert (x.tolist(), y.tolist()) == ([1, 2], [1.1, 1.9])
    assert np.ptp(ax.collections[0].get_segments()[0][:, 1]) == pytest.approx(0.2 * student(5))


def test_the_legend_is_readable():
    figures.use_style()
    fig, _ = figures.page(1, 3, height=3)
    panels.legend(fig, marks=["tfim", "gue"], line="count by rank")
    shown = [text.get_text() for text in fig.legends[0].get_texts()]
    assert shown == [*panels.STATES.values(), "count by rank", "Ising ring", "GUE"]
    assert figures.faults(fig) == []
    plt.close(fig)
