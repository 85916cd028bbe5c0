import dataclasses

import dense
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from statistical import alarm

from qgmutils import circuits, minimize
from qgmutils.circuits.randomised import Randomised
from qgmutils.engine import landscape
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.training import TrainTask
from qgmutils.losses import hamiltonians
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.losses.loss import Loss

TOLERANCE = minimize.GRADIENT_TOLERANCE


def case(n_qubits, n_params, rng, *, problem=None, **options):
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng, **options)
    return landscape(circuit, hamiltonians.gue(n_qubits) if problem is None else problem)


def starts(count, n_params, rng):
    return rng.uniform(0, np.pi, (count, n_params))


@pytest.fixture(params=["BFGS", "L-BFGS"])
def method(request, monkeypatch):
    """Either search at any number of angles."""
    monkeypatch.setattr(minimize, "BFGS_MAX_PARAMS", 10_000 if request.param == "BFGS" else 0)
    return request.param


def equal(a, b):
    for field in dataclasses.fields(minimize.Minima):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


@pytest.mark.parametrize("layers", [1, 2])
def test_certificates_against_dense(method, layers, rng):
    surface = case(3, 6, rng, n_gates=6 * layers)
    found = minimize.minimize(surface, starts(12, 6, rng))
    assert list(found.reason) == ["converged"] * 12
    assert np.all(found.gradient_norm <= TOLERANCE)
    assert np.all(found.iterations > 0)
    for k, theta in enumerate(found.theta):
        slow = dense.Landscape(surface.circuit, surface.loss, theta)
        eigenvalues = np.linalg.eigvalsh(slow.hessian)
        null = minimize.NULL_TOLERANCE * max(1, np.abs(eigenvalues).max())
        # The two implementations differ by 1e-13 in all of these.
        assert np.abs(slow.gradient).max() < TOLERANCE + 1e-11
        assert found.gradient_norm[k] == pytest.approx(np.abs(slow.gradient).max(), abs=1e-11)
        assert found.loss[k] == pytest.approx(slow.energy, abs=1e-11)
        assert found.hessian_min[k] == pytest.approx(eigenvalues[0], abs=1e-10)
        # Eigenvalues within 1e-10 of the limit could be counted either way; none is, but for one run in 10^4.
        assert found.n_negative[k] == np.sum(eigenvalues < -null)
        assert found.n_null[k] == np.sum(np.abs(eigenvalues) <= null)
        assert found.certified[k] == (found.n_negative[k] == 0)
    assert found.certified.sum() >= 11  # a saddle attracts starts of measure zero only


def test_gradients_at_the_end_by_pennylane(method, rng):
    surface = case(3, 5, rng)
    found = minimize.minimize(surface, starts(4, 5, rng))
    pennylane = landscape(surface.circuit, surface.loss, engine="pennylane")
    energy, gradient = pennylane.value_and_gradient(found.theta)
    assert np.abs(gradient).max() < TOLERANCE + 1e-11
    np.testing.assert_allclose(energy, found.loss, rtol=0, atol=1e-11)


def test_energy_never_rises(method, rng):
    surface = case(4, 10, rng)
    theta = starts(30, 10, rng)
    found = minimize.minimize(surface, theta)
    assert np.all(found.loss <= surface.value(theta))
    assert np.all(found.loss >= -1e-14 * surface.loss.levels[-1])  # E >= 0 but for its rounding


@pytest.mark.parametrize("n_params", [1, 7, 8, 9])  # vectors are padded to whole registers
def test_results_do_not_depend_on_grouping(method, n_params, rng):
    surface = case(4, n_params, rng)
    theta = starts(19, n_params, rng)
    whole = minimize.minimize(surface, theta)
    order = rng.permutation(19)
    shuffled = minimize.minimize(surface, theta[order])
    for field in dataclasses.fields(minimize.Minima):
        np.testing.assert_array_equal(getattr(shuffled, field.name), getattr(whole, field.name)[order])
    for sizes in ([1] * 19, [7, 12], [8, 8, 3], [16, 3]):
        groups = np.split(theta, np.cumsum(sizes)[:-1])
        parts = [minimize.minimize(surface, group) for group in groups]
        fields = [f.name for f in dataclasses.fields(minimize.Minima)]
        equal(minimize.Minima(*(np.concatenate([getattr(p, f) for p in parts]) for f in fields)), whole)


def extremum(surface, *, highest=False):
    """Angle and energy of the minimum of a + b cos 2t + c sin 2t, the law of one angle in one gate."""
    e0, e1, e2 = surface.value(np.array([[0], [np.pi / 4], [np.pi / 2]]))
    a, b = (e0 + e2) / 2, (e0 - e2) / 2
    c = e1 - a
    sign = 1 if highest else -1
    return np.arctan2(sign * c, sign * b) / 2, a + sign * np.hypot(b, c)


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_one_angle_by_hand(engine, rng):
    surface = case(3, 1, rng)
    angle, lowest = extremum(surface)
    found = minimize.minimize(landscape(surface.circuit, surface.loss, engine=engine), starts(5, 1, rng))
    # The energy is quadratic at the minimum: a gradient of 1e-8 leaves 1e-16 over the curvature.
    np.testing.assert_allclose(found.loss, lowest, rtol=0, atol=1e-12)
    curvature = surface.hessian([[angle]])[0, 0, 0]
    np.testing.assert_allclose(found.hessian_min, curvature, rtol=1e-6)
    np.testing.assert_allclose(np.sin(found.theta[:, 0] - angle), 0, atol=2e-8 / curvature + 1e-7)


def test_a_maximum_is_not_certified(method, rng):
    surface = case(3, 1, rng)
    angle, highest = extremum(surface, highest=True)
    found = minimize.minimize(surface, [[angle]])
    assert (found.reason[0], found.iterations[0]) == ("converged", 0)
    assert found.loss[0] == pytest.approx(highest, abs=1e-12)
    assert found.hessian_min[0] < 0
    assert (found.n_negative[0], found.n_null[0], found.certified[0]) == (1, 0, False)


def test_a_flat_direction_is_counted(method):
    # Z on |00> is a phase: any angle is a minimum, in the weak sense, with one null eigenvalue.
    z, zeros = np.array([2]), np.zeros(1, np.int64)
    reference = np.eye(1, 4, dtype=complex)[0]
    circuit = circuits.Circuit(2, 1, zeros, z, zeros, np.ones(1), np.zeros(1), reference)
    found = minimize.minimize(landscape(circuit, hamiltonians.tfim(2)), [[0.3]])
    assert (found.iterations[0], found.n_negative[0], found.n_null[0]) == (0, 0, 1)
    assert found.certified[0]
    assert found.loss[0] > 0.1


def scipy_minima(surface, theta):
    """Energies and iterations of scipy's L-BFGS-B, the peer, from the same starts."""

    def objective(x):
        energy, gradient = surface.value_and_gradient(x[None])
        return energy[0], gradient[0]

    options = {"gtol": 1e-9, "ftol": 0, "maxiter": 10_000, "maxfun": 10_000}
    found = [
        scipy.optimize.minimize(objective, x, jac=True, method="L-BFGS-B", options=options) for x in theta
    ]
    return np.array([f.fun for f in found]), np.array([f.nit for f in found])


@pytest.mark.parametrize("n_params", [1, 2])
def test_same_minima_as_scipy(method, n_params, rng):
    surface = case(4, n_params, rng)
    ours = minimize.minimize(surface, starts(40, n_params, rng))
    # From a grid with 12 points a period scipy finds them all; the two leave 1e-14 in the energies.
    grid = np.stack(np.meshgrid(*[np.linspace(0, np.pi, 12, endpoint=False)] * n_params), axis=-1)
    theirs, _ = scipy_minima(surface, grid.reshape(-1, n_params))
    assert np.all(ours.certified)
    distance = np.abs(ours.loss[:, None] - theirs).min(axis=1)
    assert distance.max() < 1e-11
    assert ours.loss.min() == pytest.approx(theirs.min(), abs=1e-11)


def test_same_distribution_as_scipy(method, rng):
    problem = hamiltonians.projector(5, rank=6)
    ours, theirs = [], []
    for _ in range(10):
        surface = case(5, 8, rng, problem=problem)
        theta = starts(20, 8, rng)
        found = minimize.minimize(surface, theta)
        ours.append((found.loss, found.iterations))
        theirs.append(scipy_minima(surface, theta))
    ours, our_steps = np.hstack(ours)
    theirs, their_steps = np.hstack(theirs)
    # Same circuits and starts: the samples differ less than independent ones would.
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > alarm()
    # And many starts end in the very same minimum, which a wrong search would hardly reach.
    assert np.mean(np.abs(ours - theirs) < 1e-9) > 0.3
    # Both are quasi-Newton methods; steepest descent would take ten times as many steps.
    assert np.median(our_steps) < 2 * np.median(their_steps)


@pytest.mark.parametrize("n_params", [minimize.BFGS_MAX_PARAMS, minimize.BFGS_MAX_PARAMS + 1])
def test_either_side_of_the_switch(n_params, rng):
    # 2 (N - g) = 62 angles reach the ground state for n = 5; with eight times as many every start does.
    surface = case(5, n_params, rng, problem=hamiltonians.tfim(5))
    found = minimize.minimize(surface, starts(17, n_params, rng))
    assert list(found.reason) == ["converged"] * 17
    assert np.all(found.certified)
    assert found.loss.max() < 1e-8
    if n_params <= minimize.HESSIAN_MAX_PARAMS:
        # At a zero of E the Hessian is a Gram matrix of at most 2 (N - g) vectors.
        assert np.all(found.n_null >= n_params - 62)


def test_switch_between_methods(rng, monkeypatch):
    seen = []
    compiled = minimize.descent.descend
    monkeypatch.setattr(minimize.descent, "descend", lambda *a: (seen.append(a[4].memory), compiled(*a)))
    for p in (minimize.BFGS_MAX_PARAMS, minimize.BFGS_MAX_PARAMS + 1):
        minimize.minimize(case(2, p, rng), starts(1, p, rng))
    assert seen == [0, minimize.LBFGS_MEMORY]


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_what_did_not_converge_stays_with_its_reason(engine, rng):
    circuit = circuits.random_circuit(3, 8, rng=rng)
    surface = landscape(circuit, hamiltonians.gue(3), engine=engine)
    found = minimize.minimize(surface, starts(2, 8, rng), max_iterations=1)
    assert list(found.reason) == ["iterations"] * 2
    assert list(found.iterations) == [1, 1]
    assert not found.certified.any()
    assert np.all(found.gradient_norm > TOLERANCE)
    assert np.all(np.isfinite(found.hessian_min))


def test_unreachable_tolerance_ends_in_the_line_search(rng):
    # Gradients round to about 1e-16, so 1e-30 is never reached; the search must say so and stop.
    surface = case(3, 6, rng)
    found = minimize.minimize(surface, starts(9, 6, rng), gradient_tolerance=1e-30, max_iterations=2000)
    assert set(found.reason) <= {"line search", "iterations"}
    assert not found.certified.any()
    assert np.all(found.gradient_norm < 1e-6)


def test_tolerance_is_obeyed(method, rng):
    surface = case(4, 10, rng)
    theta = starts(10, 10, rng)
    coarse = minimize.minimize(surface, theta, gradient_tolerance=1e-3)
    fine = minimize.minimize(surface, theta, gradient_tolerance=1e-11)
    assert np.all((coarse.gradient_norm <= 1e-3) & (fine.gradient_norm <= 1e-11))
    assert np.all(fine.iterations > coarse.iterations)


def test_without_hessian_only_the_ground_state_is_certified(rng, monkeypatch):
    monkeypatch.setattr(minimize, "HESSIAN_MAX_PARAMS", 2)
    above = minimize.minimize(case(4, 3, rng), starts(5, 3, rng))
    solved = minimize.minimize(
        case(2, 12, rng, problem=hamiltonians.projector(2, rank=1)), starts(20, 12, rng)
    )
    for found in (above, solved):
        assert np.all(np.isnan(found.hessian_min))
        assert np.all((found.n_negative == -1) & (found.n_null == -1))
    assert not above.certified.any()  # three angles do not reach the ground state of 16 levels
    np.testing.assert_array_equal(solved.certified, solved.loss <= minimize.GROUND_TOLERANCE)
    assert solved.certified.mean() > 0.5  # two real conditions, twelve angles


@pytest.mark.parametrize("engine", ["numba", "pennylane"])
def test_no_starts(engine, rng):
    circuit = circuits.random_circuit(2, 3, rng=rng)
    found = minimize.minimize(landscape(circuit, hamiltonians.tfim(2), engine=engine), np.zeros((0, 3)))
    assert found.theta.shape == (0, 3)
    assert all(len(getattr(found, f.name)) == 0 for f in dataclasses.fields(found))


def test_angles_up_to_the_bound_are_right(rng):
    surface = case(3, 4, rng)
    theta = starts(6, 4, rng)
    # 300,000 periods: the start itself is rounded to 1e-10, and a search keeps that.
    far = minimize.minimize(surface, theta + 300_000 * np.pi)
    near = minimize.minimize(surface, np.remainder(theta + 300_000 * np.pi, np.pi))
    assert far.certified.all()
    assert near.certified.all()
    np.testing.assert_allclose(surface.value(np.remainder(far.theta, np.pi)), far.loss, atol=1e-8)


class Broken:
    """A landscape that returns what no landscape does."""

    def __init__(self, surface, value):
        self.circuit, self.loss, self.value = surface.circuit, surface.loss, value

    def value_and_gradient(self, theta):
        return np.full(len(theta), self.value), np.zeros_like(theta)

    def hessian(self, theta):
        return np.tile(np.eye(theta.shape[1]), (len(theta), 1, 1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-3, 7e172])
def test_what_no_landscape_has_is_not_certified(value, rng):
    surface = case(3, 4, rng)
    assert minimize.minimize(Broken(surface, 0.5), starts(2, 4, rng)).certified.all()
    wrong = minimize.minimize(Broken(surface, value), starts(2, 4, rng))
    assert not wrong.certified.any()
    assert list(wrong.reason) == 2 * ["converged" if np.isfinite(value) else "not finite"]
    assert list(wrong.solved) == 2 * [value == -1e-3]


def penalised(weight):
    """Four levels 0, 0.3, 0.7 and 1 in units of H, and twelve more above a penalty, in a basis that gates mix."""
    levels = np.concatenate([[0, 0.3, 0.7, 1], 0.5 + weight * (1 + np.arange(12) % 3)])
    return hamiltonians.from_matrix(np.diag(levels), name="penalised")


@pytest.mark.filterwarnings("ignore:.*the multiplicity of the lowest level")
@pytest.mark.parametrize("weight", [1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12])
def test_certificates_resolve_the_lowest_gap_or_are_refused(weight):
    problem = penalised(weight)
    rng = np.random.default_rng(3)
    circuit = circuits.random_circuit(4, 36, rng=rng)  # more than 2 (N - 1) = 30: ground states are reached
    theta = starts(8, 36, rng)
    unit = problem.mean_energy - problem.ground_energy
    assert unit * problem.first_gap == pytest.approx(0.3, rel=1e-3)
    refused = weight >= 1e4  # curvatures here reach 8 times the mean level
    if refused:
        with pytest.warns(
            UserWarning, match=r"[1-8] of 8 ends are not certified: .* are 0\.3 apart, less than 10 times"
        ):
            found = minimize.minimize(landscape(circuit, problem), theta)
    else:
        found = minimize.minimize(landscape(circuit, problem), theta)
    np.testing.assert_array_equal(found.certified, [not refused] * 8)
    assert np.all((minimize.MARGIN * found.resolution >= 0.3) == refused)
    # The gradient's tolerance in units of H is part of it; so is half of a null eigenvalue's.
    largest = np.linalg.eigvalsh(landscape(circuit, problem).hessian(found.theta))[:, -1]
    np.testing.assert_allclose(found.resolution, unit * 0.5e-6 * np.maximum(largest, 1), rtol=1e-6)


def test_without_hessian_the_resolution_is_that_of_the_gradient(rng, monkeypatch):
    monkeypatch.setattr(minimize, "HESSIAN_MAX_PARAMS", 2)
    problem = hamiltonians.projector(2, rank=1)
    solved = minimize.minimize(case(2, 12, rng, problem=problem), starts(3, 12, rng))
    np.testing.assert_allclose(solved.resolution, problem.mean_energy * TOLERANCE)
    coarse = minimize.minimize(case(2, 3, rng, problem=problem), starts(3, 3, rng), gradient_tolerance=1e-3)
    np.testing.assert_allclose(coarse.resolution, problem.mean_energy * 1e-3)


class Quadratic(Broken):
    """At its minimum, with these eigenvalues of the Hessian."""

    def __init__(self, surface, eigenvalues):
        super().__init__(surface, 0.5)
        self.eigenvalues = eigenvalues

    def hessian(self, theta):
        return np.tile(np.diag(self.eigenvalues), (len(theta), 1, 1))


def test_eigenvalues_up_to_a_millionth_of_the_largest_are_null(rng):
    surface = case(3, 4, rng)

    def counts(*eigenvalues):
        found = minimize.minimize(Quadratic(surface, eigenvalues), starts(1, 4, rng))
        return int(found.n_negative[0]), int(found.n_null[0]), bool(found.certified[0])

    assert counts(-0.9e-6, 0.9e-6, 1, 1) == (0, 2, True)
    assert counts(-1.1e-6, 1.1e-6, 1, 1) == (1, 0, False)
    assert counts(-0.9e-5, 0.9e-5, 10, 1) == (0, 2, True)  # of the largest one
    assert counts(-1.1e-5, 1.1e-5, 10, 1) == (1, 0, False)
    assert counts(-1.1e-6, 1.1e-6, 0.1, 0.1) == (1, 0, False)  # but at least of 1


def test_starts_are_left_alone(rng):
    surface = case(3, 4, rng)
    theta = starts(3, 4, rng)
    before = theta.copy()
    theta.flags.writeable = False
    equal(minimize.minimize(surface, theta), minimize.minimize(surface, theta.tolist()))
    np.testing.assert_array_equal(theta, before)


def energies(hamiltonian, options, n_params, rng):
    """52 circuits with 8 starts each, n = 6, Haar-random reference states, a new ensemble in every run."""
    model = Model(Randomised(6, n_params), Hamiltonian(hamiltonian, 6, options))
    table = TrainTask(model=model, n_circuits=52, n_starts=8, seed=int(rng.integers(2**31))).run()
    assert len(table) == 52 * 8
    assert table.certified.mean() > 0.99
    return table.loss.to_numpy()


def test_few_angles_on_a_projector(rng):
    # Over ensembles the mean scatters by 0.002 around 0.081: the limits are more than five times that away.
    mean = energies("projector", (("rank", 8),), 8, rng).mean()
    assert 0.07 < mean < 0.12


def test_two_more_angles_than_twice_the_rank(rng):
    # Over ensembles 99.2 % with a scatter of 0.4 %: 3.3 of 416 starts fail, as in a Poisson law.
    failed = np.sum(energies("projector", (("rank", 8),), 18, rng) >= 1e-6)
    assert failed <= scipy.stats.poisson.isf(alarm(), 3.3)


def test_ising_ring_below_and_above_its_critical_count(rng):
    # 2 (N - 1) = 126.  At 112 the lowest of 416 energies is about 3e-4.
    assert energies("tfim", (), 112, rng).min() > 1e-8
    assert np.mean(energies("tfim", (), 132, rng) < 1e-8) >= 0.99


@pytest.mark.parametrize(
    ("theta", "options", "message"),
    [
        (np.zeros(3), {}, r"starts must be finite numbers of shape \(B, 3\), got shape \(3,\)"),
        (np.zeros((2, 4)), {}, r"of shape \(B, 3\), got shape \(2, 4\)"),
        ([[0, np.nan, 0]], {}, r"got shape \(1, 3\) with 1 entries that are not finite"),
        ([[np.inf, np.inf, 0]], {}, "with 2 entries that are not finite"),
        (np.zeros((1, 3)), {"gradient_tolerance": 0}, "gradient_tolerance must be positive, got 0"),
        (np.zeros((1, 3)), {"gradient_tolerance": -1e-8}, "gradient_tolerance must be positive, got -1e-08"),
        (
            np.zeros((1, 3)),
            {"gradient_tolerance": np.nan},
            "gradient_tolerance must be one finite number .* got nan",
        ),
        (np.zeros((1, 3)), {"max_iterations": 0}, "max_iterations must be an integer of at least 1, got 0"),
        (
            np.zeros((1, 3)),
            {"max_iterations": 10**30},
            r"max_iterations must be .* at most 1000000000, got 1e\+30",
        ),
        (np.zeros((1, 3)), {"gradient_tolerance": np.inf}, "gradient_tolerance must be one finite number"),
        (np.zeros((1, 3)) + 1e-9j, {}, "starts must be an array of real numbers"),
        ([["0", "1", "2"]], {}, "starts must be an array of real numbers"),
        (np.ma.masked_less([[0.1, 0.2, 0.3]], 0.2), {}, "starts has masked entries"),
        (
            np.full((1, 3), 1e200),
            {},
            r"within \+-1e\+06, got up to 1e\+200; .* np.remainder\(theta, 2 \* np.pi\)",
        ),
        (np.full((1, 3), 1.1e6), {}, r"angles of gates, .* got up to 1\.1e\+06"),
        (np.zeros((1, 3)), {"max_iterations": -5}, r"max_iterations must be .* got -5"),
        (np.zeros((1, 3)), {"max_iterations": 2.5}, r"max_iterations must be .* got 2\.5"),
    ],
)
def test_bad_input(theta, options, message, rng):
    with pytest.raises(ValueError, match=message):
        minimize.minimize(case(2, 3, rng), theta, **options)


@dataclasses.dataclass(frozen=True)
class Wells(Loss):
    floor: float | None = 0.0
    first_gap: float = np.inf
    unit: float = 3.0
    n_qubits: int = 2
    name: str = "wells"


class WellsLandscape:
    """L = level + sum_i [1 - cos 2t_i + 0.1 (1 - cos t_i)]: minima at t_i = 0, and 0.2 higher ones at t_i = pi."""

    def __init__(self, n_params, *, level=0.0, loss=None, n_gates=None, rounding=0.0):
        self.circuit = circuits.random_circuit(2, n_params, rng=np.random.default_rng(0), n_gates=n_gates)
        self.level, self.loss, self.rounding = level, Wells(floor=level) if loss is None else loss, rounding
        self.batches = []

    def value_and_gradient(self, theta):
        self.batches.append(len(theta))
        value = np.sum(1 - np.cos(2 * theta) + 0.1 * (1 - np.cos(theta)), axis=1)
        value += self.rounding * np.sin(1e10 * theta.sum(axis=1))
        return self.level + value, 2 * np.sin(2 * theta) + 0.1 * np.sin(theta)

    def hessian(self, theta):
        return np.eye(theta.shape[1]) * (4 * np.cos(2 * theta) + 0.1 * np.cos(theta))[:, None]


@pytest.mark.parametrize("floor", [0.0, -3.0, 2.5])
def test_any_loss_with_a_floor(method, floor, rng, monkeypatch):
    surface = WellsLandscape(2, level=floor)
    theta = rng.uniform(0, 2 * np.pi, (80, 2))
    found = minimize.minimize(surface, theta)
    higher = np.sum(np.cos(found.theta) < 0, axis=1)
    np.testing.assert_allclose(np.sin(found.theta), 0, atol=1e-8)
    np.testing.assert_allclose(found.loss, floor + 0.2 * higher, rtol=0, atol=1e-13)
    assert set(higher) == {0, 1, 2}  # each pair of wells has a quarter of the starts, roughly
    assert found.certified.all()
    np.testing.assert_array_equal(found.solved, higher == 0)
    largest = np.where(higher < 2, 4.1, 3.9)  # curvature in the lower and the higher well
    np.testing.assert_allclose(found.resolution, 3 * largest * minimize.NULL_TOLERANCE / 2, rtol=1e-9)
    monkeypatch.setattr(minimize, "HESSIAN_MAX_PARAMS", 1)  # only the floor certifies then
    np.testing.assert_array_equal(minimize.minimize(surface, theta).certified, higher == 0)


def test_a_loss_without_a_floor_is_certified_and_never_solved(rng, monkeypatch):
    surface = WellsLandscape(2, level=-1e3, loss=Wells(floor=None))
    theta = rng.uniform(0, 2 * np.pi, (80, 2))
    found = minimize.minimize(surface, theta)
    assert found.certified.all()
    assert not found.solved.any()
    monkeypatch.setattr(minimize, "HESSIAN_MAX_PARAMS", 1)
    assert not minimize.minimize(surface, theta).certified.any()


def test_a_loss_below_its_floor_is_wrong(rng):
    found = minimize.minimize(WellsLandscape(2, level=-1e-3, loss=Wells(floor=0.0)), np.zeros((1, 2)))
    assert found.reason[0] == "converged"
    assert not found.certified[0]


def test_a_loss_with_levels_too_close_is_not_certified():
    surface = WellsLandscape(2, loss=Wells(first_gap=2e-5))
    with pytest.warns(UserWarning, match=r"1 of 1 .* of wells are 6e-05 apart, less than 10 .* of 6\.15e-06"):
        assert not minimize.minimize(surface, np.zeros((1, 2))).certified[0]


def test_values_may_be_as_coarse_as_their_gates_make_them(rng):
    theta = rng.uniform(0, 2 * np.pi, (80, 2))
    noise = 300 * np.finfo(float).eps
    many = minimize.minimize(WellsLandscape(2, n_gates=300, rounding=noise / 2), theta)
    few = minimize.minimize(WellsLandscape(2, n_gates=2, rounding=noise / 2), theta)
    assert many.certified.all()
    assert "line search" in few.reason


def test_no_more_starts_are_evaluated_than_are_under_way(rng):
    surface = WellsLandscape(3)
    theta = rng.uniform(0, 2 * np.pi, (700, 3))
    theta[:690] = 0  # converged at once
    minimize.minimize(surface, theta)
    assert surface.batches[0] == minimize.OTHER_ENGINE_LANES
    assert sum(surface.batches) < 690 + 10 * 100
    assert surface.batches[-1] <= 10


def test_solved_is_an_energy_near_the_ground_state(rng):
    few = minimize.minimize(case(3, 2, rng), starts(4, 2, rng))
    many = minimize.minimize(case(3, 40, rng), starts(4, 40, rng))  # 2 (N - 1) = 14
    assert not few.solved.any()
    assert many.solved.all()


def ising_chain(n_qubits, n_params):
    """Layers of exp(-i t sum Z_i Z_i+1) and exp(-i t sum X_i) in turn on |+...+>, one angle a layer."""
    bonds, sites = 3 << np.arange(n_qubits - 1), 1 << np.arange(n_qubits)
    words = [
        np.array([0 * bonds, bonds]) if k % 2 == 0 else np.array([sites, 0 * sites]) for k in range(n_params)
    ]
    parameter = np.repeat(np.arange(n_params), [w.shape[1] for w in words])
    x, z = np.hstack(words)
    plus = np.full(2**n_qubits, 2.0 ** (-n_qubits / 2))
    return circuits.Circuit(n_qubits, n_params, x, z, parameter, np.ones(len(x)), np.zeros(len(x)), plus)


def test_narrow_valleys_are_followed_to_their_end():
    # The critical count is n^2 / 2 = 32.  These starts were under way still after 1000 + 100 p = 3800 steps.
    surface = landscape(ising_chain(8, 28), hamiltonians.tfim(8, periodic=False))
    theta = np.random.default_rng(1).uniform(0, np.pi, (200, 28))[[0, 7, 21, 31, 45, 46, 80, 82]]
    found = minimize.minimize(surface, theta)
    assert found.certified.all()
    assert found.iterations.max() > 3800
    # Condition numbers of 10^6 and more make them slow.
    eigenvalues = np.linalg.eigvalsh(surface.hessian(found.theta))
    assert np.median(eigenvalues[:, -1] / np.abs(eigenvalues).min(axis=1)) > 1e6


def test_what_is_no_landscape_is_refused(rng):
    with pytest.raises(ValueError, match=r"landscape must be what engine.landscape gives, got Circuit"):
        minimize.minimize(circuits.random_circuit(2, 3, rng=rng), np.zeros((1, 3)))
