"""Exact laws over Haar-random states, against other exact results and exhaustive averages over Pauli words."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats
from statistical import agree, alarm

from qgmutils import circuits
from qgmutils.engine import landscape
from qgmutils.field import haar
from qgmutils.losses import hamiltonians


@pytest.mark.parametrize(("n_qubits", "rank"), [(1, 1), (2, 1), (3, 5), (4, 2), (6, 8), (8, 4), (8, 200)])
def test_cdf_of_a_projector_is_a_beta_law(n_qubits, rank, rng):
    problem = hamiltonians.projector(n_qubits, rank=rank, basis="computational")
    energy = rng.uniform(0, problem.levels[-1], 20)
    exact = stats.beta.cdf(energy * rank / problem.dim, rank, problem.dim - rank)
    # Quadrature: the trapezoidal rule is exact here, the cut at ln u = -25 leaves less than sqrt(N) e^-25.
    np.testing.assert_allclose(haar.energy_cdf(energy, problem.levels), exact, atol=1e-9)


def test_cdf_outside_the_spectrum_is_zero_or_one(rng):
    levels = rng.normal(size=7)
    ends = [levels.min() - 1, levels.min(), levels.max(), levels.max() + 1]
    np.testing.assert_array_equal(haar.energy_cdf(ends, levels), [0, 0, 1, 1])


def test_cdf_of_any_levels_is_that_of_sampled_states(rng):
    levels = rng.exponential(size=12)
    weights = rng.dirichlet(np.ones(12), 20000)
    assert stats.kstest(weights @ levels, lambda e: haar.energy_cdf(e, levels)).pvalue > alarm()


@pytest.mark.parametrize(("n_qubits", "rank"), [(2, 1), (3, 5), (5, 4), (8, 16)])
def test_moments_of_a_projector(n_qubits, rank):
    problem = hamiltonians.projector(n_qubits, rank=rank, basis="computational")
    dim, m = problem.dim, problem.degrees_of_freedom
    share = rank / dim
    assert haar.third_moment_ratio(problem.levels) == pytest.approx((1 - 2 * share) / (1 - share), abs=1e-12)
    law = stats.beta(rank, dim - rank, scale=dim / rank)
    skewness = float(law.stats(moments="s"))
    assert haar.skewness_ratio(problem.levels) == pytest.approx(skewness * np.sqrt(m) / 2, abs=1e-10)

    def mean(f):
        return integrate.quad(lambda e: f(e) * law.pdf(e), 0, dim / rank, limit=400, epsabs=1e-12)[0]

    square = mean(lambda e: e * (dim / rank - e))  # sigma^2 of a projector is a function of E
    covariance = mean(lambda e: e * (dim / rank - e) * (e - 1))
    assert haar.gradient_slope(problem.levels) == pytest.approx(covariance / law.var() / square, abs=1e-7)
    level = m / 2 * square * 2 * dim / (dim**2 - 1)
    assert haar.gradient_level(dim) == pytest.approx(level, abs=1e-7)


def test_third_moment_vanishes_for_symmetric_levels():
    assert haar.third_moment_ratio(hamiltonians.tfim(4).levels) == pytest.approx(0, abs=1e-12)


def rotation(word, angle):
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])
    letters = {"I": np.eye(2), "X": x, "Y": 1j * x @ z, "Z": z}
    pauli = np.eye(1)
    for letter in word:
        pauli = np.kron(pauli, letters[letter])
    return np.cos(angle) * np.eye(len(pauli)) - 1j * np.sin(angle) * pauli


@pytest.mark.parametrize(("n_qubits", "n_params"), [(1, 1), (1, 3), (2, 1), (2, 2)])
def test_correlation_is_the_average_over_all_signed_words(n_qubits, n_params, rng):
    dim = 2**n_qubits
    a = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    c = a + a.conj().T
    c -= np.trace(c) / dim * np.eye(dim)
    first, second = rng.uniform(0, np.pi, (2, n_params))
    words = ["".join(w) for w in itertools.product("IXYZ", repeat=n_qubits)][1:]
    total = 0.0
    signed = list(itertools.product(words, (1, -1)))
    for chosen in itertools.product(signed, repeat=n_params):
        u = v = np.eye(dim)
        for (word, sign), s, t in zip(chosen, first, second, strict=True):
            u, v = rotation(word, sign * s) @ u, rotation(word, sign * t) @ v
        # Covariance over Haar-random references is tr(c_u c_v) / (N (N + 1)) for traceless c.
        total += np.trace(u.conj().T @ c @ u @ v.conj().T @ c @ v).real
    observed = total / len(signed) ** n_params / np.trace(c @ c).real
    assert observed == pytest.approx(haar.circuit_correlation(first - second, dim), abs=1e-12)


def test_circuit_correlation_tends_to_the_field(rng):
    difference = rng.uniform(0, np.pi, (5, 8))
    gap = haar.circuit_correlation(difference, 2**10) - haar.field_correlation(difference)
    assert np.abs(gap).max() < 8 * 4.0**-10  # each of 8 factors of at most 1 moves by at most 1 / (N^2 - 1)
    assert np.abs(haar.circuit_correlation(difference, 2) - haar.field_correlation(difference)).max() > 1e-6


def test_intraclass_correlation_is_the_mean_over_angles():
    grid = np.array(
        list(itertools.product(np.arange(3) * np.pi / 3, repeat=4))
    )  # exact for degree 1 in cos 2t
    expected = haar.circuit_correlation(grid, 4).mean()
    assert haar.intraclass_correlation(4, 4) == pytest.approx(expected, abs=1e-13)


def test_variance_of_the_derivative_is_exact_at_any_state(rng):
    problem = hamiltonians.gue(2, seed=int(rng.integers(1000)))
    state = circuits.haar_state(4, rng)
    squares = []
    for x, z in itertools.product(range(4), repeat=2):
        if (x, z) != (0, 0):
            one = [np.array([v]) for v in (x, z, 0)]
            circuit = circuits.Circuit(2, 1, *one, np.ones(1), np.zeros(1), state)
            squares.append(landscape(circuit, problem).value_and_gradient(np.zeros((1, 1)))[1].item() ** 2)
    applied = problem.matrix @ state
    variance = np.vdot(applied, applied).real - np.vdot(state, applied).real ** 2
    assert np.mean(squares) == pytest.approx(2 * variance * 4 / 15, abs=1e-12)


def test_tangent_hessians_have_the_stated_moments(rng):
    levels, energy, variance, size = rng.exponential(size=16), 0.4, 0.7, 4000
    drawn = haar.sample_tangent_hessians(levels, np.full(size, energy), np.full(size, variance), 3, rng)
    np.testing.assert_array_equal(drawn, drawn.transpose(0, 2, 1))
    diagonal, beside = drawn[:, 0, 0], drawn[:, 0, 1]
    expected = (np.mean((levels - energy) ** 2) + variance) / 32
    agree(diagonal.mean(), levels.mean() - energy, diagonal.std() / np.sqrt(size))
    agree(beside.mean(), 0, beside.std() / np.sqrt(size))
    agree(np.mean(beside**2), expected, np.std(beside**2) / np.sqrt(size))


@pytest.mark.parametrize("levels", [[1.0], [2.0, 2.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_bad_levels_are_refused(levels):
    with pytest.raises(ValueError, match="levels must be"):
        haar.energy_cdf(0.5, levels)


def test_energies_and_variances_must_match(rng):
    with pytest.raises(ValueError, match="one length"):
        haar.sample_tangent_hessians([0.0, 1.0], [0.1, 0.2], [0.1], 2, rng)


def test_degenerate_levels_are_sampled_as_if_they_were_apart(rng):
    """Triangular factors for degenerate levels: the law of levels that differ by 1e-9."""
    levels = np.repeat([0.0, 4.0], [12, 4])
    apart = levels + 1e-9 * np.arange(16)
    energies, variances = np.full(4000, 0.4), np.full(4000, 0.2)
    together, separate = (
        np.linalg.eigvalsh(haar.sample_tangent_hessians(h, energies, variances, 5, rng))
        for h in (levels, apart)
    )
    for position in range(5):
        assert stats.ks_2samp(together[:, position], separate[:, position]).pvalue > alarm()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: haar.energy_cdf(np.nan, [0, 2]), "energy has 1 entries that are nan"),
        (lambda: haar.energy_cdf([0.5, np.nan], [0, 2]), "energy has 1 entries that are nan"),
        (lambda: haar.energy_cdf(0.5j, [0, 2]), "energy must be an array of real numbers"),
        (lambda: haar.energy_cdf(1, ["0", "2"]), "levels must be an array of real numbers"),
        (lambda: haar.field_correlation([np.nan, 1]), "difference has 1 entries that are nan"),
        (lambda: haar.circuit_correlation([1.0], 1), "dim must be an integer of at least 2, got 1"),
        (lambda: haar.gradient_level(1), "dim must be"),
        (lambda: haar.intraclass_correlation(0, 4), "n_params must be"),
        (
            lambda: haar.sample_tangent_hessians([0, 2], [np.nan], [1], 2, np.random.default_rng(1)),
            "must be finite",
        ),
        (
            lambda: haar.sample_tangent_hessians([0, 2], [1], [-1], 2, np.random.default_rng(1)),
            "not negative",
        ),
    ],
)
def test_what_has_no_law_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_distribution_at_infinity():
    np.testing.assert_array_equal(haar.energy_cdf([-np.inf, -0.0, np.inf], [0, 1, 2]), [0, 0, 1])
