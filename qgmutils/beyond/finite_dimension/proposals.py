"""Where to look for minima of a given energy: profiles of the state, chosen by the minima they are expected to hold.

Given the energy, the number of minima depends on the profile |psi_a|^2 through its sigma^2 = <(H - E)^2> nearly alone.
Less of it is rarer but leaves more matrices positive definite.  How much more is a matter of :mod:`.responses`, and
profiles are drawn and chosen accordingly, with exact weights: what a response has wrong costs accuracy, not truth
(derived; `docs/finite_dimension.md`, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from qgmutils.beyond.finite_dimension.positive_reflections import populations
from qgmutils.beyond.finite_dimension.profiles import profile_rates, sample_profiles
from qgmutils.beyond.finite_dimension.reflections import gradient_log_density
from qgmutils.beyond.finite_dimension.responses import Response, corrected, theory_response
from qgmutils.beyond.large_dimension.pushed import pushed_variance
from qgmutils.field.positive_definite import N_POPULATIONS

__all__ = ["Proposal", "estimates", "split", "tuned", "weighted_profiles"]

Array = NDArray[np.float64]

_LARGEST = 128  # matrices of a population: more are better spent on another profile
_CANDIDATES = 256  # profiles of which one is chosen for a population
_ATTEMPTS = 4  # to find a sigma^2 that leaves survivors


def weighted_profiles(
    h: Array, energy: float, p: int, size: int, variance: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Profiles, their sigma^2, and their log weights with the density of a vanishing gradient and the torus."""
    rates = profile_rates(h, energy, variance)
    profiles, log_weights = sample_profiles(h, energy, size, rng, rates=rates)
    spread = profiles @ (h - energy) ** 2
    log_weights += p * (np.log(np.pi) + gradient_log_density(len(h)) - np.log(spread) / 2)
    return profiles, spread, log_weights


@dataclass(frozen=True)
class Proposal:
    """How profiles of one energy are drawn, and chosen."""

    energy: float
    variance: float  # sigma^2 of the profile of largest entropy among those proposed
    response: Response


def estimates(h: Array, p: int, proposal: Proposal, size: int, count: int, rng: np.random.Generator) -> Array:
    """Logarithms of `count` populations' estimates for minima.

    All matrices of a population have the same profile, one of some candidates, chosen in proportion to what it is
    expected to contribute.  Its weight is the mean over the candidates, divided by that expectation.
    """
    most = max(1, 4_000_000 // (_CANDIDATES * len(h)))  # of the profiles that memory should hold at a time
    if count > most:
        rest = estimates(h, p, proposal, size, count - most, rng)
        return np.append(rest, estimates(h, p, proposal, size, most, rng))
    drawn, spread, log_weights = weighted_profiles(
        h, proposal.energy, p, count * _CANDIDATES, proposal.variance, rng
    )
    response = proposal.response
    # Estimates of a population scatter, and their weighted mean does least if chosen by the root of their mean square.
    expected = response.expected(spread) + response.scatter(spread, size) / 2
    score = (log_weights + expected).reshape(count, _CANDIDATES)
    # The largest of the scores plus Gumbel noise is a draw in proportion to their exponentials.
    chosen = np.argmax(score + rng.gumbel(size=score.shape), axis=1) + _CANDIDATES * np.arange(count)
    weight = logsumexp(score, axis=1) - np.log(_CANDIDATES) - expected[chosen]
    found: Array = weight + populations(h, proposal.energy, np.sqrt(drawn[chosen]), p, size, rng)
    return found


def split(n_samples: int) -> tuple[int, int]:
    """Size and number of the populations that share `n_samples` matrices."""
    size = min(_LARGEST, n_samples // N_POPULATIONS)
    return size, n_samples // size


def _pilots(
    h: Array,
    p: int,
    energy: float,
    drawn: Array,
    log_weights: Array,
    shares: list[float],
    size: int,
    rng: np.random.Generator,
) -> Array:
    """What populations give whose profiles have more sigma^2 than these shares: rows (sigma^2, ln estimate)."""
    spread = drawn @ (h - energy) ** 2
    order = np.argsort(spread)
    reached = np.cumsum(np.exp(log_weights - log_weights.max())[order])
    chosen = order[np.searchsorted(reached, np.array(shares) * reached[-1])]
    return np.column_stack([spread[chosen], populations(h, energy, np.sqrt(drawn[chosen]), p, size, rng)])


def _mean(values: Array, log_weights: Array) -> float:
    return float(np.average(values, weights=np.exp(log_weights - log_weights.max())))


def _settled(h: Array, p: int, one: Proposal, rng: np.random.Generator) -> tuple[Proposal, Array, Array]:
    """The proposal at the mean sigma^2 of minima, profiles drawn by it, and logarithms of their shares of minima."""
    for _ in range(3):
        drawn, spread, score = weighted_profiles(h, one.energy, p, _CANDIDATES, one.variance, rng)
        score += one.response.expected(spread)
        one = replace(one, variance=_mean(spread, score))
    return one, drawn, score


def _walk(
    h: Array, p: int, energies: Array, size: int, rng: np.random.Generator
) -> tuple[list[Proposal], list[Array]]:
    """Find the proposals at ascending energies, from where theory expects the sigma^2 of minima.

    The theory is that of large N (:func:`qgmutils.beyond.large_dimension.pushed.pushed_variance`).  By how much it is
    off changes slowly with the energy, so each one starts from the ratio seen at the last.  Without survivors sigma^2
    is lowered: less of it leaves more matrices positive definite.

    Returns the proposals, and what the pilots with survivors gave at each energy.
    """
    responses = [theory_response(h, float(energy), p) for energy in energies]
    variances, seen = np.empty(len(energies)), [np.empty((0, 2))] * len(energies)
    ratio = 1.0
    for e, energy in enumerate(map(float, energies)):
        expected = pushed_variance(h, energy, p)
        variances[e] = ratio * expected
        for _ in range(_ATTEMPTS):
            drawn, spread, log_weights = weighted_profiles(h, energy, p, _CANDIDATES, variances[e], rng)
            pair = _pilots(h, p, energy, drawn, np.zeros(_CANDIDATES), [0.2, 0.8], size, rng)
            alive = np.isfinite(pair[:, 1])
            seen[e] = np.concatenate([seen[e], pair[alive]])
            if alive.all():
                so_far = slice(e + 1)
                response = corrected(responses[so_far], variances[so_far], seen[so_far], size)[e]
                variances[e] = _mean(spread, log_weights + response.expected(spread))
                ratio = variances[e] / expected
                break
            variances[e] *= 0.6
    return [
        Proposal(float(e), float(v), r) for e, v, r in zip(energies, variances, responses, strict=True)
    ], seen


def tuned(
    h: Array, p: int, energies: Array, size: int, rng: np.random.Generator
) -> tuple[list[Proposal], Array]:
    """A proposal for each energy, and the logarithm of the density there as the pilot populations saw it.

    Two pilots and then three per energy: where the first two were the slope may be another than where the minima are,
    and at large p weights differ by e-folds if it is wrong by a few per cent.
    """
    size = max(size, 32)  # an estimate that is far off here costs more than it saves
    order = np.argsort(energies)
    proposals, seen = _walk(h, p, energies[order], size, rng)
    logs = np.full(len(order), -np.inf)
    for last in (False, True):
        responses = corrected(
            [one.response for one in proposals], np.array([one.variance for one in proposals]), seen, size
        )
        for e, response in enumerate(responses):
            proposals[e] = one = replace(proposals[e], response=response)
            if not len(seen[e]):
                continue
            proposals[e], drawn, score = _settled(h, p, one, rng)
            spread, log = seen[e].T
            constant = np.mean(log + response.scatter(spread, size) / 2 - response.expected(spread))
            logs[e] = logsumexp(score) - np.log(len(score)) + constant
            if not last:
                three = _pilots(h, p, one.energy, drawn, score, [0.03, 0.5, 0.97], size, rng)
                seen[e] = np.concatenate([seen[e], three[np.isfinite(three[:, 1])]])
    back = np.argsort(order)
    return [proposals[e] for e in back], logs[back]
