import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond import ansatz_panels as panels
from qgmutils.circuits import ANSATZE


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


def test_critical_counts_stand_at_their_ratios(ax):
    nan = np.nan
    columns = [
        "ansatz",
        "reference_state",
        "hamiltonian",
        "n_qubits",
        "degeneracy",
        "count_by_rank",
        "p_c",
        "low",
        "high",
    ]
    rows = [
        ("real", "haar", "tfim", 4, 1, 15.0, 18.0, 16.5, 19.5),
        ("hardware ring", "zero", "fermi_hubbard", 4, 2, nan, 21.0, 20.0, 22.0),  # relative to 2 (16 - 2)
        ("matchgate", "haar", "gue", 6, 1, nan, nan, nan, nan),
    ]
    panels.critical_counts(ax, pd.DataFrame(rows, columns=columns))
    found = {mark: points(ax, mark) for mark in "oD^"}
    assert [x.tolist() for x, _ in found["o"]] == [[1.2]]
    assert [x.tolist() for x, _ in found["D"]] == [[0.75]]
    assert [x.tolist() for x, _ in found["^"]] == [[2.0]]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(ANSATZE)
    assert abs(found["o"][0][1][0] - panels.ROWS["real"]) < 0.5


def test_ranks_are_drawn_in_order(ax):
    steps = pd.DataFrame({"n_params": [1, 2, 3], "rank": [1, 2, 2]})
    table = pd.concat([steps.assign(ansatz=a, reference_state="zero") for a in ("matchgate", "brickwork")])
    panels.ranks(ax, table, 2)
    first, second = ax.lines[:2]
    assert (first.get_color(), second.get_color()) == (panels.COLORS["brickwork"], panels.COLORS["matchgate"])
    assert first.get_ydata().tolist() == [1, 2, 2]


def test_shares_and_minima(ax, rng):
    starts = pd.DataFrame({"n_params": [2, 2, 4, 4], "solved": [False, True, True, True], "ansatz": "real"})
    panels.solved(ax, starts, 2)
    ((x, y),) = points(ax, "o")
    assert (x.tolist(), y.tolist()) == ([2, 4], [0.5, 1])
    ax.clear()
    starts = pd.DataFrame({"energy": [0.1, 0.3], "ansatz": "real", "reference_state": "haar"})
    density = pd.DataFrame({"energy": [0.0, 0.5, 1.0], "density": [0.0, 2.0, 0.0]})
    panels.minima(ax, starts, density, 0.7, rng)
    assert points(ax, "o")[0][0].tolist() == [0.1, 0.3]
    bar = [x for x, y in points(ax) if len(x) == 2 and x[0] == x[1] and y[1] - y[0] < 0.5]
    assert bar[0][0] == pytest.approx(0.2)
    upright = sorted(x[0] for x, y in points(ax) if y.tolist() == [0, 1])
    assert upright == pytest.approx([0.5, 0.7])  # means of the theory and of the field


def test_every_ansatz_has_its_colour_and_text(ax):
    assert len(set(panels.COLORS.values())) == len(ANSATZE)
    panels.legend(ax, 4)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.split(":")[0] for label in labels] == list(ANSATZE)
    dashed = {line.get_label().split(":")[0] for line in ax.lines if line.get_linestyle() == "--"}
    assert dashed == {"hardware ring", "matchgate"}


def test_ratios_and_moments(ax):
    row = {
        "ansatz": "real",
        "reference_state": "zero",
        "hamiltonian": "tfim",
        "ratio": 0.4,
        "ratio_error": 0.1,
    }
    panels.ratios(ax, pd.DataFrame([row]))
    assert points(ax, "s")[0][0].tolist() == [0.4]
    ax.clear()
    table = pd.DataFrame(
        {"n_params": [4, 8], "frame_potential": [3.0, 1.0], "frame_potential_error": 0.1, "ansatz": "real"}
    )
    panels.frame_potentials(ax, table, 4)
    assert points(ax, "o")[0][1].tolist() == [3, 1]
    ax.clear()
    shared = pd.DataFrame(
        {"count": [1.0, 2.0], "found": [1.1, 1.9], "found_error": 0.1}, index=pd.Index([1, 2], name="layers")
    )
    panels.shared_minima(ax, shared)
    assert [float(y[0]) for _, y in points(ax, "o")] == [1.1, 1.9]
