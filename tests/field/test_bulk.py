"""Finding and sampling the bulk of densities that are known exactly."""

import numpy as np
import pytest
from scipy import stats
from statistical import alarm

from qgmutils.field import bulk, densities


def _normal(mean, width):
    return lambda e: -(((e - mean) / width) ** 2) / 2 - np.log(width * np.sqrt(2 * np.pi))


@pytest.mark.parametrize(("mean", "width"), [(0.4, 0.1), (0.05, 0.002), (1.7, 0.01)])
def test_bulk_is_found_and_integrated(mean, width, rng):
    log_density = _normal(mean, width)
    noisy = lambda e: log_density(e) + rng.normal(0, 0.5, e.shape)  # noqa: E731
    energies = bulk.find_bulk(noisy, 0.0, 2.0, 16)
    assert energies.min() < mean - 3 * width
    assert energies.max() > mean + 3 * width
    exact = densities.LogDensity(energies, log_density(energies), *np.zeros((2, 16)), np.ones(16, bool))
    number, _, average, _ = bulk.integrate(exact, 0.0, 2.0)
    # Nodes are less than a width apart, where the rule is exact; the ends beyond 3 widths hold 0.3 %.
    assert number == pytest.approx(1, abs=5e-3)
    assert average == pytest.approx(mean, abs=0.02 * width)


def test_two_humps_are_both_covered(rng):
    low, high = _normal(0.14, 0.02), _normal(0.27, 0.02)

    def scan(e):
        return np.logaddexp(low(e), high(e) - 1) + rng.normal(0, 0.5, e.shape)

    energies = bulk.find_bulk(scan, 0.0, 2.0, 16)
    assert energies.min() < 0.09
    assert energies.max() > 0.31


def test_narrow_humps_are_looked_at_closely():
    low, high = _normal(0.11, 0.012), _normal(0.2, 0.008)  # as those of the XXZ ring of 8 qubits at p = 256

    def log_density(e):
        return np.logaddexp(np.logaddexp(low(e) - 3, high(e)), _normal(0.3, 0.05)(e) - 8)

    energies = bulk.find_bulk(log_density, 0.0, 1.72, 16, enough=8)
    exact = densities.LogDensity(energies, log_density(energies), *np.zeros((2, 16)), np.ones(16, bool))
    number, _, average, _ = bulk.integrate(exact, 0.0, 1.72)
    masses, means = np.exp([-3, 0, -8]), [0.11, 0.2, 0.3]
    assert number == pytest.approx(masses.sum(), rel=0.02)
    assert average == pytest.approx(masses @ means / masses.sum(), abs=1e-3)


def test_nothing_found_leaves_the_whole_range():
    energies = bulk.find_bulk(lambda e: np.full(e.shape, -np.inf), 0.0, 2.0, 8)
    assert energies[0] < 0.1
    assert energies[-1] > 1.9


def test_errors_cover_repeats_and_sampling_stops_when_enough(rng):
    log_density = _normal(0.4, 0.1)
    energies = bulk.find_bulk(log_density, 0.0, 2.0, 16)
    wanted = bulk.Populations(10, 4, 50, 400.0, window=5)
    sizes, numbers, errors = [], [], []
    for _ in range(40):
        drawn = []

        def sample(energy, number, drawn=drawn):
            drawn.append(number)
            return log_density(energy) + rng.normal(0, 0.5, number) - 0.125  # of mean 1

        density = bulk.sample_bulk(energies, log_density(energies), sample, 0.0, 2.0, wanted)
        assert density.resolved.all()
        number, error, _, _ = bulk.integrate(density, 0.0, 2.0)
        assert (number / error) ** 2 >= 400
        numbers.append(number)
        errors.append(error)
        sizes.append(drawn[:16])
    # At the peak more is drawn than at the ends.
    assert all(max(s[5:11]) > 3 * max(s[0], s[-1]) for s in sizes)
    # 40 repeats have chi^2 of 40 degrees of freedom; errors are known to a fifth.
    limit = stats.chi2.isf(alarm(), 40) / 40 * 1.44
    assert np.mean((np.array(numbers) - 1) ** 2) < limit * np.mean(np.square(errors))


def test_pilots_share_out_the_samples(rng):
    """A median of three sees the two energies that hold all of the mass, and not the one pilot that is far off."""
    energies = bulk.find_bulk(_normal(0.5, 0.2), 0.0, 2.0, 16)
    pilot = np.full(16, -10.0)
    pilot[[4, 5]], pilot[12] = (0.0, -0.5), 5.0
    drawn = {}

    def sample(energy, number):
        drawn[energy] = number
        return rng.normal(0, 0.1, number)

    bulk.sample_bulk(energies, pilot, sample, 0.0, 2.0, bulk.Populations(10, 16, 1, 1.0, window=3))
    numbers = np.array([drawn[float(e)] for e in energies])
    assert numbers.min() == 4
    assert numbers[12] == 4
    # Both have half of the mass, or nearly, and so has either neighbour, as masses are averaged over three energies.
    assert numbers[[4, 5]].sum() > 0.4 * 256


def test_rounds_end_in_any_case(rng):
    wanted = bulk.Populations(10, 2, 3, 1e9, window=5)
    calls = []

    def sample(energy, number):
        calls.append(energy)
        return rng.normal(0, 1, number)

    energies = bulk.find_bulk(_normal(0.4, 0.1), 0.0, 2.0, 8)
    density = bulk.sample_bulk(energies, np.zeros(8), sample, 0.0, 2.0, wanted)
    assert len(calls) == 24
    assert not density.resolved.any()


def test_other_spacings_are_refused():
    values = np.array([0.1, 0.2, 0.4])
    density = densities.LogDensity(values, values, values, values, values > 0)
    with pytest.raises(ValueError, match="evenly spaced in phi"):
        bulk.integrate(density, 0.0, 1.0)
