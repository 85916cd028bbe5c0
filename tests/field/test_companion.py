"""The companion curve against direct integration."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from qgmutils.field import companion


@pytest.mark.parametrize(("p", "m"), [(2, 3.0), (8, 4.0), (9, 4.0), (40, 400.0), (200, 1000.0)])
def test_companion_curve_is_normalised(p, m):
    edges = np.linspace(0, 0.5, 41)

    def curve(x):
        return float(np.exp(companion.companion_log_density(x, p, m)))

    total = sum(quad(curve, a, b, limit=200)[0] for a, b in pairwise(edges))
    assert total == pytest.approx(1, abs=2e-6)
    x = np.array([0.11, 0.2])
    shape = -m * x + (m - p / 2) * np.log(x) + p * np.log(1 - 2 * x)
    np.testing.assert_allclose(np.diff(companion.companion_log_density(x, p, m)), np.diff(shape), rtol=1e-9)
    assert np.isneginf(companion.companion_log_density([-0.1, 0.0, 0.5, 0.7], p, m)).all()


@pytest.mark.parametrize(("p", "m"), [(10, 4.0), (2, -1.0), (0, 4.0)])
def test_bad_input_is_named(p, m):
    with pytest.raises(ValueError, match="got"):
        companion.companion_log_density(0.1, p, m)
