"""Where to look for minima of a given energy: profiles of the state, chosen by the minima they are expected to hold.

Given the energy, the number of minima depends on the profile |psi_a|^2 through its sigma^2 = <(H - E)^2> nearly alone.
Less of it is rarer but leaves more matrices positive definite.  Pilot populations show how much more, and profiles are
drawn and chosen accordingly, with exact weights: what the pilots got wrong costs accuracy, not truth (derived;
`docs/finite_dimension.md`, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from qgmutils.theory.finite_dimension.positive_reflections import populations
from qgmutils.theory.finite_dimension.profiles import profile_rates, sample_profiles
from qgmutils.theory.finite_dimension.reflections import gradient_log_density
from qgmutils.theory.large_dimension.pushed import pushed_variance
from qgmutils.theory.random_field.positive_definite import N_POPULATIONS

__all__ = ["Proposal", "estimates", "split", "tuned", "weighted_profiles"]

Array = NDArray[np.float64]

_LARGEST = 128  # matrices of a population: more are better spent on another profile
_CANDIDATES = 256  # profiles of which one is chosen for a population
_ATTEMPTS = 4  # to find a sigma^2 that leaves survivors
_SAME = 1e-9  # relative differences of sigma^2 below are rounding: with two levels the energy fixes it


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
    """How profiles of one energy are drawn, and chosen: as if ln E[det M; M > 0] were a parabola in sigma^2."""

    energy: float
    variance: float  # sigma^2 of the profile of largest entropy among those proposed
    tilt: float
    bend: float

    def expected(self, spread: Array) -> Array:
        """ln E[det M; M > 0] up to a constant, for profiles of that sigma^2."""
        return self.tilt * spread + self.bend * spread**2


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
    expected = proposal.expected(spread)
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


def _walk(
    h: Array, p: int, energies: Array, size: int, rng: np.random.Generator
) -> tuple[Array, list[Array]]:
    """Find the proposals' sigma^2 at each energy, from where theory expects that of the minima.

    The theory is that of large N (:func:`qgmutils.theory.large_dimension.pushed.pushed_variance`).  By how much it is
    off changes slowly with the energy, so each one starts from the ratio seen at the last.  Without survivors sigma^2
    is lowered: less of it leaves more matrices positive definite.

    Returns the sigma^2 found at each energy, and what the pilots with survivors gave there.
    """
    variances, seen = np.empty(len(energies)), [np.empty((0, 2))] * len(energies)
    ratio = 1.0
    for e in np.argsort(energies):
        energy = float(energies[e])
        expected = pushed_variance(h, energy, p)
        variance = ratio * expected
        for _ in range(_ATTEMPTS):
            drawn, spread, log_weights = weighted_profiles(h, energy, p, _CANDIDATES, variance, rng)
            pair = _pilots(h, p, energy, drawn, np.zeros(_CANDIDATES), [0.2, 0.8], size, rng)
            alive = np.isfinite(pair[:, 1])
            seen[e] = np.concatenate([seen[e], pair[alive]])
            if not alive.all():
                variance *= 0.6
                continue
            step = pair[1] - pair[0]
            tilt = step[1] / step[0] if step[0] > _SAME * variance else 0.0
            variance = _mean(spread, log_weights + tilt * spread)
            ratio = variance / expected
            break
        variances[e] = variance
    return variances, seen


def _mean(values: Array, log_weights: Array) -> float:
    return float(np.average(values, weights=np.exp(log_weights - log_weights.max())))


def _responses(energies: Array, variances: Array, seen: list[Array]) -> Array:
    """How ln E[det M; M > 0] depends on sigma^2: rows of coefficients (of sigma^2, of sigma^4), one per energy.

    In units of the sigma^2 of minima that changes smoothly with the energy: up to a constant an energy shares its
    parabola with its neighbours, which count less.  It is concave, and a line where points are too few to tell.
    """
    result, order = np.zeros((len(energies), 2)), np.argsort(energies)
    for place, e in enumerate(order):
        near = [k for k in range(max(place - 2, 0), min(place + 3, len(order))) if len(seen[order[k]])]
        x = [seen[order[k]][:, 0] / variances[order[k]] - 1 for k in near]
        if not near or not max(np.ptp(one) for one in x) > _SAME:
            continue
        width = np.sqrt(np.mean([np.mean(one**2) for one in x]))
        features, logs = [], []
        for k, one in zip(near, x, strict=True):
            weight, log = 0.7 ** abs(k - place), seen[order[k]][:, 1]
            powers = np.column_stack([one / width, (one / width) ** 2])
            features.append(weight * (powers - powers.mean(axis=0)))
            logs.append(weight * (log - log.mean()))
        a, b = np.concatenate(features), np.concatenate(logs)
        # Populations scatter by about one; a curvature of a few is plausible, and one of many has to be shown.
        slope, bend = np.linalg.solve(a.T @ a + np.diag([1e-6, 0.25]), a.T @ b)
        if bend > 0:
            slope, bend = (a[:, 0] @ b) / (a[:, 0] @ a[:, 0] + 1e-6), 0.0
        slope, bend = slope / width, bend / width**2
        result[e] = (slope - 2 * bend) / variances[e], bend / variances[e] ** 2
    return result


def tuned(
    h: Array, p: int, energies: Array, size: int, rng: np.random.Generator
) -> tuple[list[Proposal], Array]:
    """A proposal for each energy, and the logarithm of the density there as the pilot populations saw it.

    Two pilots and then three per energy: where the first two were the slope may be another than where the minima are,
    and at large p weights differ by e-folds if it is wrong by a few per cent.
    """
    size = max(size, 32)  # an estimate that is far off here costs more than it saves
    variances, seen = _walk(h, p, energies, size, rng)
    logs = np.full(len(energies), -np.inf)
    for last in (False, True):
        responses = _responses(energies, variances, seen)
        proposals = []
        for e, energy in enumerate(energies):
            one = Proposal(float(energy), float(variances[e]), *map(float, responses[e]))
            if len(seen[e]):
                for _ in range(3):
                    drawn, spread, score = weighted_profiles(h, energy, p, _CANDIDATES, one.variance, rng)
                    score += one.expected(spread)
                    one = replace(one, variance=_mean(spread, score))
                variances[e] = one.variance
                constant = np.mean(seen[e][:, 1] - one.expected(seen[e][:, 0]))
                logs[e] = logsumexp(score) - np.log(len(score)) + constant
                if not last:
                    three = _pilots(h, p, energy, drawn, score, [0.03, 0.5, 0.97], size, rng)
                    seen[e] = np.concatenate([seen[e], three[np.isfinite(three[:, 1])]])
            proposals.append(one)
    return proposals, logs
