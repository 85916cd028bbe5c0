from __future__ import annotations

import dense
import numpy as np
import pytest
from numpy.polynomial import Polynomial

from qgmutils import circuits, slices
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize


@pytest.fixture
def surface(rng):
    return landscape(circuits.random_circuit(3, 5, rng=rng), hamiltonians.tfim(3))


@pytest.fixture
def minimum(surface, rng):
    return minimize(surface, rng.uniform(0, np.pi, (1, 5))).theta[0]


def test_a_plane_has_the_energies_and_slopes_of_its_points(surface, rng):
    theta, directions = rng.uniform(0, np.pi, 5), np.linalg.qr(rng.standard_normal((5, 2)))[0].T
    found = slices.plane(surface, theta, directions, reach=0.7, steps=5)
    np.testing.assert_array_equal(found.x, found.y)
    np.testing.assert_allclose(found.x, [-0.7, -0.35, 0, 0.35, 0.7], atol=1e-15)
    for i, j in np.ndindex(5, 5):
        slow = dense.Landscape(
            surface.circuit, surface.loss, theta + found.x[j] * directions[0] + found.y[i] * directions[1]
        )
        assert found.loss[i, j] == pytest.approx(slow.energy, abs=1e-11)
        np.testing.assert_allclose(found.slope[i, j], directions @ slow.gradient, rtol=0, atol=1e-11)


def test_the_table_of_a_plane_has_a_row_a_point(surface, rng):
    theta = rng.uniform(0, np.pi, 5)
    table = slices.plane(surface, theta, np.eye(5)[[1, 3]], reach=0.5, steps=3).table
    assert list(table.columns) == ["x", "y", "loss"]
    for x, y, loss in table.itertuples(index=False):
        at = theta + np.array([[0, x, 0, y, 0]])
        assert loss == surface.value(at)[0]
    assert len(table) == 9


def test_a_line_has_the_energies_and_slopes_of_its_points(surface, rng):
    theta, direction = rng.uniform(0, np.pi, 5), np.ones(5) / np.sqrt(5)
    found = slices.line(surface, theta, direction, reach=1.0, steps=7)
    for x, loss, slope in zip(found.x, found.loss, found.slope, strict=True):
        slow = dense.Landscape(surface.circuit, surface.loss, theta + x * direction)
        assert loss == pytest.approx(slow.energy, abs=1e-11)
        assert slope == pytest.approx(direction @ slow.gradient, abs=1e-11)


def test_lines_along_eigenvectors_curve_as_their_eigenvalues_say(surface, minimum):
    found = slices.spectrum(surface, minimum)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(5), atol=1e-12)
    for eigenvalue, direction in zip(found.eigenvalues, found.directions, strict=True):
        assert direction[np.argmax(np.abs(direction))] > 0
        line = slices.line(surface, minimum, direction, reach=0.01, steps=9)
        # The sixth derivative, below 2^6 5^3, times 0.01^4 / 30: 3e-6.
        curvature = Polynomial.fit(line.x, line.loss, 4).convert().deriv(2)(0)
        assert curvature == pytest.approx(eigenvalue, abs=1e-5)
    assert found.eigenvalues[0] > -1e-9


def test_a_plane_through_three_points_shows_them(surface, rng):
    points = rng.uniform(0, np.pi, (3, 5))
    found, places = slices.plane_through(surface, points, steps=41)
    assert places[0, 1] == pytest.approx(places[1, 1], abs=1e-12)
    assert places[1, 0] > places[0, 0]
    assert places[2, 1] > places[0, 1]
    for i in range(3):
        for j in range(i):
            apart = np.linalg.norm(points[i] - points[j])
            assert np.linalg.norm(places[i] - places[j]) == pytest.approx(apart)
        # The nearest point of the grid is at most half a cell away in x and y.
        x, y = places[i]
        row, column = np.argmin(np.abs(found.y - y)), np.argmin(np.abs(found.x - x))
        step = np.array([x - found.x[column], y - found.y[row]])
        value = found.loss[row, column] + found.slope[row, column] @ step
        limit = np.linalg.norm(slices.spectrum(surface, points[i]).eigenvalues, np.inf) + 1
        assert abs(value - surface.value(points[i : i + 1])[0]) <= limit * (step @ step)
    assert np.abs(places).max() < found.x[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 4}, "steps must be odd.*got 4"),
        ({"reach": 0.0}, "reach must be positive"),
        ({"directions": 2 * np.eye(5)[:2]}, r"2 orthonormal.*norms \[2.0, 2.0\].*np.linalg.qr"),
        ({"directions": np.eye(5)[[0, 0]]}, "orthonormal"),
        ({"directions": np.eye(5)[:1]}, r"got shape \(1, 5\)"),
        ({"theta": np.zeros(4)}, r"theta must be 5 finite angles.*got shape \(4,\)"),
        ({"theta": np.full(5, np.nan)}, "5 entries that are not finite"),
    ],
)
def test_wrong_slices(surface, options, message):
    given = {"theta": np.zeros(5), "directions": np.eye(5)[:2], "reach": 0.5} | options
    with pytest.raises(ValueError, match=message):
        slices.plane(surface, **given)


def test_three_points_on_a_line_span_no_plane(surface):
    with pytest.raises(ValueError, match="must not lie on one line"):
        slices.plane_through(surface, np.arange(3)[:, None] * np.ones(5))
    with pytest.raises(ValueError, match="points must be three"):
        slices.plane_through(surface, np.eye(5)[:2])
