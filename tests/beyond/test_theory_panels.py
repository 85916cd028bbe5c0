import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond import theory_panels as panels
from qgmutils.beyond.predictions import THEORIES


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def scores(distances):
    """One case a row of distances, at n = 4, p = 8, 16, ...; every theory says 0.5, training found 0.4."""
    rows = []
    for k, case in enumerate(distances):
        for theory, distance in zip(THEORIES, case, strict=True):
            rows.append(("tfim", 4, 8 * (k + 1), theory, 0.4, 0.1, 7.0 * (k + 1), distance))
    columns = ["hamiltonian", "n_qubits", "n_params", "theory", "found", "error", "z", "wasserstein"]
    return pd.DataFrame(rows, columns=columns)


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text() and not text.get_text().startswith("n =")]


def test_closest_is_the_theory_of_least_distance(ax, rng):
    distances = rng.uniform(0.1, 0.5, (3, len(THEORIES)))
    distances[1, int(np.argmin(distances[1]))] = np.nan  # no answer
    distances[2, :2] = 0.01
    table = scores(distances)
    table.loc[table["n_params"] == 24, "found"] = 0.4
    found = panels.closest(table)
    assert list(found["theory"][:2]) == [THEORIES[int(np.nanargmin(row))] for row in distances[:2]]
    assert found["theory"][2] == panels.SEVERAL
    assert found["percent"].to_numpy() == pytest.approx(25)
    panels.closest_map(ax, table)
    assert texts(ax) == ["+25"] * 3
    drawn = ax.collections[0].get_facecolors()[:2]
    expected = [plt.matplotlib.colors.to_rgba(panels.COLORS[name]) for name in found["theory"][:2]]
    np.testing.assert_allclose(drawn, expected, atol=2 / 255)


def test_ground_states_are_no_contest(ax):
    table = scores([[0.1] * len(THEORIES)]).assign(found=1e-4)
    assert panels.closest(table)["theory"][0] == panels.GROUND_STATE
    panels.closest_map(ax, table)
    assert texts(ax) == []


def test_score_map_labels_errors_and_leaves_gaps(ax):
    distances = np.full((3, len(THEORIES)), 0.2)
    distances[1, 0] = np.nan
    table = scores(distances)
    table.loc[table["n_params"] == 24, "z"] = 1234.0
    panels.score_map(ax, table, THEORIES[0], colorbar=False)
    assert texts(ax) == ["7", "99"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["8", "16", "24"]
    panels.score_map(ax, table, THEORIES[1], colorbar=True)
