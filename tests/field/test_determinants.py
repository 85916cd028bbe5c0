"""Determinants and inertia of random Hessians against their eigenvalues."""

import numpy as np

from qgmutils.field import determinants, spectra


def test_log_determinants_and_inertia_match_eigenvalues(rng):
    wishart, symmetric = spectra.sample_hessian_parts(7, 9.0, 60, rng)
    energies = np.array([0.05, 0.4, 1.3])
    log_det, negative = determinants.log_determinants(wishart, symmetric, energies, -1)
    minima, _ = determinants.log_determinants(wishart, symmetric, energies, 0)
    for e, energy in enumerate(energies):
        values = np.linalg.eigvalsh(wishart + np.sqrt(energy) * symmetric - energy * np.eye(7))
        np.testing.assert_array_equal(negative[:, e], (values < 0).sum(axis=1))
        # Without pivoting, digits are lost in proportion to the smallest pivot's size.
        np.testing.assert_allclose(log_det[:, e], np.log(np.abs(values)).sum(axis=1), atol=1e-6)
        np.testing.assert_array_equal(np.isfinite(minima[:, e]), (values > 0).all(axis=1))
