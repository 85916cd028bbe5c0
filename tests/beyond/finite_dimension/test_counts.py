"""Counts at finite dimension against exact laws, direct sampling of reflections, and enumerated circuits."""

import itertools

import numpy as np
import pytest
from levels import random_levels, separated_levels
from statistical import agree, sigmas

from qgmutils.beyond.finite_dimension import counts as finite
from qgmutils.beyond.finite_dimension import profiles, reflections
from qgmutils.field import bulk, densities, kac_rice
from qgmutils.field.critical_points import critical_points
from qgmutils.field.polynomials import from_function
from qgmutils.losses import hamiltonians

LEVELS = np.array([0.0, 0.6, 1.2, 2.2])


def _haar_vectors(rng, *shape):
    z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def _reflections(rng, size, dim):
    """U Z U^dagger with Haar U: 2 P - 1 with P the projector onto a random half of the space."""
    shape = (size, dim, dim // 2)
    half = np.linalg.qr(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))[0]
    return 2 * half @ half.conj().swapaxes(1, 2) - np.eye(dim)


def _direct(levels, n_params, size, width, rng):
    """States, reflections and derivatives drawn at random; those with all |dE/dtheta_i| < width are kept.

    Returns energies and indices of the kept ones, and the factor |det Hess| (pi / 2 width)^p / size of each.
    """
    dim = len(levels)
    psi = _haar_vectors(rng, size, dim)
    moved = np.empty((n_params, size, dim), complex)
    twice = np.empty((n_params, n_params, size, dim), complex)
    q = [_reflections(rng, size, dim) for _ in range(n_params)]
    for i in range(n_params):
        moved[i] = np.einsum("bij,bj->bi", q[i], psi)
        for j in range(i):
            twice[i, j] = np.einsum("bij,bj->bi", q[i], moved[j])
    energy = np.abs(psi) ** 2 @ levels
    applied = levels * psi
    gradient = 2 * np.einsum("ba,iba->bi", applied.conj(), -1j * moved).real
    hessian = np.empty((size, n_params, n_params))
    for i in range(n_params):
        hessian[:, i, i] = 2 * ((np.abs(moved[i]) ** 2) @ levels - energy)
        for j in range(i):
            both = np.einsum("ba,ba,a->b", moved[i].conj(), moved[j], levels)
            late = np.einsum("ba,ba->b", applied.conj(), twice[i, j])
            hessian[:, i, j] = hessian[:, j, i] = 2 * (both - late).real
    kept = (np.abs(gradient) < width).all(axis=1)
    values = np.linalg.eigvalsh(hessian[kept])
    factor = np.abs(values.prod(axis=1)) * (np.pi / (2 * width)) ** n_params / size
    return energy[kept], (values < 0).sum(axis=1), factor


def test_densities_agree_with_directly_sampled_reflections(rng):
    """The delta functions replaced by a window of the derivatives and by three bins of the energy."""
    levels, n_params, width = LEVELS, 2, 0.08
    energy, index, factor = _direct(levels, n_params, 300_000, width, rng)
    x, weights = np.polynomial.legendre.leggauss(5)
    # Where an index is rare its curvatures are small and the window is too wide; p = 3 leaves too few samples. At low
    # energies minima are common, at high ones maxima.  Between the levels the density is smooth.
    for low, high, wanted in ((0.3, 0.6, 0), (0.6, 1.2, None), (1.2, 1.6, n_params)):
        nodes = (low + high) / 2 + (high - low) / 2 * x
        inside = factor[
            (energy > low) & (energy < high) & ((index == wanted) if wanted is not None else True)
        ]
        density = finite.finite_log_density(nodes, levels, n_params, index=wanted, n_samples=8000, rng=rng)
        parts = np.exp(density.log_density) * weights * (high - low) / 2
        error = np.hypot(np.linalg.norm(inside), np.linalg.norm(parts * density.stderr))
        assert error < 0.15 * parts.sum()
        # Derivatives reach to 2 sigma, of the order of 1; 3 % for the window.
        agree(inside.sum(), parts.sum(), error, slack=0.03 * parts.sum())


def _enumerate(levels, n_params, n_circuits, rng):
    """Numbers per index and the minima's energies, for each of some circuits with Haar-rotated generators."""
    dim, counts, energies, complete = len(levels), [], [], 0
    for _ in range(n_circuits):
        generators, reference = _reflections(rng, n_params, dim), _haar_vectors(rng, dim)

        def energy(theta, generators=generators, reference=reference):
            state = np.tile(reference, (len(theta), 1))
            for angle, q in zip(theta.T[:, :, None], generators, strict=True):
                state = np.cos(angle) * state - 1j * np.sin(angle) * (state @ q.T)
            return np.abs(state) ** 2 @ levels

        points = critical_points(from_function(energy, n_params), rng, n_starts=200)
        complete += points.complete
        counts.append(np.bincount(points.index, minlength=n_params + 1))
        energies.append(points.value[points.index == 0])
    assert complete > 0.98 * n_circuits
    return np.array(counts), energies


@pytest.mark.parametrize(("dim", "n_params"), [(4, 2), (8, 4), (6, 3)])
def test_counts_and_energies_agree_with_enumerated_circuits(dim, n_params, rng):
    """Every critical point of random circuits: the theory has no approximation, even at these small dimensions."""
    # Between two levels that nearly meet the density of a small dimension has a feature that 24 energies do not see.
    levels = separated_levels(rng, dim)
    counts, energies = _enumerate(levels, n_params, 400, rng)
    sums = np.array([e.sum() for e in energies])
    for index in range(n_params + 1):
        theory = finite.finite_counts(levels, n_params, index=index, n_samples=2000, rng=rng)
        error = np.hypot(counts[:, index].std(ddof=1) / np.sqrt(400), theory.count_stderr[0])
        agree(counts[:, index].mean(), theory.count[0], error, freedom=399)
        if index == 0:
            mean = sums.sum() / counts[:, 0].sum()
            error = (sums - mean * counts[:, 0]).std(ddof=1) / counts[:, 0].mean() / np.sqrt(400)
            error = np.hypot(error, theory.mean_energy_stderr[0])
            agree(mean, theory.mean_energy[0], error, freedom=399)


def test_energies_of_enumerated_minima_have_the_density(rng):
    _, energies = _enumerate(LEVELS, 3, 800, rng)
    edges = np.array([0.0, 0.2, 0.4, 0.6, 0.9, 1.2])
    numbers = np.array([np.histogram(e, edges)[0] for e in energies])
    x, weights = np.polynomial.legendre.leggauss(8)
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        nodes = (low + high) / 2 + (high - low) / 2 * x
        density = finite.finite_log_density(nodes, LEVELS, 3, index=0, n_samples=4000, rng=rng)
        parts = np.exp(density.log_density) * weights * (high - low) / 2
        error = np.linalg.norm(parts * np.where(parts > 0, density.stderr, 0))
        # A bin that expects a few minima may show none: its variance is then that of a Poisson law.
        error = np.hypot(error, np.sqrt(max(numbers[:, k].var(ddof=1), parts.sum()) / 800))
        # Three minima more for the skew of a Poisson law; the rule is exact to a percent next to a level.
        agree(numbers[:, k].mean(), parts.sum(), error, slack=0.01 * parts.sum() + 3 / 800)


def test_alternating_sum_vanishes(rng):
    """Morse: sum (-1)^k count_k = 0 on the torus."""
    levels = random_levels(rng, 16)
    counts = [finite.finite_counts(levels, 3, index=k, n_samples=2000, rng=rng) for k in range(4)]
    total = sum((-1) ** k * c.count[0] for k, c in enumerate(counts))
    agree(total, 0, np.sqrt(sum(c.count_stderr[0] ** 2 for c in counts)))


def test_one_angle_has_the_exact_law_of_its_extrema(rng):
    """Along one angle E is a + b cos 2t + c sin 2t, with extrema a +- sqrt(b^2 + c^2)."""
    size = 200_000
    psi = _haar_vectors(rng, size, 4)
    moved = np.einsum("bij,bj->bi", _reflections(rng, size, 4), psi)
    before, after = np.abs(psi) ** 2 @ LEVELS, np.abs(moved) ** 2 @ LEVELS
    slope = np.einsum("ba,ba->b", (LEVELS * psi).conj(), -1j * moved).real
    mean, swing = (before + after) / 2, np.hypot((before - after) / 2, slope)
    x, weights = np.polynomial.legendre.leggauss(16)
    for extrema, index in ((mean - swing, 0), (mean + swing, 1)):
        for low, high in ((0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.2), (1.2, 1.6), (1.6, 2.2)):
            nodes = (low + high) / 2 + (high - low) / 2 * x
            density = finite.finite_log_density(nodes, LEVELS, 1, index=index, n_samples=5000, rng=rng)
            parts = np.exp(density.log_density) * weights * (high - low) / 2
            share = np.mean((extrema > low) & (extrema < high))
            if share * size < 100:  # too few for a normal law
                continue
            error = np.linalg.norm(parts * np.where(parts > 0, density.stderr, 0))
            error = np.hypot(np.sqrt(share / size), error)
            # Errors are about 0.3 %; the rule is exact to 0.2 % although the slope jumps at each level.
            agree(share, parts.sum(), error, slack=0.002 * share)


def test_projectors_in_large_spaces_are_the_field(rng):
    """For k and p much less than N a projector of rank k is the field with m = k; at N = 4 k it is not."""
    field = kac_rice.expected_counts(3, 4.0, index=0, n_samples=40_000, rng=rng)
    ratios, errors = [], []
    for dim in (16, 256):
        levels = np.repeat([0.0, dim / 4], [dim - 4, 4])
        counts = finite.finite_counts(levels, 3, n_samples=1000, rng=rng)
        ratios.append(counts.mean_energy[0] / field.mean_energy[0])
        errors.append(
            np.hypot(
                counts.mean_energy_stderr[0] / counts.mean_energy[0],
                field.mean_energy_stderr[0] / field.mean_energy[0],
            )
        )
        if dim == 256:
            error = np.hypot(counts.count_stderr[0], field.count_stderr[0])
            # Corrections are of the order of (k + p)/N = 3 %.
            agree(counts.count[0], field.count[0], error, slack=0.06 * field.count[0])
    agree(ratios[1], 1, errors[1], slack=0.06)
    assert abs(ratios[0] - 1) > 0.06 + sigmas() * errors[0]


@pytest.mark.parametrize(("name", "n_params"), [("spinless_fermi_hubbard", 24), ("xxz", 12), ("tfim", 20)])
def test_the_bulk_holds_all_minima(name, n_params, rng):
    """Against energies all over the range, at p near 2^n, where minima may have several humps."""
    levels = hamiltonians.build(name, 4, {}, seed=1).levels
    found = bulk.integrate(
        finite.minima_density(levels, n_params, n_samples=1024, rng=rng), levels.min(), levels.max()
    )
    angles = np.linspace(0, np.pi, 82)[1:-1]
    energies = levels.min() + np.ptp(levels) * np.sin(angles / 2) ** 2
    everywhere = finite.finite_log_density(energies, levels, n_params, index=0, n_samples=1024, rng=rng)
    number, error, mean, mean_error = bulk.integrate(everywhere, levels.min(), levels.max())
    assert error < 0.15 * number
    # 1 % for the 80 nodes; error bars of skewed estimates are known to a third.
    agree(found[0], number, np.hypot(found[1], error), slack=0.01 * number)
    agree(found[2], mean, np.hypot(found[3], mean_error), slack=0.01 * mean)


def test_rare_minima_at_high_energies_are_not_missed(rng):
    """Four angles, a projector of half rank: an eighth of the minima lies where one matrix in 100 is positive definite.

    Against plain sampling; single runs may be off by their error bar, but not all of them in the same direction.
    """
    levels, p, size = np.repeat([0.0, 2.0], 8), 4, 20_000
    energies = 2 * np.sin(np.linspace(0, np.pi, 42)[1:-1] / 2) ** 2
    logs = []
    for energy in energies:
        drawn, log_weights = profiles.sample_profiles(levels, energy, size, rng)
        values = np.linalg.eigvalsh(reflections.sample_critical_hessians(levels, drawn, p, rng))
        spread = energy * (2 - energy)  # two levels: the energy fixes it
        with np.errstate(divide="ignore"):
            positive = np.where(values[:, 0] > 0, np.log(np.abs(values)).sum(axis=1), -np.inf)
        factor = p * (np.log(np.pi) + reflections.gradient_log_density(16) - np.log(spread) / 2)
        logs.append(log_weights + positive + factor)
    number, error, mean, mean_error = bulk.integrate(densities.collect(energies, logs, 0.0), 0.0, 2.0)
    runs = np.array(
        [
            bulk.integrate(finite.minima_density(levels, p, n_samples=1024, rng=rng), 0.0, 2.0)
            for _ in range(8)
        ]
    )
    agree(runs[:, 0].mean(), number, np.hypot(error, np.linalg.norm(runs[:, 1]) / 8))
    agree(runs[:, 2].mean(), mean, np.hypot(mean_error, np.linalg.norm(runs[:, 3]) / 8))


def test_published_check_values(rng):
    """Transverse-field Ising rings, p = 5; 60 circuits of random Pauli words each had 0.628 and 0.760."""
    for n_qubits, enumerated in ((4, 0.628), (5, 0.760)):
        counts = finite.finite_counts(hamiltonians.tfim(n_qubits).levels, 5, n_samples=2048, rng=rng)
        # 60 circuits leave about 0.01, and random words commute half of the time while reflections do not.
        assert counts.mean_energy[0] == pytest.approx(enumerated, abs=0.03)


def test_tasks_return_a_normalised_density(rng):
    task = finite.FiniteMinimaDensity(
        tuple(hamiltonians.tfim(3).levels), 3, 8192, seed=int(rng.integers(1000))
    )
    table = task.run()
    assert len(table) == 24
    assert np.trapezoid(table["density"], table["energy"]) == pytest.approx(1, abs=1e-9)
    assert table.equals(task.run())


def test_unresolved_events_are_refused(rng):
    levels = hamiltonians.tfim(4).levels
    density = finite.finite_log_density([0.2, 2.0], levels, 12, index=0, n_samples=4096, rng=rng)
    assert density.resolved.tolist() == [True, False]
    assert np.isneginf(density.log_density[1])
    assert np.isinf(density.stderr[1])
    # With more than 2 N angles there is no minimum but the ground state.
    with pytest.raises(densities.UnresolvedError, match="raise n_samples"):
        finite.finite_counts(levels, 40, n_samples=16, rng=rng)


def test_bad_arguments_are_refused(rng):
    levels = [0.0, 0.5, 1.0, 2.5]
    with pytest.raises(ValueError, match="levels must be"):
        profiles.sample_profiles([0.0, 1.0, 2.0], 0.5, 3, rng)
    with pytest.raises(ValueError, match="energy must lie"):
        finite.finite_log_density([2.6], levels, 2, n_samples=10, rng=rng)
    with pytest.raises(ValueError, match="rates must be"):
        profiles.sample_profiles(levels, 0.5, 3, rng, rates=[1.0, 1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="index must be"):
        finite.finite_log_density([0.5], levels, 2, index=3, n_samples=10, rng=rng)
    with pytest.raises(ValueError, match="n_params must be"):
        finite.finite_log_density([0.5], levels, 0, n_samples=10, rng=rng)
    with pytest.raises(ValueError, match="profiles must have shape"):
        reflections.sample_critical_hessians(levels, [[0.5, 0.5]], 2, rng)
    with pytest.raises(ValueError, match="more than one level"):
        reflections.sample_critical_hessians(levels, [[1.0, 0.0, 0.0, 0.0]], 2, rng)
