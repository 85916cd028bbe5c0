"""Panels of Born machines and of state learning show the tables they are given."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.counts import state_learning as learning
from qgmutils.beyond.panels import born_machines, state_learning
from qgmutils.report import figures


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = plt.subplots(figsize=(3.4, 2.8))
    yield ax
    plt.close(fig)


def shares():
    rows = [
        (part, kind, n, count, offset)
        for part, counts in (("full", {2: (3, 3), 4: (15, 15)}), ("zeros", {4: (25, 15)}))
        for n, pair in counts.items()
        for kind, count in zip(("complex", "real"), pair, strict=True)
        for offset in (-1, 0, 1, 2)
    ]
    table = pd.DataFrame(rows, columns=["part", "amplitudes", "n_qubits", "n_equations", "offset"])
    table["n_params"] = table["n_equations"] + table["offset"]
    return table.assign(share=(table["offset"] >= 0).astype(float), low=0.0, high=1.0)


def bounds():
    table = pd.DataFrame({"part": "full", "amplitudes": ["complex", "complex", "real", "real"]})
    table = table.assign(n_qubits=[2, 4, 2, 4], n_equations=[3, 15, 3, 15], fisher=[6, 30, 3, 15])
    count = table["n_equations"]
    return table.assign(algebra=[15, 255, 6, 120], p_c=count + 0.5, low=count, high=count + 1.0)


def learnt():
    table = pd.DataFrame(itertools.product((16, 64), (2, 7, 20)), columns=["shots", "n_params"])
    return table.assign(relative=20 / table["n_params"], relative_error=0.1)


def drawn():
    table = pd.DataFrame({"n_params": np.repeat([2, 26], 12), "circuit": np.tile(np.repeat([0, 1, 2], 4), 2)})
    outcome = np.tile([0, 15, 12, 1], 6)
    return table.assign(loss=0.1 * table["circuit"], outcome=outcome, valid=outcome != 1, n_equations=25)


def test_the_figure_of_born_machines_can_be_read():
    figures.use_style()
    fig = born_machines.machines(shares(), bounds(), learnt(), drawn(), 3)
    assert figures.faults(fig) == []
    onsets = [line for line in fig.axes[0].lines if len(line.get_xdata()) == 4]
    assert [line.get_ydata().tolist() for line in onsets] == 4 * [[0, 1, 1, 1]]
    plt.close(fig)


def test_zeros_stand_beside_targets_of_their_size(ax):
    born_machines.zeros(ax, shares())
    curves = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert sorted(line.get_xdata()[1] for line in curves) == [15, 15, 15, 25]


def test_pictures_are_of_the_machine_with_the_median_loss(ax):
    table = drawn()
    born_machines.pictures(ax, table)
    frames = [patch for patch in ax.patches if patch.get_width() == 1]
    assert len(frames) == 2 * 4  # four outcomes of one circuit a row
    # 0 has no pixel, 15 four, 12 (1100) two in the upper row, 1 one.
    pixels = [patch for patch in ax.patches if patch.get_width() == 0.5]
    assert len(pixels) == 2 * (4 + 2 + 1)
    upper = [patch.get_y() for patch in pixels if 2.5 <= patch.get_x() < 3.75]
    assert upper == pytest.approx([0.5, 0.5, -0.9, -0.9])
    assert {text.get_text() for text in ax.texts} == {"p = 2", "p = 26", "75%"}


def test_the_figure_of_state_learning_can_be_read():
    figures.use_style()
    sizes = pd.DataFrame(itertools.product((2, 3), (0.5, 1.0, 1.5)), columns=["n_qubits", "ratio"])
    solved = sizes.assign(n_params=1, share=(sizes["ratio"] >= 1).astype(float), low=0.0, high=1.0)
    numbers = sizes.assign(number=5.0, same=[0.2, 0.2, 0.2, 0.0, 0.2, 0.2])
    mean = sizes.assign(overlap=sizes["ratio"] / 2, dim=8, coefficient_error=0.01)
    mean = mean.assign(coefficient=learning.mean_curvature(mean["overlap"], 2 ** mean["n_qubits"]))
    kept = sizes.assign(dim=8, n_params=14 * sizes["ratio"], kept=0.5, kept_error=0.01)
    fig = state_learning.learning(solved, numbers, mean, kept, 0.9)
    assert figures.faults(fig) == []
    arrows = [line for line in fig.axes[1].lines if line.get_ls() == "None" and len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in arrows] == [[0.5]]  # where no two starts have met
    plt.close(fig)
