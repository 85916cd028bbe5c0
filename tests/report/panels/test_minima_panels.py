from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.field.companion import companion_log_density
from qgmutils.field.spectra import threshold_energy
from qgmutils.report import figures
from qgmutils.report.panels import minima as panels

M = 8.0


@pytest.fixture
def trained():
    """100 starts each at p = 4, around 0.3, and at p = 16, of which 70 are solved up to rounding."""
    low = pd.DataFrame({"n_params": 4, "loss": np.linspace(0.2, 0.4, 100)})
    high = pd.DataFrame({"n_params": 16, "loss": np.where(np.arange(100) < 70, -1e-17, 0.05)})
    return pd.concat([low, high]).assign(circuit=np.tile(np.arange(100) // 10, 2))


@pytest.fixture
def densities():
    x = np.linspace(0.1, 0.6, 51)
    return {4: pd.DataFrame({"energy": x, "density": 8 * (0.25 - np.abs(x - 0.35)).clip(0), "stderr": 0.1})}


@pytest.fixture
def summary():
    table = pd.DataFrame({"p": [2, 4, 16, 40]})
    table["gamma"] = table["p"] / (2 * M)
    known = {"trained": [np.nan, 0.3, 0.015, 0.0], "enumerated": [0.5, np.nan, np.nan, np.nan]}
    known |= {f"{name} s.e.": np.array(values) / 10 for name, values in known.items()}
    return table.assign(**known, **{"Kac-Rice": [0.55, 0.35, np.nan, np.nan]})


def contrast(haar, zero):
    parts = [
        pd.DataFrame({"reference_state": state, "circuit": np.arange(20) // 2, "loss": losses})
        for state, losses in (("haar", haar), ("clifford", 0.2), ("zero", zero))
    ]
    return pd.concat(parts).assign(n_params=8)


def line(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


def test_rows_have_their_marks_and_the_shares_at_zero(ax, trained, densities):
    panels.distributions(ax, trained, densities, M)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["p = 4\n$\\gamma$ = 0.25", "p = 16\n$\\gamma$ = 1"]
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_label() == r"$E_\mathrm{th}(\gamma)$"]
    np.testing.assert_allclose(marks, threshold_energy(np.array([0.25, 1.0])))
    assert [text.get_text() for text in ax.texts] == ["70% at $E<10^{-6}$"]
    assert not figures.faults(ax.figure)


def test_a_count_without_a_density_has_no_curve(ax, trained, densities):
    panels.distributions(ax, trained, densities, M)
    (curve,) = [line for line in ax.lines if line.get_label().startswith("Kac")]
    assert curve.get_xdata().tolist() == densities[4]["energy"].tolist()


def test_means_stand_at_gamma_with_two_standard_errors(ax, summary):
    panels.means(ax, summary, M)
    points = {box.get_label(): box for box in ax.containers}
    trained = points["trained"].lines[2][0].get_segments()
    np.testing.assert_allclose(trained[-2][:, 1], [0.012, 0.018])
    np.testing.assert_allclose(trained[-2][:, 0], 1.0)
    assert len(points["enumerated"].lines[0].get_xdata()) == len(summary)
    x = np.linspace(0, 0.5, 20_001)[1:-1]
    weight = np.exp(companion_log_density(x, 4, M))
    (companion,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert len(companion.get_xdata()) == 3  # p = 40 is above 2m + 2
    assert companion.get_ydata()[1] == pytest.approx((x * weight).sum() / weight.sum(), rel=1e-3)


def test_distribution_functions_end_at_one_and_name_the_means(ax):
    panels.reference_states(ax, contrast(np.linspace(0.1, 0.3, 20), np.repeat([0.0, 1.0], [18, 2])))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0].startswith("Haar-random: 0.200 ± ")
    assert labels[1] == "stabilizer: 0.2"
    assert labels[2] == r"$|0\ldots0\rangle$: 0.10 ± 0.10"
    zero = line(ax, labels[2])
    x, y = zero.get_xdata(), zero.get_ydata()
    assert y[x == 0].max() == pytest.approx(0.9)
    assert y[-1] == 1
    assert x[-1] == pytest.approx(1.05)


def test_whole_figure_is_readable(trained, summary, densities):
    figures.use_style()
    fig = panels.clustering(trained, contrast(0.2, 0.1), summary, densities, M, title="rank-8 projector")
    assert not figures.faults(fig)
    assert fig.get_size_inches()[0] == figures.WIDTH
    plt.close(fig)
