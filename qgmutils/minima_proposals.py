"""Where to look for minima of a given energy: profiles of the state, chosen by the minima they are expected to hold.

Given the energy, the number of minima depends on the profile |psi_a|^2 through its sigma^2 = <(H - E)^2> nearly alone.
Less of it is rarer but leaves more matrices positive definite.  Pilot populations show how much more, and profiles are
drawn and chosen accordingly, with exact weights: what the pilots got wrong costs accuracy, not truth (derived;
`docs/finite_dimension.md`, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .positive_definite import N_POPULATIONS
from .positive_reflections import populations
from .profiles import entropic_variance, profile_rates, sample_profiles
from .reflections import gradient_log_density

__all__ = ["Proposal", "estimates", "split", "tuned", "weighted_profiles"]

Array = NDArray[np.float64]

_LARGEST = 128  # matrices of a population: more are better spent on another profile
_CANDIDATES = 64  # profiles of which one is chosen for a population
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
    """How profiles of one energy are drawn, and chosen as if ln E[det M; M > 0] were tilt sigma^2 + const."""

    energy: float
    variance: float  # sigma^2 of the profile of largest entropy among those proposed
    tilt: float


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
    expected = proposal.tilt * spread
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


def _walk(
    h: Array, p: int, energies: Array, size: int, rng: np.random.Generator
) -> tuple[Array, list[Array]]:
    """Let the proposals' sigma^2 follow that of the minima, energy by energy.

    From low energies, where most matrices survive, to high ones; each starts from the last one's ratio to the sigma^2
    of the profile of largest entropy.  Two populations, whose profiles have different sigma^2, show how the estimate
    depends on it.  Without survivors in both sigma^2 is lowered: less of it leaves more matrices positive definite.

    Returns the sigma^2 found at each energy, and what the populations with survivors had there: columns sigma^2 and
    ln E[det M; M > 0].
    """
    variances, seen = np.empty(len(energies)), [np.empty((0, 2))] * len(energies)
    ratio, known = 1.0, False
    size = max(size, 32)  # an estimate that is far off here costs more than it saves
    for e in np.argsort(energies):
        energy = float(energies[e])
        neutral = entropic_variance(h, energy)
        variance = ratio * neutral
        for _ in range(1 if known else 4):
            drawn, spread, log_weights = weighted_profiles(h, energy, p, _CANDIDATES, variance, rng)
            chosen = np.argsort(spread)[[_CANDIDATES // 4, 3 * _CANDIDATES // 4]]
            found = populations(h, energy, np.sqrt(drawn[chosen]), p, size, rng)
            pair = np.column_stack([spread[chosen], found])
            seen[e] = np.concatenate([seen[e], pair[np.isfinite(found)]])
            if not np.isfinite(found).all():
                variance *= 0.6
                continue
            step = pair[1] - pair[0]
            tilt = step[1] / step[0] if step[0] > _SAME * variance else 0.0
            _, variance = _weigh(spread, log_weights, tilt, pair)
            ratio, known = variance / neutral, True
        variances[e] = variance
    return variances, seen


def _weigh(spread: Array, log_weights: Array, tilt: float, seen: Array) -> tuple[float, float]:
    """ln of the density, and the minima's mean sigma^2, from some profiles and a line through what was seen."""
    score = log_weights + tilt * spread
    offset = np.mean(seen[:, 1] - tilt * seen[:, 0])
    mean = float(np.average(spread, weights=np.exp(score - score.max())))
    return float(logsumexp(score) - np.log(len(score)) + offset), mean


def tuned(
    h: Array, p: int, energies: Array, size: int, rng: np.random.Generator
) -> tuple[list[Proposal], Array]:
    """A proposal for each energy, and the logarithm of the density there as the pilot populations saw it.

    How the estimate depends on sigma^2, in units of that of the profile of largest entropy, changes smoothly with the
    energy: neighbours share a slope.
    """
    variances, seen = _walk(h, p, energies, size, rng)
    neutral = np.array([entropic_variance(h, e) for e in energies])
    moments = np.zeros((len(energies), 2))  # of pairs around their mean: <x y> and <x x>
    for e, pairs in enumerate(seen):
        if len(pairs):
            x, y = (pairs - pairs.mean(axis=0)).T / np.array([[neutral[e]], [1.0]])
            x[np.abs(x) <= _SAME] = 0.0
            moments[e] = x @ y, x @ x
    tilts, order = np.zeros(len(energies)), np.argsort(energies)
    for place, e in enumerate(order):
        near = moments[order[max(place - 2, 0) : place + 3]].sum(axis=0)
        tilts[e] = near[0] / near[1] / neutral[e] if near[1] > 0 else 0.0
    proposals, logs = [], np.full(len(energies), -np.inf)
    for e, (energy, variance) in enumerate(zip(energies, variances, strict=True)):
        tilt = float(tilts[e])
        if len(seen[e]):
            for _ in range(3):
                _, spread, log_weights = weighted_profiles(h, energy, p, 4 * _CANDIDATES, variance, rng)
                logs[e], variance = _weigh(spread, log_weights, tilt, seen[e])
        proposals.append(Proposal(float(energy), variance, tilt))
    return proposals, logs
