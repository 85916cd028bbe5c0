"""Sequential sampling of positive definite Hessians against plain sampling of the same matrices."""

import numpy as np
import pytest
from field_hessians import field_hessians
from statistical import agree

from qgmutils.field.positive_definite import populations


@pytest.mark.parametrize(
    ("n_params", "two_m", "layers"),
    [(1, 5, 1), (3, 10, 1), (4, 16, 2), (6, 40, 1), (6, 10, 3), (3, 3, 3)],
)
def test_mean_determinant_agrees_with_plain_sampling(n_params, two_m, layers, rng):
    # Few matrices are positive definite with many layers, and their determinants are skewed: at p = 6, 2m = 6 and
    # E = 0.1 100,000 count as 270 alike, too few for a normal law.
    energy = rng.uniform(0.05, 0.1 if layers == 3 else 0.4)
    matrices = field_hessians(n_params, two_m / 2, energy, 100_000, rng, layers=layers)
    eigenvalues = np.linalg.eigvalsh(matrices)
    weights = np.where(eigenvalues[:, 0] > 0, np.prod(eigenvalues, axis=1), 0.0)
    plain, plain_error = weights.mean(), weights.std(ddof=1) / np.sqrt(len(weights))
    found = np.exp(populations(energy, n_params, two_m, size=250, count=160, rng=rng, layers=layers))
    agree(found.mean(), plain, np.hypot(plain_error, found.std(ddof=1) / np.sqrt(160)), freedom=159)


def test_the_size_of_a_population_does_not_move_the_mean(rng):
    # At p = 24 plain sampling finds no positive definite matrix.
    means, errors = [], []
    for size, count in ((32, 1600), (256, 200)):
        logs = populations(0.3, 24, 100, size=size, count=count, rng=rng)
        values = np.exp(logs - logs.max())
        means.append(logs.max() + np.log(values.mean()))
        errors.append(values.std(ddof=1) / values.mean() / np.sqrt(count))
    assert max(errors) < 0.1
    agree(means[0], means[1], np.hypot(*errors), freedom=199)


def test_an_event_that_never_happens_has_no_estimate():
    # At E = 50 every pivot is near -50.
    assert np.isneginf(populations(50.0, 8, 20, size=8, count=8, rng=np.random.default_rng(0))).all()
