from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statistical

from qgmutils.report import predicates
from qgmutils.report.predicates import Finding

NAN = float("nan")
NO = None


@pytest.mark.parametrize(
    ("finding", "holds", "value", "expected", "tolerance", "failing"),
    [
        (predicates.within(1.04, 1, tolerance=0.05), True, 1.04, 1, 0.05, 0),
        (predicates.within(1.06, 1, tolerance=0.05), False, 1.06, 1, 0.05, 1),
        (predicates.within([1.01, 0.8, 1.1], 1, error=0.05, sigmas=3), False, 0.8, 1, 0.15, 1),
        (predicates.within([1.01, 0.8, 1.1], 1, error=0.05, sigmas=3, doubt=4.5), None, 0.8, 1, 0.15, 0),
        (predicates.within([1.01, 0.7, 1.1], 1, error=0.05, sigmas=3, doubt=4.5), False, 0.7, 1, 0.15, 1),
        (predicates.within(1.0, 1, error=0.2, sigmas=5, resolution=0.5), None, 1, 1, 1, 0),
        (predicates.within(5.0, 1, error=0.2, sigmas=5, resolution=0.5), None, 5, 1, 1, 0),
        (predicates.within([2.0, 3.0], [2.0, 3.5]), False, 3.0, 3.5, 0, 1),
        (predicates.ratio([2.1, 3.8], [2, 4], error=0.1), True, 0.95, 1, 0.075, 0),
        (predicates.ratio(3, 2, error=0.1), False, 1.5, 1, 0.15, 1),
        (predicates.ratio(2, 2, error=0.4), None, 1, 1, 0.6, 0),
        (predicates.contains(1, 3, 3), True, 2, 3, 0, 0),
        (predicates.contains([1, 1], [3, 3], [2, 5], margin=1), False, 2, 5, 1, 1),
        (predicates.contains([1, 1], [3, 3], [2, 5], margin=2, value=[2.5, 1.5]), True, 1.5, 5, 2, 0),
        (predicates.above(0.4, 0.3), True, 0.4, (0.3, None), 0, 0),
        (predicates.above(0.3, 0.3), False, 0.3, (0.3, None), 0, 1),
        (predicates.above([0.4, 0.9], 0.3, error=0.05, sigmas=3), None, 0.4, (0.3, None), 0, 0),
        (predicates.above([0.1, 0.4], 0.3, error=0.05, sigmas=3), False, 0.1, (0.3, None), 0, 1),
        (predicates.above(0.4, 0.3, interval=(0.35, 0.8)), True, 0.4, (0.3, None), 0, 0),
        (predicates.below(0.4, 0.3), False, 0.4, (None, 0.3), 0, 1),
        (predicates.below(0.2, 0.3, interval=(0.1, 0.4)), None, 0.2, (None, 0.3), 0, 0),
        (predicates.below([-6.5, -5.5], 0, interval=([-9, -7], [-4, -2])), True, -5.5, (None, 0), 0, 0),
        (predicates.share_at_least(97, 100, 0.97), True, 0.97, (0.97, None), 0, 0),
        (predicates.share_at_least(96, 100, 0.97), False, 0.96, (0.97, None), 0, 1),
        (predicates.share_at_least(97, 100, 0.97, confidence=0.95), None, 0.97, (0.97, None), 0, 0),
        (predicates.share_at_least(1000, 1000, 0.97, confidence=0.95), True, 1, (0.97, None), 0, 0),
        (predicates.share_at_least(5, 100, 0.97, confidence=0.95), False, 0.05, (0.97, None), 0, 1),
        (predicates.share_at_most(1, 100, 0.01), True, 0.01, (None, 0.01), 0, 0),
        (predicates.share_at_most(2, 100, 0.01), False, 0.02, (None, 0.01), 0, 1),
        (predicates.share_at_most(2, 100, 0.01, confidence=0.95), None, 0.02, (None, 0.01), 0, 0),
        (predicates.none_below([1, 2, 3], 1), True, 0, 0, 0, 0),
        (predicates.none_below([0, 2, 3, 4], 1), False, 0.25, 0, 0, 1),
        (predicates.largest_z([1, -2.9], 3), True, 2.9, 0, 3, 0),
        (predicates.largest_z([1, -3.1], 3), False, 3.1, 0, 3, 1),
        (predicates.largest_z([1, -3.1], 3, reject=4.5), None, 3.1, 0, 3, 0),
        (predicates.largest_z([1, -4.6], 3, reject=4.5), False, 4.6, 0, 3, 1),
        (predicates.equal([30, 15], [30, 15]), True, 30, 30, 0, 0),
        (predicates.equal([30, 15], [30, 14]), False, 15, 14, 0, 1),
    ],
)
def test_answers(
    finding: Finding, holds: bool | None, value: float, expected: object, tolerance: float, failing: int
) -> None:
    assert finding.holds is holds
    assert finding.value == pytest.approx(value)
    assert finding.expected == pytest.approx(expected) or finding.expected == expected
    assert finding.tolerance == pytest.approx(tolerance)
    assert finding.failing == failing


# Every predicate on one sample that is decided.
PREDICATES: dict[str, Callable[[np.ndarray], Finding]] = {
    "within": lambda x: predicates.within(x, 0.0, tolerance=1.0),
    "within a NaN": lambda x: predicates.within(0.0, x, tolerance=1.0),
    "within an error of NaN": lambda x: predicates.within(0.0, 0.0, error=x, sigmas=1.0),
    "contains": lambda x: predicates.contains(x, x + 1.0, 0.5),
    "above": lambda x: predicates.above(x, -1.0),
    "above an interval": lambda x: predicates.above(x, -1.0, interval=(x, x)),
    "below": lambda x: predicates.below(x, 1.0),
    "none below": lambda x: predicates.none_below(x, -1.0),
    "largest z": lambda x: predicates.largest_z(x, 1.0),
    "equal": lambda x: predicates.equal(x, x),
}


@pytest.mark.parametrize("name", PREDICATES)
def test_no_data_is_no_answer(name: str) -> None:
    ask = PREDICATES[name]
    assert ask(np.zeros(3)).holds is True
    for nothing in (np.zeros(0), np.array([0.0, NAN]), np.array([NAN]), np.array([None, 0.0], dtype=float)):
        found = ask(nothing)
        assert found.holds is None
        assert found.value is None
        assert found.text == "no data"


def test_nothing_of_nothing_is_no_answer() -> None:
    assert predicates.share_at_least(0, 0, 0.97).holds is None
    assert predicates.share_at_most(0, 0, 0.01).holds is None


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize(("value", "cases"), [(NAN, 3), (None, 3), (1.0, 0), (float("inf"), 1)])
def test_a_yes_or_no_on_no_data_raises(holds: bool, value: float | None, cases: int) -> None:
    with pytest.raises(ValueError, match="without data it is None"):
        Finding(holds, value, 0.0, 1.0, 0.0, cases, 0, 0)


def test_several_findings() -> None:
    yes, no = predicates.equal(1, 1), predicates.equal(2, 1)
    unsure, empty = predicates.above(1, 0, error=1, sigmas=3), predicates.equal([], [])
    assert predicates.all_of(yes, yes) is yes
    assert predicates.all_of(yes, no, unsure) is no
    assert predicates.all_of(yes, unsure) is unsure
    assert predicates.all_of(no, yes, empty) is empty
    with pytest.raises(ValueError, match="at least one finding"):
        predicates.all_of()


def test_uncertainty_of_shares() -> None:
    # Wilson's interval of 8 of 10, from a table; none of 20 bounds a share by 1 - 0.05^(1/20).
    assert predicates.share_at_least(8, 10, 0.5).uncertainty == pytest.approx(0.8 - 0.4902, abs=1e-4)
    assert predicates.none_below(np.ones(20), 0.5).uncertainty == pytest.approx(1 - 0.05 ** (1 / 20))
    found = predicates.none_below([0, 0, 1, 1, 1], 0.5)
    assert found.value is not None
    assert found.uncertainty is not None
    assert scipy.stats.binom.cdf(2, 5, found.value + found.uncertainty) == pytest.approx(0.05)
    assert predicates.none_below(np.zeros(3), 0.5).uncertainty == 0


@pytest.mark.parametrize(
    ("count", "total", "bound"), [(2.9, 10, 0.5), (3, 2, 0.5), (-1, 2, 0.5), (1, 2, 1.5), (NAN, 2, 0.5)]
)
def test_impossible_shares_are_refused(count: float, total: int, bound: float) -> None:
    with pytest.raises(ValueError, match="a share needs whole numbers"):
        predicates.share_at_least(count, total, bound)  # type: ignore[arg-type]


def test_negative_errors_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        predicates.within(1.0, 1.0, error=-1.0)


def test_text() -> None:
    assert predicates.within(1.0412, 1, tolerance=1).text == "1.04"
    assert (
        predicates.above([1.04, 2], 1, error=[0.123, 0], sigmas=3).text
        == "1.04 ± 0.12, worst of 2, of which 0 fail"
    )


def test_text_names_the_case() -> None:
    rows = pd.DataFrame({"n_params": [4, 8], "ratio": [1.0, 1.5]}, index=[7, 7])
    found = predicates.within(rows["ratio"], 1)
    assert found.at(rows, "p = {n_params}") == "1.5, worst of 2, of which 1 fail: p = 8"
    assert predicates.within([], 1).at(rows[:0], "p = {n_params}") == "no data"


@pytest.mark.parametrize("samples", [2, 5, 40])
@pytest.mark.parametrize("sigmas", [2.0, 3.0])
def test_errors_from_few_values_are_as_rarely_wrong_as_exact_ones(samples, sigmas, rng):
    """A true statement is rejected by chance as often as with exact errors: counted over many samples."""
    repeats = 200_000
    data = rng.standard_normal((repeats, samples))
    means, errors = data.mean(axis=1), data.std(axis=1, ddof=1) / np.sqrt(samples)
    rate = 2 * scipy.stats.norm.sf(sigmas)
    rejected = predicates.within(means, 0.0, error=errors, sigmas=sigmas, samples=samples).failing
    statistical.agree(rejected / repeats, rate, np.sqrt(rate * (1 - rate) / repeats))
    assert predicates.largest_z(means / errors, sigmas, samples=samples).failing == rejected


def test_few_values_leave_open_what_many_decide() -> None:
    for samples, holds in ((1000, True), (3, None), (1, None)):
        assert predicates.above(1.0, 0.8, error=0.05, sigmas=3, samples=samples).holds is holds
        assert predicates.below(-1.0, -0.8, error=0.05, sigmas=3, samples=samples).holds is holds
    assert predicates.within(1.0, 0.8, error=0.05, sigmas=3, doubt=3, samples=1000).holds is False
    assert predicates.within(1.0, 0.0, error=0.05, sigmas=2, resolution=0.2, samples=3).holds is None
    # Each case has its own number; t of one degree of freedom is the tangent of the angle.
    found = predicates.within([1.1, 1.0], [1.0, 1.0], error=0.1, sigmas=1, samples=[2, 1000])
    assert found.tolerance == pytest.approx(0.1 * np.tan(np.pi * (0.5 - scipy.stats.norm.sf(1))))


def test_critical_counts() -> None:
    rows = pd.DataFrame({"p_c": [30.0, 62.0], "low": [29.0, 61.0], "high": [31.0, 63.0], "2m": [33.0, 62.0]})
    assert predicates.critical_count(rows, "2m").holds is True
    assert predicates.critical_count(rows.assign(**{"2m": [33.5, 62.0]}), "2m").holds is False
    assert predicates.critical_count(rows.assign(low=[np.nan, 61.0]), "2m").holds is None


def test_ends_of_intervals() -> None:
    rows = pd.DataFrame({"slope": [-1.0], "slope_low": [-2.0], "slope_high": [-0.5]})
    assert predicates.below(rows["slope"], 0, interval=predicates.ends(rows, "slope")).holds is True
