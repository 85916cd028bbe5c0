"""Profiles for minima: whatever the pilots suggest, the estimates have the same mean."""

from dataclasses import replace

import numpy as np
import pytest
from levels import random_levels
from statistical import agree

from qgmutils.beyond.finite_dimension import profiles
from qgmutils.beyond.finite_dimension import proposals as sampling
from qgmutils.beyond.finite_dimension.responses import Response
from qgmutils.losses import hamiltonians


def _flat():
    return Response(np.array([1.0]), np.zeros(1), np.zeros(1))


def _mean(logs):
    values = np.exp(logs - logs.max())
    return logs.max() + np.log(values.mean()), values.std(ddof=1) / values.mean() / np.sqrt(len(values))


@pytest.mark.parametrize("n_params", [2, 6])
def test_wrong_proposals_cost_accuracy_only(n_params, rng):
    levels, energy = random_levels(rng, 8), 0.3
    (good,), _ = sampling.tuned(levels, n_params, np.array([energy]), 50, rng)
    right, error = _mean(sampling.estimates(levels, n_params, good, 50, 400, rng))
    assert error < 0.1
    for variance, tilt in ((1.3, 0.0), (0.8, 0.0), (1.0, 4.0), (1.0, -4.0)):
        response = replace(good.response, tilt=good.response.tilt + tilt)
        other = sampling.Proposal(energy, variance * good.variance, response)
        value, other_error = _mean(sampling.estimates(levels, n_params, other, 50, 400, rng))
        agree(value, right, np.hypot(error, other_error))


def test_pilots_make_estimates_more_accurate(rng):
    levels = random_levels(rng, 32)
    energies = np.quantile(levels, 0.25) * np.array([0.8, 0.9, 1.0, 1.1, 1.2])
    energy = float(energies[2])
    proposals, _ = sampling.tuned(levels, 16, energies, 64, rng)
    neutral = sampling.Proposal(energy, profiles.entropic_variance(levels, energy), _flat())
    chosen, blind = (sampling.estimates(levels, 16, one, 64, 40, rng) for one in (proposals[2], neutral))
    assert np.isfinite(chosen).all()
    # Ratios were 0.26 to 0.46 in twenty trials; deviations of 40 samples are known to 11 %.
    assert chosen.std() < 0.8 * blind[np.isfinite(blind)].std()


def test_pilots_see_the_density_that_is_sampled_then(rng):
    levels = random_levels(rng, 16)
    energies = np.array([0.15, 0.25, 0.35])
    proposals, logs = sampling.tuned(levels, 8, energies, 128, rng)
    for proposal, log in zip(proposals, logs, strict=True):
        value, error = _mean(sampling.estimates(levels, 8, proposal, 128, 30, rng))
        # Five populations, and a slope from so few: 60 differences were -0.41 to 0.10, of deviation 0.09.
        agree(log, value, error, slack=1.0)


def test_minima_are_found_on_both_sides_of_a_gap(rng):
    """TFIM ring of 8 qubits, p = N = 256: two humps, and in between, as beyond, wide profiles leave no survivor."""
    levels = np.sort(hamiltonians.tfim(8).levels)
    low, gap, high = 0.112, 0.18, 0.245
    proposals, logs = sampling.tuned(levels, 256, np.array([low, gap, high]), 32, rng)
    assert proposals[2].variance < 0.4 * profiles.entropic_variance(levels, high)
    # 459, 449 and 459 in a curve of 200 effective samples; pilots of 32 differ by some three e-folds.
    assert np.isfinite(logs).all()
    assert min(logs[0], logs[2]) > logs[1] + 3


def test_two_levels_leave_nothing_to_tune(rng):
    levels = np.repeat([0.0, 2.0], 4)
    (proposal,), logs = sampling.tuned(levels, 3, np.array([0.3]), 64, rng)
    assert proposal.response.tilt == pytest.approx(0.0, abs=1e-9)
    assert proposal.variance == pytest.approx(0.3 * 1.7)
    assert np.isfinite(logs[0])


def test_populations_share_the_matrices():
    assert sampling.split(4096) == (128, 32)
    assert sampling.split(16) == (2, 8)


def test_large_requests_are_done_in_parts(rng):
    levels, proposal = random_levels(rng, 8), sampling.Proposal(0.3, 0.2, _flat())
    assert sampling.estimates(levels, 2, proposal, 2, 9000, rng).shape == (9000,)
