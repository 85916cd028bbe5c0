from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
from statistical import ALARM, agree, alarm

from qgmutils.statistics import critical_counts
from qgmutils.statistics.intervals import UndeterminedError

REPEATS = 200


def solved_starts(
    rng: np.random.Generator, *, center: float, slope: float, spread: float, n_circuits: int = 26
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    params = np.repeat([20, 24, 28, 32, 36, 40], n_circuits * 4)
    # The same labels at every p: circuits with different p are different all the same.
    groups = np.tile(np.repeat(np.arange(n_circuits), 4), 6)
    shift = np.repeat(rng.normal(size=6 * n_circuits) * spread, 4)
    return params, rng.random(params.size) < scipy.special.expit(slope * (params - shift - center)), groups


def test_critical_count_is_the_maximum_of_the_likelihood(rng: np.random.Generator) -> None:
    params, solved, _ = solved_starts(rng, center=29.3, slope=0.5, spread=0)
    found = critical_counts.critical_count(params, solved, None, rng, n_resamples=100)

    def loss(x: np.ndarray) -> float:
        logit = x[1] * (params - x[0])
        return float(np.sum(np.logaddexp(0, logit) - solved * logit))

    best = scipy.optimize.minimize(
        loss, [30.0, 0.3], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    # Near a maximum the function is flat: its last digit (1e-13 relative) leaves 1e-6 of the argument open.
    assert (found.estimate, found.slope) == pytest.approx(tuple(best.x), rel=1e-5)


@pytest.mark.parametrize("n_circuits", [8, 26])
def test_critical_count_covers_with_groups(n_circuits: int, rng: np.random.Generator) -> None:
    covered = 0
    for _ in range(REPEATS):
        data = solved_starts(rng, center=29.3, slope=0.5, spread=2, n_circuits=n_circuits)
        found = critical_counts.critical_count(*data, rng, n_resamples=300)
        assert found.low <= found.estimate <= found.high
        covered += found.low <= 29.3 <= found.high
    assert covered >= scipy.stats.binom.ppf(alarm(), REPEATS, 0.95)


def test_critical_count_covers_a_crossing_between_sparse_counts(rng: np.random.Generator) -> None:
    """Often a single count has both solved and unsolved starts, which are few of either kind."""
    covered = 0
    for center in rng.uniform(28, 32, REPEATS):
        data = solved_starts(rng, center=center, slope=2, spread=0.5)
        found = critical_counts.critical_count(*data, rng, n_resamples=300)
        covered += found.low <= center <= found.high
    assert covered >= scipy.stats.binom.ppf(alarm(), REPEATS, 0.95)


@pytest.mark.parametrize(("won", "low", "high"), [(1, 12, 14), (2, 12, 12), (3, 10, 12)])
def test_one_mixed_count_is_one_end_of_the_gap(
    won: int, low: float, high: float, rng: np.random.Generator
) -> None:
    solved = [False] * 4 + [True] * won + [False] * (4 - won) + [True] * 4
    found = critical_counts.critical_count(np.repeat([10, 12, 14], 4), solved, None, rng)
    assert found.estimate == (low + high) / 2
    assert found.slope == np.inf
    # Resamples may have more or fewer solved starts at 12, which opens the gap on the other side.
    assert 10 <= found.low <= low + 0.1
    assert high - 0.1 <= found.high <= 14


def test_critical_count_of_a_step(rng: np.random.Generator) -> None:
    found = critical_counts.critical_count([10] * 6 + [14] * 6, [False] * 6 + [True] * 6, None, rng)
    assert found.estimate == 12
    assert found.slope == np.inf
    # The gap is covered but for the 2.5 % on either side: quantiles of 2000 draws, with their own (beta) law.
    share = scipy.stats.beta(50, 1951).ppf([alarm() / 2, 1 - ALARM / 2])
    assert share[0] < (found.low - 10) / 4 < share[1]
    assert share[0] < (14 - found.high) / 4 < share[1]


@pytest.mark.parametrize(
    ("params", "solved", "message"),
    [
        ([1, 1, 2, 2], [0, 0, 0, 1], "do not bracket 50 %"),
        ([1, 1, 2, 2], [1, 1, 0, 1], "do not bracket 50 %"),
        ([1, 1, 2, 2, 3, 3], [1, 1, 0, 1, 0, 0], "do not rise with p"),
    ],
)
def test_critical_count_refuses(
    params: list[int], solved: list[int], message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(UndeterminedError, match=message):
        critical_counts.critical_count(params, solved, None, rng)


def test_critical_count_refuses_an_unstable_crossing(rng: np.random.Generator) -> None:
    # Two circuits at each p: in one resample of 16 the fraction is 1/3 at both, without a crossing.
    params, solved, groups = (
        np.repeat([1, 2], 6),
        [0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1] * 2,
    )
    with pytest.raises(UndeterminedError, match="of 2000 resamples have no crossing"):
        critical_counts.critical_count(params, solved, groups, rng)


def test_critical_count_refuses_wrong_shapes(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="must be equal"):
        critical_counts.critical_count([1, 2], [True], None, rng)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"solved": np.where(np.arange(80) < 40, np.nan, 1.0)},
            r"solved must hold True and False, or 1 and 0, got",
        ),
        ({"solved": ["False"] * 80}, "solved must be an array of real numbers"),
        ({"solved": [None] * 80}, "solved must be an array of numbers"),
        ({"solved": np.full(80, 0.5)}, "solved must hold True and False"),
        ({"solved": np.ma.masked_array(np.zeros(80), np.ones(80))}, "solved has masked entries"),
        ({"n_params": np.full(80, np.nan)}, "80 entries that are not finite"),
        ({"groups": np.where(np.arange(80) < 2, np.nan, 1.0)}, "groups must be labels without gaps"),
        ({"groups": [None, *range(79)]}, "groups must be labels without gaps"),
        ({"groups": np.array([1, "a"] * 40, object)}, "groups must be labels .* of one type"),
        ({"confidence": 2}, "confidence must lie between 0 and 1, both excluded, got 2"),
        ({"confidence": np.nan}, "confidence must be one finite number"),
        ({"n_resamples": 0}, "n_resamples must be an integer of at least 2, got 0"),
        ({"n_resamples": 10**30}, "n_resamples must be an integer of at most 1000000"),
        ({"rng": 1}, r"rng must be a numpy\.random\.Generator"),
    ],
)
def test_critical_count_refuses_what_is_no_sample(
    changes: dict[str, Any], message: str, rng: np.random.Generator
) -> None:
    params, circuit = np.repeat([4, 6, 8, 10], 20), np.tile(np.arange(20), 4)
    given = {"n_params": params, "solved": (params > 6).astype(int), "groups": circuit, "rng": rng}
    assert critical_counts.critical_count(**given).estimate == 7  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        critical_counts.critical_count(**(given | changes))


def test_growth_tells_the_two_laws_apart(rng: np.random.Generator) -> None:
    n = np.arange(2, 9)
    for exponential, exact in ((True, 3 * 2.0**n), (False, 3 * n**2.5)):
        count = exact * np.exp(0.03 * rng.normal(size=n.size))
        found = critical_counts.growth_rate(
            n, count, np.stack([count * np.exp(-0.0588), count * np.exp(0.0588)], axis=1)
        )
        assert (found.aic_difference > 6) == exponential
        assert (found.aic_difference < -6) != exponential
        fit, slope = (found.exponential, 1.0) if exponential else (found.power, 2.5)
        x = n * np.log(2) if exponential else np.log(n)
        agree(fit.estimate, slope, 0.03 / np.sqrt(np.sum((x - x.mean()) ** 2)))


def test_growth_covers(rng: np.random.Generator) -> None:
    n, covered = np.arange(2, 8), 0
    for _ in range(REPEATS):
        count = 2.0**n * np.exp(0.05 * rng.normal(size=n.size))
        found = critical_counts.growth_rate(
            n, count, np.stack([count * np.exp(-0.098), count * np.exp(0.098)], axis=1)
        )
        covered += found.exponential.low <= 1 <= found.exponential.high
    assert covered >= scipy.stats.binom.ppf(alarm(), REPEATS, 0.95)


@pytest.mark.parametrize("factor", [1.001, 3.0])
def test_growth_is_a_regression(factor: float) -> None:
    """Against an ordinary regression: intervals that are narrower, and wider, than the scatter."""
    n, noise = np.array([2, 3, 4, 5, 7, 8]), 0.1 * np.array([1, -2, 1.5, 0.5, -1.5, 0.5])
    log_count = 1 + 0.9 * n + noise
    count = 2**log_count
    found = critical_counts.growth_rate(n, count, np.stack([count / factor, count * factor], axis=1))
    sigma, squares = np.log2(factor) / scipy.stats.norm.ppf(0.975), []
    for x, slope in ((n, found.exponential), (np.log2(n), found.power)):
        line = scipy.stats.linregress(x, log_count)
        squares.append(np.sum((log_count - line.intercept - line.slope * x) ** 2))
        assert slope.estimate == pytest.approx(line.slope, rel=1e-9)
        # Six points less two parameters; the larger of the two errors.
        error = max(line.stderr, sigma / np.sqrt(np.sum((x - x.mean()) ** 2)))
        assert slope.high - slope.low == pytest.approx(2 * scipy.stats.t.ppf(0.975, 4) * error, rel=1e-9)
    if factor < 2:  # errors are unknown: AIC is K ln of the sum of squares
        assert found.aic_difference == pytest.approx(6 * np.log(squares[1] / squares[0]), rel=1e-9)
    else:  # errors are those of the intervals
        assert found.aic_difference == pytest.approx((squares[1] - squares[0]) / sigma**2, rel=1e-9)


def test_growth_refuses() -> None:
    with pytest.raises(UndeterminedError, match="n must be at least 3 different"):
        critical_counts.growth_rate([2, 3, 3], [1, 2, 3], [[1, 2]] * 3)
    with pytest.raises(UndeterminedError, match=r"a factor between 2\^0.001 and 2\^100"):
        critical_counts.growth_rate([2, 1e300, 3], [1, 2, 3], [[1, 2]] * 3)
    with pytest.raises(ValueError, match=r"n, count, low, high must be equally long, got \[3, 2, 3, 3\]"):
        critical_counts.growth_rate([2, 3, 4], [1, 2], [[1, 2]] * 3)
    with pytest.raises(ValueError, match="must be positive"):
        critical_counts.growth_rate([2, 3, 4], [1, 2, -3], [[1, 2]] * 3)
    with pytest.raises(ValueError, match=r"intervals must have the shape \(K, 2\), got \(2, 3\)"):
        critical_counts.growth_rate([2, 3, 4], [1, 2, 3], [[1, 2, 3], [2, 3, 4]])
    with pytest.raises(ValueError, match="low must not lie above high"):
        critical_counts.growth_rate([2, 3, 4], [1, 2, 3], [[2, 1]] * 3)
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        critical_counts.growth_rate([2, 3, 4], [1, 2, 3], [[1, 2]] * 3, confidence=2)


def test_collapse_is_measured_in_ln_x(rng: np.random.Generator) -> None:
    factors = np.exp(rng.normal(size=4))
    x = np.geomspace(0.1, 100, 400)
    y = 1 / (1 + x)
    before = [(x * factor, y) for factor in factors]
    # All curves share the grid, so interpolation moves them by the same factor.
    assert critical_counts.collapse_spread(before) == pytest.approx(np.log(factors).std(ddof=1), rel=1e-9)
    assert critical_counts.collapse_spread([(a / f, b) for (a, b), f in zip(before, factors)]) < 1e-12
    assert critical_counts.collapse_spread([(7 * a, b) for a, b in before]) == pytest.approx(
        critical_counts.collapse_spread(before), rel=1e-9
    )


def test_collapse_refuses() -> None:
    with pytest.raises(UndeterminedError, match="at least 2"):
        critical_counts.collapse_spread([([1, 2], [0, 1])])
    with pytest.raises(UndeterminedError, match="share no heights"):
        critical_counts.collapse_spread([([1, 2], [0, 1]), ([1, 2], [2, 3])])
    with pytest.raises(ValueError, match="n_levels must be an integer of at least 1, got 0"):
        critical_counts.collapse_spread([([1, 2], [0, 1])] * 2, n_levels=0)
    with pytest.raises(ValueError, match=r"y has the shape .* 1 entries that are not finite"):
        critical_counts.collapse_spread([([1, 2], [0, np.nan])] * 2)
    with pytest.raises(ValueError, match="x must be positive and increase"):
        critical_counts.collapse_spread([([2, 1], [0, 1]), ([1, 2], [0, 1])])


def test_one_circuit_says_nothing_about_others(rng: np.random.Generator) -> None:
    counts, solved = np.repeat([1, 2, 3], 4), [False] * 4 + [False, True] * 2 + [True] * 4
    with pytest.raises(UndeterminedError, match="all starts at p = 2 share one group"):
        critical_counts.critical_count(counts, solved, np.zeros(12), rng)
    # A step is no share of starts: its interval covers the gap.
    step = critical_counts.critical_count(counts[counts != 2], [False] * 4 + [True] * 4, np.zeros(8), rng)
    assert step.low < step.estimate < step.high
