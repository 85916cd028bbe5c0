import copy
import dataclasses
import warnings

import dense
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats
from statistical import agree

from qgmutils import circuits
from qgmutils.losses import hamiltonians
from qgmutils.losses.energy import Energy

EVERY = [
    ("tfim", 4, {}),
    ("tfim", 3, {"periodic": False, "coupling": 0.7, "field": -1.3}),
    ("xxz", 4, {"anisotropy": -0.4}),
    ("spinless_fermi_hubbard", 4, {"U": 2.5, "periodic": True}),
    ("fermi_hubbard", 4, {"U": 4.0}),
    ("projector", 4, {"rank": 3}),
    ("projector", 3, {"rank": 5, "basis": "computational"}),
    ("projector", 3, {"rank": 5, "basis": "hadamard"}),
    ("gue", 4, {}),
]


@pytest.mark.parametrize(("name", "n_qubits", "options"), EVERY)
def test_normalised_spectrum(name, n_qubits, options):
    problem = hamiltonians.build(name, n_qubits, options, seed=3)
    # Backward error of eigvalsh: about N eps ||H||, with levels of order 1 to N.
    tolerance = 1e-13 * problem.levels[-1] * problem.dim
    assert problem.levels[0] == 0
    assert problem.levels.mean() == pytest.approx(1, abs=tolerance)
    np.testing.assert_allclose(np.linalg.eigvalsh(problem.matrix), problem.levels, atol=tolerance)
    np.testing.assert_array_equal(problem.matrix, problem.matrix.conj().T)
    assert (problem.dim, problem.n_qubits) == (2**n_qubits, n_qubits)
    h = dense.hamiltonian(problem)
    # Both definitions straight from the norms of H, not from the normalised levels.
    nuclear = np.trace(h).real - problem.dim * np.linalg.eigvalsh(h)[0]
    spread = np.linalg.norm(h - problem.mean_energy * np.eye(problem.dim)) ** 2
    size = np.linalg.norm(h - problem.ground_energy * np.eye(problem.dim)) ** 2
    assert problem.degrees_of_freedom == pytest.approx(nuclear**2 / spread, rel=1e-11)
    assert problem.effective_rank == pytest.approx(nuclear**2 / size, rel=1e-11)
    # 1/r = 1/m + 1/N is an identity of sums of 2^n terms.
    inverse = 1 / problem.degrees_of_freedom + 1 / problem.dim
    assert 1 / problem.effective_rank == pytest.approx(inverse, rel=1e-12)
    assert problem.rank + problem.ground_degeneracy == problem.dim
    assert problem.rank == np.linalg.matrix_rank(problem.matrix, tol=1e-9)


def test_degrees_of_freedom_of_two_sites():
    # Open chain of two sites, t = 1, 16 states.  The hopping T and U (n n - 1/4) are orthogonal in the trace,
    # Tr T^2 = 16 (each spin contributes 2 * 4), Tr(U part)^2 = U^2 * 2 sites * 16 * (1/4)(3/4) = 6 U^2, and
    # the mean level is U/2.  The ground energy is the lower of -t (one particle) and of the singlet,
    # (U - sqrt(U^2 + 16))/2:
    #   U = 4: -1 < 2 - 2 sqrt 2,  so m = (16 (2 + 1))^2 / (16 + 96) = 2304/112 = 144/7, g = 2 (either spin);
    #   U = 2: 1 - sqrt 5 < -1,    so m = (16 sqrt 5)^2 / (16 + 24) = 1280/40 = 32, g = 1.
    four, two = hamiltonians.fermi_hubbard(4, U=4.0), hamiltonians.fermi_hubbard(4, U=2.0)
    assert four.degrees_of_freedom == pytest.approx(144 / 7, rel=1e-12)
    assert two.degrees_of_freedom == pytest.approx(32, rel=1e-12)
    assert four.ground_energy == pytest.approx(-1, abs=1e-13)
    assert two.ground_energy == pytest.approx(1 - np.sqrt(5), abs=1e-13)
    assert (four.mean_energy, two.mean_energy) == pytest.approx((2, 1))
    assert (four.ground_degeneracy, two.ground_degeneracy) == (2, 1)


@pytest.mark.parametrize(("name", "n_qubits", "options"), [EVERY[0], EVERY[4], EVERY[5]])
def test_variance_over_haar_states(name, n_qubits, options, rng):
    problem = hamiltonians.build(name, n_qubits, options)
    count = 40_000
    psi = np.array([circuits.haar_state(problem.dim, rng) for _ in range(count)])
    energy = np.einsum("ka,ab,kb->k", psi.conj(), problem.matrix, psi, optimize=True).real
    second = np.mean((energy - 1) ** 2)
    fourth = np.mean((energy - 1) ** 4)
    exact = problem.dim / ((problem.dim + 1) * problem.degrees_of_freedom)
    agree(energy.mean(), 1, np.sqrt(exact / count))
    agree(second, exact, np.sqrt((fourth - second**2) / count))


@pytest.mark.parametrize("n_modes", [1, 2, 3, 4])
def test_anticommutation(n_modes):
    operators = [a.toarray() for a in hamiltonians._annihilators(n_modes)]
    eye = np.eye(2**n_modes)
    for i, a in enumerate(operators):
        # Entries are 0 and +-1: everything is exact.
        np.testing.assert_array_equal(a, dense.fermion(i, n_modes))
        for j, b in enumerate(operators):
            np.testing.assert_array_equal(a @ b + b @ a, 0 * eye)
            np.testing.assert_array_equal(a @ b.conj().T + b.conj().T @ a, eye * (i == j))


def chain(n_sites, periodic):
    """Bonds of a chain, a ring of two sites being a chain."""
    return {tuple(sorted((i, (i + 1) % n_sites))) for i in range(n_sites if periodic else n_sites - 1)}


def pauli_on(letters, n_qubits):
    return dense.pauli("".join(letters.get(i, "I") for i in range(n_qubits)))


def close(problem, matrix):
    # Sums of a few dozen products of order 1, normalised and back.
    np.testing.assert_allclose(dense.hamiltonian(problem), matrix, atol=1e-12)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_spin_chains_by_brute_force(n, periodic, rng):
    j, field, anisotropy = rng.normal(size=3)
    bonds = chain(n, periodic and n > 1)
    ising = sum(-field * pauli_on({i: "X"}, n) for i in range(n))
    ising = ising + sum(-j * pauli_on({a: "Z", b: "Z"}, n) for a, b in bonds)
    close(hamiltonians.tfim(n, coupling=j, field=field, periodic=periodic), ising)
    if n > 1:
        weights = {"X": 1.0, "Y": 1.0, "Z": anisotropy}
        xxz = sum(w * pauli_on({a: s, b: s}, n) for a, b in bonds for s, w in weights.items())
        close(hamiltonians.xxz(n, anisotropy=anisotropy, periodic=periodic), xxz)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_fermions_by_brute_force(n, periodic, rng):
    t, u = rng.normal(size=2)
    c = [dense.fermion(i, n) for i in range(n)]
    number = [a.conj().T @ a for a in c]

    def hop(i, j):
        return c[i].conj().T @ c[j] + c[j].conj().T @ c[i]

    spinless = sum(-t * hop(i, j) + u * number[i] @ number[j] for i, j in chain(n, periodic))
    close(hamiltonians.spinless_fermi_hubbard(n, t=t, U=u, periodic=periodic), spinless)
    if n % 2 == 0:
        sites = n // 2
        hubbard = sum(u * number[2 * i] @ number[2 * i + 1] for i in range(sites))
        bonds = chain(sites, periodic) if sites > 1 else set()
        hubbard = hubbard - t * sum((hop(2 * i + s, 2 * j + s) for i, j in bonds for s in (0, 1)), 0 * c[0])
        close(hamiltonians.fermi_hubbard(n, t=t, U=u, periodic=periodic), hubbard)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("n", [3, 4])  # PennyLane counts the one bond of a ring of two sites in its own way
def test_chains_against_pennylane(n, periodic, rng):
    import pennylane as qml

    j, field, anisotropy, t, u = rng.normal(size=5)
    wires = range(n)
    ising = qml.spin.transverse_ising("chain", [n], coupling=j, h=field, boundary_condition=periodic)
    close(
        hamiltonians.tfim(n, coupling=j, field=field, periodic=periodic), qml.matrix(ising, wire_order=wires)
    )
    xxz = qml.spin.heisenberg("chain", [n], coupling=[1, 1, anisotropy], boundary_condition=periodic)
    close(hamiltonians.xxz(n, anisotropy=anisotropy, periodic=periodic), qml.matrix(xxz, wire_order=wires))
    fermions = qml.fermi.FermiSentence({})
    for a, b in chain(n, periodic):
        create, destroy = qml.fermi.FermiC, qml.fermi.FermiA
        fermions += -t * create(a) * destroy(b) - t * create(b) * destroy(a)
        fermions += u * create(a) * destroy(a) * create(b) * destroy(b)
    spinless = qml.matrix(qml.jordan_wigner(fermions), wire_order=wires)
    close(hamiltonians.spinless_fermi_hubbard(n, t=t, U=u, periodic=periodic), spinless)


@pytest.mark.parametrize(("sites", "periodic"), [(2, False), (3, False), (3, True)])
def test_fermi_hubbard_against_pennylane(sites, periodic, rng):
    import pennylane as qml

    t, u = rng.normal(size=2)
    h = qml.spin.fermi_hubbard("chain", [sites], hopping=t, coulomb=u, boundary_condition=periodic)
    matrix = qml.matrix(h, wire_order=range(2 * sites))
    close(hamiltonians.fermi_hubbard(2 * sites, t=t, U=u, periodic=periodic), matrix)


@pytest.mark.parametrize("basis", ["haar", "computational", "hadamard"])
@pytest.mark.parametrize(("n_qubits", "rank"), [(1, 1), (3, 1), (3, 7), (6, 8)])
def test_projector_is_exact(n_qubits, rank, basis):
    problem = hamiltonians.projector(n_qubits, rank=rank, basis=basis, seed=5)
    dim = 2**n_qubits
    np.testing.assert_array_equal(problem.levels, [0] * (dim - rank) + [dim / rank] * rank)
    assert (problem.ground_energy, problem.mean_energy) == (0, rank / dim)
    assert (problem.ground_degeneracy, problem.rank) == (dim - rank, rank)
    # sum (h - 1)^2 = (N - k) + k (N/k - 1)^2 = N (N - k)/k.
    assert problem.degrees_of_freedom == pytest.approx(dim * rank / (dim - rank), rel=1e-14)
    assert problem.effective_rank == pytest.approx(rank, rel=1e-14)
    p = dense.hamiltonian(problem)
    np.testing.assert_allclose(p @ p, p, atol=1e-14 * dim)  # rounding of dot products of length N
    assert np.trace(p).real == pytest.approx(rank)


def test_computational_projector_spans_the_last_states():
    diagonal = np.diag(dense.hamiltonian(hamiltonians.projector(2, rank=1, basis="computational")))
    np.testing.assert_array_equal(diagonal, [0, 0, 0, 1])


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_hadamard_projector_is_the_computational_one_rotated(rank):
    gate = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    layer = np.kron(np.kron(gate, gate), gate)
    computational, rotated = (
        hamiltonians.projector(3, rank=rank, basis=basis).matrix for basis in ("computational", "hadamard")
    )
    np.testing.assert_allclose(rotated, layer @ computational @ layer, atol=1e-14)  # rounding of sqrt(2)
    assert rotated[0, 0] == 1  # the mean energy


def test_random_hamiltonians_follow_their_seed():
    for name, options in (("gue", {}), ("projector", {"rank": 2}), ("pareto", {})):
        first = hamiltonians.build(name, 3, options, seed=1).matrix
        np.testing.assert_array_equal(first, hamiltonians.build(name, 3, options, seed=1).matrix)
        np.testing.assert_array_equal(
            first, hamiltonians.build(name, 3, {**options, "seed": 1}, seed=9).matrix
        )
        assert np.abs(first - hamiltonians.build(name, 3, options, seed=2).matrix).max() > 1e-3


def test_gue_moments():
    # H = (A + A^dagger)/2 with standard complex A: variance 1 on the diagonal, 1/2 per part off it.
    count, dim = 200, 8
    h = np.array([dense.hamiltonian(hamiltonians.gue(3, seed=s)) for s in range(count)])
    upper = h[:, *np.triu_indices(dim, 1)]
    for sample, variance in ((np.einsum("kaa->ka", h).real, 1.0), (upper.real, 0.5), (upper.imag, 0.5)):
        assert abs(sample.mean()) < 5 * np.sqrt(variance / sample.size)
        # Of K normal numbers of variance v the variance has a standard error of v sqrt(2/K).
        assert abs(sample.var() - variance) < 5 * variance * np.sqrt(2 / sample.size)


@pytest.mark.parametrize(
    ("matrix", "degeneracy"),
    [(np.diag([0, 0, 0, 1.0]), 3), (np.diag([3, 1, 1, 2.0]), 2), (np.diag([-1, 0]), 1)],
)
@pytest.mark.parametrize("constant", [0.0, 1e8])
def test_ground_degeneracy(matrix, degeneracy, constant):
    problem = hamiltonians.from_matrix(matrix + constant * np.eye(len(matrix)))
    assert problem.ground_degeneracy == degeneracy
    # A constant in H must not cost digits of the levels: the entries are exact in floating point here.
    expected = np.sort(np.diag(matrix)) - np.diag(matrix).min()
    np.testing.assert_allclose(problem.levels, expected / expected.mean(), rtol=1e-14)
    assert problem.ground_energy == np.diag(matrix).min() + constant


def test_ising_ring_without_field_has_two_ground_states():
    assert hamiltonians.tfim(5, field=0.0).ground_degeneracy == 2


def test_scale_of_the_matrix_is_free():
    h = dense.hamiltonian(hamiltonians.gue(2))
    for factor in (1e-200, 1e200):
        problem = hamiltonians.from_matrix(factor * h)
        np.testing.assert_allclose(problem.levels, hamiltonians.gue(2).levels, atol=1e-13)


def test_from_observable():
    import pennylane as qml

    h = dense.hamiltonian(hamiltonians.gue(3, seed=4))
    again = hamiltonians.from_observable(qml.Hermitian(h, wires=range(3)))
    np.testing.assert_allclose(dense.hamiltonian(again), h, atol=1e-13)
    words = 0.5 * qml.X(0) @ qml.Z(2) - 1.5 * qml.Y(1)
    expected = 0.5 * dense.pauli("XIZ") - 1.5 * dense.pauli("IYI")
    np.testing.assert_allclose(dense.hamiltonian(hamiltonians.from_observable(words)), expected, atol=1e-13)
    padded = hamiltonians.from_observable(qml.Z(0), n_qubits=2, name="one spin")
    np.testing.assert_allclose(dense.hamiltonian(padded), dense.pauli("ZI"), atol=1e-15)
    assert (padded.name, padded.ground_degeneracy) == ("one spin", 2)
    swapped = hamiltonians.from_observable(qml.Hermitian(h, wires=[2, 1, 0]))
    turned = h.reshape([2] * 6).transpose(2, 1, 0, 5, 4, 3).reshape(8, 8)
    np.testing.assert_allclose(dense.hamiltonian(swapped), turned, atol=1e-13)


@pytest.mark.parametrize("n_qubits", [0, -1, True, 2.5, 3.0, "3", None])
@pytest.mark.parametrize("name", hamiltonians.HAMILTONIANS)
def test_bad_sizes(name, n_qubits):
    options = {"rank": 1} if name == "projector" else {}
    with pytest.raises(ValueError, match=f"n_qubits must be an integer .* got {n_qubits!r}"):
        hamiltonians.build(name, n_qubits, options)


@pytest.mark.parametrize(
    ("n_qubits", "memory"),
    [(14, "4 GiB"), (40, r"1\.8e\+16 GiB"), (10**6, r"2\^1999974 GiB")],  # 16 * 4^n / 2^30 = 2^(2n - 26)
)
def test_too_many_qubits_give_the_memory(n_qubits, memory):
    with pytest.raises(ValueError, match=rf"n_qubits = {n_qubits}: .* takes {memory}; choose n_qubits <= 13"):
        hamiltonians.build("tfim", n_qubits)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 4)), r"square matrix, got shape \(2, 4\)"),
        (np.arange(4.0), r"square matrix, got shape \(4,\)"),
        (np.eye(3), r"power of two \(2\^n_qubits\), got 3 x 3"),
        (np.eye(1), "power of two .* got 1 x 1"),
        (np.zeros((0, 0)), "power of two .* got 0 x 0"),
        (np.diag([1.0, np.nan]), "not finite"),
        (np.diag([1.0, np.inf]), "not finite"),
        (np.array([[0, 1], [0, 0]]), r"not Hermitian: max \|H - H\^dagger\| = 1 "),
        (np.diag([1, 1j]), "not Hermitian: .* = 2 "),
        (np.zeros((4, 4)), r"constant \(all eigenvalues are 0\)"),
        (0.1 * np.eye(8), r"constant \(all eigenvalues are 0\.1\)"),
    ],
)
def test_bad_matrices(matrix, message):
    with pytest.raises(ValueError, match=message):
        hamiltonians.from_matrix(matrix)


def test_constant_up_to_rounding_is_constant(rng):
    q, _ = np.linalg.qr(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))
    with pytest.raises(ValueError, match="constant"):
        hamiltonians.from_matrix(0.3 * q @ q.conj().T)


@pytest.mark.parametrize(
    ("name", "n_qubits", "options", "message"),
    [
        ("tfmi", 3, {}, "unknown Hamiltonian 'tfmi': choose one of tfim, .*; did you mean 'tfim'"),
        ("tfim", 3, {"feild": 1}, "tfim has no option 'feild': it takes coupling, field, periodic"),
        ("tfim", 3, {"n_qubits": 4}, "tfim has no option 'n_qubits'"),
        ("projector", 3, {}, "projector needs the option 'rank'"),
        ("projector", 3, {"rank": 0}, r"rank must be an integer in 1 \.\.\. 7 for 3 qubits, got 0"),
        ("projector", 3, {"rank": 8}, r"rank must be an integer in 1 \.\.\. 7 for 3 qubits, got 8"),
        ("projector", 3, {"rank": 2.0}, r"rank must be .* got 2\.0"),
        (
            "projector",
            3,
            {"rank": 1, "basis": "bell"},
            "unknown basis 'bell': choose one of haar, computational",
        ),
        ("fermi_hubbard", 3, {}, "even n_qubits .* got 3"),
        ("tfim", 3, {"field": np.nan}, "field must be one finite number .* got nan"),
        ("tfim", 2, {"field": 0, "coupling": 0}, "constant"),
        ("xxz", 1, {}, "constant"),
        ("pareto", 3, {"degeneracy": 0}, "degeneracy must be an integer of at least 1, got 0"),
        ("pareto", 3, {"degeneracy": 8}, "degeneracy must be an integer of at most 7, got 8"),
    ],
)
def test_bad_options(name, n_qubits, options, message):
    with pytest.raises(ValueError, match=message):
        hamiltonians.build(name, n_qubits, options)


def test_bad_wires():
    import pennylane as qml

    with pytest.raises(ValueError, match=r"acts on wires \[0, 3\]; with n_qubits = 2 .* 0 \.\.\. 1"):
        hamiltonians.from_observable(qml.Z(0) @ qml.Z(3), n_qubits=2)
    with pytest.raises(ValueError, match=r"acts on wires \['a'\]; they must be the integers"):
        hamiltonians.from_observable(qml.Z("a"))
    with pytest.raises(ValueError, match=r"n_qubits = 51: .* GiB"):
        hamiltonians.from_observable(qml.Z(50))
    with pytest.raises(ValueError, match="constant"):
        hamiltonians.from_observable(qml.Identity(0))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia", "lil", "bsr"])
def test_sparse_matrices(form):
    h = dense.hamiltonian(hamiltonians.tfim(3))
    for cls in ("array", "matrix"):
        given = getattr(sp, f"{form}_{cls}")(h)
        close(hamiltonians.from_matrix(given), h)
    with pytest.raises(ValueError, match=r"n_qubits = 20: .* GiB"):  # before a dense copy is made
        hamiltonians.from_matrix(sp.eye_array(2**20))


def test_pauli_sentences_and_words():
    import pennylane as qml

    words = 0.3 * qml.X(0) @ qml.Y(2) - 1.2 * qml.Z(1)
    expected = 0.3 * dense.pauli("XIY") - 1.2 * dense.pauli("IZI")
    close(hamiltonians.from_observable(words.pauli_rep), expected)
    close(hamiltonians.from_observable(qml.pauli.PauliWord({2: "Z", 0: "X"})), dense.pauli("XIZ"))
    assert hamiltonians.from_observable(words.pauli_rep).name == "PauliSentence"
    close(
        hamiltonians.from_observable(qml.SparseHamiltonian(sp.csr_matrix(expected), wires=range(3))), expected
    )
    for wires in ([1, 0], [0, 1]):
        swapped = hamiltonians.from_observable(
            qml.Hermitian(dense.pauli("XZ") + dense.pauli("ZI"), wires=wires)
        )
        first, second = ("XZ", "ZI") if wires == [0, 1] else ("ZX", "IZ")
        close(swapped, dense.pauli(first) + dense.pauli(second))
    for other in (np.eye(2), "XX", None, sp.eye_array(2)):
        with pytest.raises(
            ValueError, match="must be an operator, a Pauli sentence or a Pauli word of PennyLane"
        ):
            hamiltonians.from_observable(other)
    with pytest.raises(ValueError, match="PennyLane has no matrix for the observable"):
        hamiltonians.from_observable(qml.Hamiltonian([1.0], [qml.Barrier(wires=0)]))


def test_small_imaginary_parts_have_no_share():
    import pennylane as qml

    terms = [qml.X(0), qml.Z(0)]
    given = hamiltonians.from_observable(qml.Hamiltonian([0.3 + 1e-9j, 1.0], terms))
    close(given, 0.3 * dense.pauli("X") + dense.pauli("Z"))
    with pytest.raises(ValueError, match="not Hermitian"):
        hamiltonians.from_observable(qml.Hamiltonian([0.3 + 1e-7j, 1.0], terms))


@pytest.mark.parametrize(("dtype", "error"), [(np.complex64, 1e-6), (np.complex128, 1e-13)])
def test_degeneracy_at_the_precision_given(dtype, error):
    hubbard = hamiltonians.fermi_hubbard(4, U=4.0)
    u = scipy.stats.unitary_group.rvs(16, random_state=1)
    rotated = u @ hubbard.matrix @ u.conj().T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given = hamiltonians.from_matrix(((rotated + rotated.conj().T) / 2).astype(dtype))
    assert (given.ground_degeneracy, given.rank) == (2, 14)
    np.testing.assert_allclose(given.levels, hubbard.levels, atol=error * hubbard.levels[-1])


@pytest.mark.parametrize(
    ("gap", "degeneracy", "doubtful"),
    # Of a spectrum of width 1, known to 4.4e-16: rounding, split, and below and above 1e-9 and 1e-7.
    [
        (1e-15, 2, False),
        (1e-12, 2, True),
        (0.9e-9, 2, True),
        (1.1e-9, 1, True),
        (0.9e-7, 1, True),
        (1.1e-7, 1, False),
    ],
)
def test_doubtful_degeneracy_is_a_warning(gap, degeneracy, doubtful):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        problem = hamiltonians.from_matrix(np.diag([0, gap, 0.5, 1]))
    assert problem.ground_degeneracy == degeneracy
    assert [
        f"in doubt: levels that are {gap:.2g} of the spectrum's width" in str(w.message) for w in caught
    ] == [True] * doubtful
    # What a certificate must resolve: the split, unless it is rounding.
    expected = 0.5 if gap == 1e-15 else gap
    assert problem.first_gap / problem.levels[-1] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("constant", [1e4, -1e8, 1e11])
def test_a_constant_leaves_what_digits_there_are(constant):
    h = dense.hamiltonian(hamiltonians.gue(3))
    problem = hamiltonians.from_matrix(h + constant * np.eye(8))
    assert problem.rounding == pytest.approx(
        np.sqrt(8) * 2.2e-16 * abs(constant) / np.ptp(np.linalg.eigvalsh(h)), rel=0.1
    )
    np.testing.assert_allclose(problem.levels, hamiltonians.gue(3).levels, atol=10 * problem.rounding)


@pytest.mark.parametrize(
    ("steps", "degeneracy", "doubtful"), [(1, 2, False), (10, 1, True), (1000, 1, False)]
)
def test_a_constant_takes_the_digits_of_the_levels(steps, degeneracy, doubtful):
    # Doubles at 1e8 are 1.5e-8 apart; the bound of the rounding of four levels is twice as much, 1.5 of its spacings.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        problem = hamiltonians.from_matrix(np.diag([1e8, 1e8 + steps * 2**-26, 1e8 + 1, 1e8 + 2]))
    assert problem.rounding == pytest.approx(2 * np.finfo(float).eps * 1e8 / 2, rel=1e-6)
    assert problem.ground_degeneracy == degeneracy
    assert ["in doubt" in str(w.message) for w in caught] == [True] * doubtful


@pytest.mark.parametrize("dtype", [">c16", ">f8", "f4", "i8", "u1", ">i2", "g", object, bool])
def test_types_of_matrices(dtype):
    matrix = np.diag([0, 1, 1, 0]).astype(dtype)
    for given in (
        matrix,
        matrix.tolist(),
        np.asfortranarray(matrix),
        matrix[::-1, ::-1],
    ):
        problem = hamiltonians.from_matrix(given)
        np.testing.assert_array_equal(problem.levels, [0, 0, 2, 2])
        assert problem.matrix.dtype == np.dtype(np.complex128)
        assert problem.matrix.flags.c_contiguous


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (1e308 * np.diag([1.0, -1]), r"largest entry must lie within 1e-290 \.\.\. 1e\+300, got 1e\+308"),
        (1e308 * np.ones((2, 2)), "largest entry"),
        (1e308 * np.array([[0, 1 + 1j], [1 - 1j, 0]]), "largest entry"),
        (5e-324 * np.diag([1.0, -1]), "largest entry .* got 4.94e-324"),
        ([["1", "0"], ["0", "2"]], "the observable must be an array of complex numbers"),
        (np.array([[1, "a"], ["a", 2]], object), "the observable must be an array of numbers"),
        (np.ma.masked_array(np.eye(2), [[0, 0], [0, 1]]), "masked entries"),
        ([[1, 0], [0]], "the observable must be an array of numbers"),
        ("matrix", "the observable must be an array of complex numbers, got 'matrix'"),
        (None, "the observable must be an array of numbers, got None"),
        (3.0, r"square matrix, got shape \(\)"),
        ([[10**400, 0], [0, 1]], "the observable must be an array of numbers"),
    ],
)
def test_what_is_no_matrix(matrix, message):
    with pytest.raises(ValueError, match=message):
        hamiltonians.from_matrix(matrix)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tfim", {"periodic": "no"}, "periodic must be True or False, got 'no'"),
        ("xxz", {"periodic": 1}, "periodic must be True or False, got 1"),
        ("tfim", {"coupling": np.ones(4)}, "coupling must be one finite number"),
        ("tfim", {"coupling": 1 + 1e-9j}, "coupling must be one finite number"),
        ("tfim", {"field": "1"}, "field must be one finite number"),
        ("tfim", {"field": 1e308}, r"field must be one finite number within \+-1e\+100"),
        ("xxz", {"anisotropy": np.inf}, "anisotropy must be one finite number"),
        ("spinless_fermi_hubbard", {"t": None}, "t must be one finite number"),
        ("fermi_hubbard", {"U": True}, "U must be one finite number"),
        ("fermi_hubbard", {"periodic": None}, "periodic must be"),
        ("gue", {"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ("gue", {"seed": 1.5}, "seed must be an integer"),
        ("projector", {"rank": 2, "seed": "a"}, "seed must be an integer"),
        ("pareto", {"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ("projector", {"rank": 2, "seed": 2**200}, "seed must be an integer of at most"),
        ("projector", {"rank": 2, "basis": np.array(["haar", "haar"])}, "unknown basis"),
    ],
)
def test_options_of_other_types(name, options, message):
    with pytest.raises(ValueError, match=message):
        hamiltonians.build(name, 4, options)


def test_zero_of_either_sign_and_arrays_of_one_number():
    plain = hamiltonians.tfim(3, field=0.0)
    np.testing.assert_array_equal(hamiltonians.tfim(3, field=-0.0).matrix, plain.matrix)
    np.testing.assert_array_equal(hamiltonians.tfim(3, coupling=np.array(1.0), field=0).matrix, plain.matrix)
    assert not np.signbit(plain.levels).any()


def parts(**changes):
    """A problem of one qubit, (1 - Z), by hand."""
    given = {
        "name": "one",
        "n_qubits": 1,
        "matrix": np.diag([0, 2 + 0j]),
        "levels": np.array([0, 2.0]),
        "ground_energy": -1.0,
        "mean_energy": 0.0,
    }
    return Energy(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_qubits": 3}, r"a 8 x 8 matrix and 8 levels, got the shapes \(2, 2\) and \(2,\)"),
        ({"matrix": np.diag([0, 2j])}, "not Hermitian"),
        ({"matrix": np.array([[0, 1], [0, 2]])}, "not Hermitian"),
        ({"matrix": np.diag([0, np.nan])}, "must be finite"),
        ({"matrix": np.diag([0, 1e200])}, "must be finite"),
        ({"levels": np.array([0, np.inf])}, "must be finite"),
        ({"levels": np.array([2.0, 0])}, "must ascend from 0"),
        ({"levels": np.array([0, 4.0])}, "have the mean 1"),
        ({"levels": np.array([1.0, 1.0])}, "must ascend from 0"),
        ({"matrix": np.diag([1, 1])}, "not the matrix's levels"),
        ({"matrix": np.diag([0, 4])}, "not the matrix's levels"),
        ({"ground_energy": 1.0}, "ground_energy must lie below mean_energy"),
        ({"mean_energy": np.nan}, "mean_energy must be one finite number"),
        ({"rounding": 0}, "rounding must lie between 0 and 1"),
        ({"levels": ["0", "2"]}, "levels must be an array of real numbers"),
        ({"matrix": sp.eye_array(2)}, "matrix must be an array of numbers"),
    ],
)
def test_problems_by_hand(changes, message):
    assert parts().ground_degeneracy == 1
    with pytest.raises(ValueError, match=message):
        parts(**changes)


@pytest.mark.parametrize(
    "copied", [lambda p: p, copy.copy, copy.deepcopy, lambda p: dataclasses.replace(p, name="other")]
)
def test_problems_cannot_change(copied):
    matrix, levels = np.diag([0, 2 + 0j]), np.array([0, 2.0])
    problem = copied(parts(matrix=matrix, levels=levels))
    matrix[:], levels[:] = 7, 7
    np.testing.assert_array_equal(problem.matrix, np.diag([0, 2]))
    np.testing.assert_array_equal(problem.levels, [0, 2])
    for array in (problem.matrix, problem.levels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.parametrize("degeneracy", [1, 3, 7])
def test_spectra_of_designed_rank(degeneracy):
    excited = 8 - degeneracy
    pareto = hamiltonians.build("pareto", 3, {"degeneracy": degeneracy}, seed=5)
    # The fraction i - 1/2 of k levels lies above x where 1/x is that fraction: Pareto's law with exponent 1.
    levels = np.array([0.0] * degeneracy + [excited / (i - 0.5) for i in range(excited, 0, -1)])
    np.testing.assert_allclose(pareto.levels, levels / levels.mean(), atol=1e-12)
    assert pareto.ground_degeneracy == degeneracy


def test_recipes():
    recipe = hamiltonians.Hamiltonian("projector", 3, (("rank", 2),), seed=4)
    np.testing.assert_array_equal(recipe.build().matrix, hamiltonians.projector(3, rank=2, seed=4).matrix)
    assert recipe.build() is hamiltonians.Hamiltonian("projector", 3, {"rank": 2}, 4).build()
    both = [(("periodic", False), ("field", 2.0)), (("field", 2.0), ("periodic", False))]
    one, other = (hamiltonians.Hamiltonian("tfim", 3, options) for options in both)
    assert one == other
    assert hash(one) == hash(other)
    assert one.build().build() is one.build()
    assert (
        len({recipe, dataclasses.replace(recipe, seed=5), dataclasses.replace(recipe, n_qubits=4), one}) == 4
    )
    assert copy.deepcopy(recipe) == recipe


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (("tfmi", 3), "unknown Hamiltonian 'tfmi'"),
        (("tfim", 3, {"feild": 1}), "tfim has no option 'feild'"),
        (("projector", 3), "projector needs the option 'rank'"),
        (("tfim", 14), "choose n_qubits <= 13"),
        (("tfim", 3, (), -1), "seed must be an integer of at least 0"),
        (("tfim", 3, ("field", 1.0)), "options must be pairs of a name and a plain value"),
        (("tfim", 3, {"field": [1.0]}), "options must be pairs of a name and a plain value"),
    ],
)
def test_bad_recipes(recipe, message):
    with pytest.raises(ValueError, match=message):
        hamiltonians.Hamiltonian(*recipe)
