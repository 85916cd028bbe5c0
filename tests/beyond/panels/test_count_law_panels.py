"""Panels of the critical count's law show the tables they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.panels import count_law as panels
from qgmutils.report import figures

MODELS = {"complex": 30, "real": 15, "even": 14, "even real": 7}
COLUMNS = ["part", "model", "spectrum", "n_qubits", "degeneracy", "rank", "dimension_count", "field_count"]


@pytest.fixture
def ax():
    figures.use_style()
    fig, ax = plt.subplots(figsize=(3.4, 2.8))
    yield ax
    plt.close(fig)


@pytest.fixture
def cases():
    rows = [
        ("projectors", "complex", "flat", 4, 16 - k, k, 2 * k, 2 * k / (1 - k / 16)) for k in range(1, 16)
    ]
    for spectrum, field in (("flat", 200.0), ("pareto", 12.0)):
        rows += [("designs", "complex", spectrum, 4, g, 16 - g, 2 * (16 - g), field) for g in (1, 2, 4, 8)]
    rows += [("designs", model, "tfim", 4, 1, 15, count, 15.0) for model, count in MODELS.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def shares(cases):
    """Solved from the count on."""
    table = cases.merge(pd.DataFrame({"offset": [-2, -1, 0, 1, 2]}), how="cross")
    table["n_params"] = table["dimension_count"] + table["offset"]
    return table.assign(share=(table["offset"] >= 0).astype(float), low=0.0, high=1.0)


@pytest.fixture
def counts(cases):
    count = cases["dimension_count"]
    return cases.assign(p_c=count + 0.0, low=count - 0.5, high=count + 0.5)


@pytest.fixture
def ranks():
    table = pd.DataFrame({"model": MODELS.keys(), "dimension": MODELS.values(), "n_qubits": 4})
    table = table.merge(pd.DataFrame({"n_params": range(1, 39)}), how="cross")
    return table.assign(mean=np.minimum(table["n_params"], table["dimension"]))


def drawn(ax, size):
    return [line for line in ax.lines if len(line.get_xdata()) == size]


def test_the_figure_can_be_read(shares, counts, ranks):
    figures.use_style()
    fig = panels.law(shares, counts, ranks)
    assert figures.faults(fig) == []
    by_rank = drawn(fig.axes[0], 5)
    assert len(by_rank) == 15
    assert all(line.get_ydata().tolist() == [0, 0, 1, 1, 1] for line in by_rank)
    plt.close(fig)


def test_without_pareto_levels_only_projectors_are_drawn(ax, counts):
    panels.count_by_rank(ax, counts[counts["part"] == "projectors"], counts.iloc[:0])
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == [r"$2\,\mathrm{rank}(H-\lambda_1)$", "2m of projectors", "measured, projectors"]
    predicted, field = [line for line in drawn(ax, 15) if line.get_ls() != "None"]
    assert predicted.get_ydata().tolist() == [2 * k for k in range(1, 16)]
    assert field.get_ydata()[-1] == 480


def test_every_multiplicity_stands_at_its_count(ax, shares):
    panels.onset_by_degeneracy(ax, shares[(shares["part"] == "designs") & (shares["spectrum"] != "tfim")])
    assert {text.get_text(): text.xy[0] for text in ax.texts} == {"g = 1": 30, "2": 28, "4": 24, "8": 16}
    assert len(drawn(ax, 5)) == 8


def test_models_rise_where_their_rank_saturates(ax, shares, ranks):
    panels.onset_by_symmetry(ax, shares[shares["spectrum"] == "tfim"], ranks)
    lines = drawn(ax, 38)
    assert [int(np.argmax(line.get_ydata())) + 1 for line in lines] == list(MODELS.values())
    assert all(line.get_ydata().max() == 1 for line in lines)
    assert {text.get_text() for text in ax.texts} == {f"{name}, D = {size}" for name, size in MODELS.items()}
