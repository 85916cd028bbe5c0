from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from qgmutils import circuits, slices
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize
from qgmutils.report import figures
from qgmutils.report.panels import landscape as panels


@pytest.fixture
def rng():
    """The same for every seed of the tests: on other landscapes texts may lie closer to each other."""
    return np.random.default_rng(2022)


@pytest.fixture
def surface(rng):
    return landscape(circuits.random_circuit(3, 6, rng=rng), hamiltonians.tfim(3))


@pytest.fixture
def minima(surface, rng):
    return minimize(surface, rng.uniform(0, np.pi, (2, 6))).theta


def test_a_portrait_is_readable_and_shows_what_was_computed(surface, minima):
    figures.use_style()
    spectrum = slices.spectrum(surface, minima[0])
    plane, cuts = panels.slices_along(surface, minima[0], spectrum, (0, -1), reach=0.5)
    assert list(cuts) == ["eigenvector 1", "eigenvector 6"]
    fig = panels.portrait(plane, cuts, spectrum, (0, -1))
    assert not figures.faults(fig)
    assert fig.get_size_inches()[0] == figures.WIDTH
    flat, steep, values = fig.axes
    assert flat.get_xlabel() == "along eigenvector 1 (rad)"
    drawn = {line.get_label(): line.get_ydata() for line in steep.lines}
    np.testing.assert_array_equal(drawn["eigenvector 6"], cuts["eigenvector 6"].loss)
    np.testing.assert_array_equal(values.lines[1].get_ydata(), spectrum.eigenvalues)
    assert {text.get_text() for text in values.texts} >= {f"{spectrum.eigenvalues[k]:.2g}" for k in (0, -1)}
    plt.close(fig)


def test_parabolas_have_the_curvature_of_the_line(ax, surface, minima):
    spectrum = slices.spectrum(surface, minima[0])
    line = slices.line(surface, minima[0], spectrum.directions[-1], reach=0.5)
    panels.lines(ax, {"steepest": line})
    (parabola,) = [drawn for drawn in ax.lines if drawn.get_linestyle() == ":"]
    rise = parabola.get_ydata()[-1] - line.loss[100]
    assert rise == pytest.approx(spectrum.eigenvalues[-1] * 0.5**2 / 2, rel=1e-3)


def test_arrows_point_downhill(ax, surface, minima):
    plane = slices.plane(surface, minima[0] + 0.3, np.eye(6)[:2], reach=0.5, steps=21)
    panels.descent(ax, plane)
    (arrows,) = ax.collections
    assert len(arrows.U) == 16
    np.testing.assert_array_equal(arrows.U, -plane.slope[2::5, 2::5, 0].ravel())


def test_a_connection_is_readable_and_names_both_barriers(surface, minima):
    figures.use_style()
    first, second = minima[0], minima[0] + 1.0
    ways = {
        "straight": slices.straight(surface, first, second),
        "relaxed": slices.relaxed(surface, first, second, rounds=1),
    }
    plane, places = slices.plane_through(surface, [first, second, minima[1]])
    fig = panels.connection(plane, places, ways)
    assert not figures.faults(fig)
    labels = [text.get_text() for text in fig.axes[1].texts]
    assert labels == [
        "b",
        *(f"{name}: {way.x[-1]:.1f} rad, barrier {way.barrier:.2g}" for name, way in ways.items()),
        *("A", "B"),
    ]
    plt.close(fig)


def test_sliders_draw_what_they_say(surface, minima):
    pytest.importorskip("ipywidgets")
    before = plt.get_fignums()
    widget = panels.sliders(surface, minima[0], reach=0.4)
    first, second, reach = (child for child in widget.children if hasattr(child, "min"))
    assert (first.value, second.value, second.max) == (1, 6, 6)
    second.value, reach.value = 3, 0.25
    directions = slices.spectrum(surface, minima[0]).directions[[0, 2]]
    widget.update()
    expected = slices.plane(surface, minima[0], directions, reach=0.25)
    np.testing.assert_array_equal(widget.result.loss, expected.loss)
    second.value = 1
    assert widget.result is None
    assert plt.get_fignums() == before


def test_sliders_without_ipywidgets_say_what_to_install(surface, minima, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match=r"pip install .*qgmutils\[suite\]"):
        panels.sliders(surface, minima[0])


def test_one_angle_has_no_plane(rng):
    surface = landscape(circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2))
    with pytest.raises(ValueError, match="1 angle"):
        panels.sliders(surface, [0.3])
