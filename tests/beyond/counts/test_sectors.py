"""Sectors against Fock space built mode by mode, and graphs against all their colourings."""

from __future__ import annotations

import itertools

import dense
import numpy as np
import pytest

from qgmutils.beyond.counts import sectors
from qgmutils.circuits import spin_groups
from qgmutils.circuits.symmetrised import reflection, spin_flip
from qgmutils.engine import landscape
from qgmutils.losses import hamiltonians
from qgmutils.losses.max_cut import MaxCut


def fock(n_sites, repulsion):
    """H of the open chain, and operators that commute with it at half filling, all dense."""
    n = 2 * n_sites
    c = [dense.fermion(mode, n) for mode in range(n)]
    up, down = c[::2], c[1::2]
    number = [a.conj().T @ a for a in c]
    h = repulsion * sum(number[2 * i] @ number[2 * i + 1] for i in range(n_sites))
    for spin in (up, down):
        hops = [a.conj().T @ b for a, b in itertools.pairwise(spin)]
        h = h - sum(hop + hop.conj().T for hop in hops)
    raising = sum(a.conj().T @ b for a, b in zip(up, down))
    pairing = sum((-1) ** i * a.conj().T @ b.conj().T for i, (a, b) in enumerate(zip(up, down)))
    total = sum(number)
    spin, pseudo = sum(number[::2]) - sum(number[1::2]), total - n_sites * np.eye(2**n)
    squares = {
        "spin": raising.conj().T @ raising + spin @ spin / 4 + spin / 2,
        "pseudospin": pairing @ pairing.conj().T + pseudo @ pseudo / 4 - pseudo / 2,
    }

    def moved(images, start):
        """Operator that takes the particles of a basis state to other operators on another vacuum."""
        matrix = np.zeros((2**n, 2**n), dtype=complex)
        for k in range(2**n):
            state = np.eye(2**n, dtype=complex)[start]
            for mode in reversed([mode for mode in range(n) if k >> n - 1 - mode & 1]):
                state = images[mode] @ state
            matrix[:, k] = state
        return matrix

    creators = [a.conj().T for a in c]
    squares["reflection"] = moved([creators[j] for j in reflection(n)], 0)
    squares["spin flip"] = moved([creators[j] for j in spin_flip(n)], 0)
    squares["particle-hole"] = moved([(-1) ** (j // 2) * a for j, a in enumerate(c)], 2**n - 1)
    counts = [np.rint(np.diag(sum(number[s::2])).real) for s in (0, 1)]
    return h, counts, squares


@pytest.fixture(scope="module")
def four_sites():
    h, (up, down), symmetries = fock(4, 2.0)
    states = np.flatnonzero((up == 2) & (down == 2))
    inside = np.ix_(states, states)
    return h[inside], {name: each[inside] for name, each in symmetries.items()}


def with_symmetries(h, operators):
    """Levels among the states that share the ground state's eigenvalues of some operators."""
    ground = np.linalg.eigh(h)[1][:, 0]
    gap = np.zeros_like(h)
    for each in operators:
        np.testing.assert_allclose(each @ h, h @ each, atol=1e-12)
        shift = each - (ground.conj() @ each @ ground) * np.eye(len(h))
        gap = gap + shift.conj().T @ shift
    values, vectors = np.linalg.eigh(gap)
    basis = vectors[:, values < 1e-9]
    return np.linalg.eigvalsh(basis.conj().T @ h @ basis)


def test_only_reflection_and_spin_flip_give_thirteen_states(four_sites):
    h, symmetries = four_sites
    found = {}
    for size in range(len(symmetries) + 1):
        for names in itertools.combinations(symmetries, size):
            levels = with_symmetries(h, [symmetries[name] for name in names])
            found[names] = len(levels), sectors.degrees_of_freedom(levels)
    assert [names for names, (size, _) in found.items() if size == 13] == [("reflection", "spin flip")]
    assert found["reflection", "spin flip"][1] == pytest.approx(44.68, abs=0.005)


@pytest.mark.parametrize("names", [(), ("reflection",), ("reflection", "spin flip")])
def test_levels_of_half_filled_sectors(names, four_sites):
    h, symmetries = four_sites
    sector = sectors.half_filled(4, symmetries=names)
    expected = with_symmetries(h, [symmetries[name] for name in names])
    whole = hamiltonians.fermi_hubbard(8, U=2.0)
    levels = whole.ground_energy + whole.unit * sectors.sector_levels(sector)
    np.testing.assert_allclose(levels, expected, atol=1e-11)
    loss = sector.build()
    assert (loss.ground_energy, loss.mean_energy) == pytest.approx((expected[0], expected.mean()))


def test_the_loss_of_a_sector_is_its_energy_inside_and_one_outside(rng):
    # One particle on two sites: two levels -1 of either spin, two levels 1, so 0, 0, 2, 2 inside.
    sector = sectors.SectorEnergy(sectors.chain(2), ((tuple(range(4)), 1),))
    loss = sector.build()
    np.testing.assert_allclose(np.linalg.eigvalsh(loss.matrix), [0, 0, *[1] * 12, 2, 2], atol=1e-14)
    assert (loss.ground_energy, loss.mean_energy, loss.ground_degeneracy) == pytest.approx((-1, 0, 2))
    outside = np.setdiff1d(np.arange(16), [1, 2, 4, 8])
    np.testing.assert_allclose(loss.matrix[np.ix_(outside, outside)], np.eye(12), atol=1e-14)
    assert loss is sector.build()
    # A state of the sector has the energy of H, shifted and scaled.
    state = np.zeros(16, dtype=complex)
    state[[1, 2, 4, 8]] = rng.standard_normal(4) + 1j * rng.standard_normal(4)
    state /= np.linalg.norm(state)
    h = dense.hamiltonian(hamiltonians.fermi_hubbard(4, U=2.0))
    assert (state.conj() @ loss.matrix @ state).real == pytest.approx((state.conj() @ h @ state).real + 1)


def test_published_numbers_and_their_reduction():
    numbers = sectors.published()
    np.testing.assert_allclose(numbers["m"], numbers["published"], atol=sectors.PRINTED)
    assert numbers["dimension"].tolist() == [16, 16, 64, 256, 2, 13]
    reduced = sectors.reductions([2])
    # Two sites: m = 32 in all; levels 1 -+ sqrt 5, 0, 2 of the four states with one spin of either kind, so
    # m = 16 * 5 / (2 * 5 + 2) = 20/3; the two of them in the ground state's own sector have m = 2.
    np.testing.assert_allclose(reduced["m"], [32, 20 / 3, 2])
    assert reduced["equations"].tolist() == [30, 6, 2]
    assert (reduced["register_m"] == reduced["m"].iloc[0]).all()


def test_cases_have_the_dimensions_of_their_sectors():
    cases = [*sectors.sector_cases(13), *sectors.register_cases([4])]
    found = {case.case: (case.dimension, case.degeneracy, case.states, case.equations) for case in cases}
    assert found == {
        "2 sites, 1 + 1, R, F": (2, 1, 2, 2),
        "2 sites, N = 1": (4, 2, 6, 4),
        "2 sites, 1 + 1": (4, 1, 6, 6),
        "3 sites, N = 1": (6, 2, 10, 8),
        "3 sites, 1 + 1": (9, 1, 16, 16),
        "4 sites, 2 + 2, R, F": (13, 1, 24, 24),
        "2 sites, register": (16, 1, 30, 30),
    }
    assert [case.case for case in sectors.sector_cases(3)] == ["2 sites, 1 + 1, R, F"]
    assert all(case in found for case in sectors.reductions([2])["case"])


@pytest.mark.parametrize(
    ("graph", "n"),
    [
        (sectors.star(4), 4),
        (sectors.star(5), 5),
        (sectors.tailed_triangle(4), 4),
        (sectors.tailed_triangle(5), 5),
        (sectors.weighted_graph(4, np.random.default_rng(1)), 4),
        (sectors.Graph(((0, 1), (1, 2), (2, 3), (3, 0))), 4),
    ],
)
def test_orbits_are_the_states_that_qaoa_reaches(graph, n, rng):
    size, g = sectors.orbits(graph, n)
    # States with all symmetries, as eigenvectors of the mean of all of them with eigenvalue 1.
    weights = dict(zip(map(frozenset, graph.edges), graph.weights or [1.0] * len(graph.edges)))
    flip, mean, number = np.eye(2**n)[::-1], np.zeros((2**n, 2**n)), 0
    for order in itertools.permutations(range(n)):
        if all(weights.get(frozenset(order[end] for end in edge)) == w for edge, w in weights.items()):
            axes = np.eye(2**n).reshape(*[2] * n, 2**n).transpose(*order, n).reshape(2**n, 2**n)
            mean, number = mean + (axes + flip @ axes) / 2, number + 1
    values, vectors = np.linalg.eigh(mean / number)
    basis = vectors[:, values > 1 - 1e-9]
    loss = MaxCut(n_qubits=n, edges=graph.edges, weights=graph.weights).build()
    levels = np.linalg.eigvalsh(basis.T @ loss.matrix.real @ basis)
    assert (size, g) == (basis.shape[1], np.sum(levels < 1e-9))


def test_graphs_have_their_symmetries():
    assert sectors.orbits(sectors.star(4), 4) == (4, 1)  # how many leaves differ from the centre
    assert sectors.orbits(sectors.tailed_triangle(4), 4) == (6, 2)
    assert sectors.orbits(sectors.weighted_graph(4, np.random.default_rng(3)), 4) == (8, 1)
    assert (
        sectors.weighted_graph(4, np.random.default_rng(3))
        == sectors.weighted_graph(4, np.random.default_rng(3))
        != sectors.weighted_graph(4, np.random.default_rng(4))
    )
    names = [case.case for case in sectors.graph_cases([3, 4], seed=1)]
    kinds = ("random weights", "star", "triangle with a tail")
    assert names == ["random weights, n = 3", *(f"{kind}, n = 4" for kind in kinds)]


def test_minima_know_their_redundant_angles():
    case, model = next(iter(sectors.sector_cases(2).items()))
    graphs = dict(list(sectors.graph_cases([3], seed=1).items())[:1])
    assert sectors.counts_of(case) == {0, 1, 2, 3, 4, 6, 8}
    found = sectors.minima({case: model} | graphs, n_circuits=5, seed=1)
    assert (found["offset"] == found["n_params"] - found["equations"]).all()
    assert found[["family", "n_params", "circuit"]].duplicated().sum() == 0
    sector = found[found["family"] == "sector"]
    assert sector["n_params"].unique().tolist() == [1, 2, 3, 4, 6, 8]
    for row in sector[sector["n_params"] >= 2].itertuples():
        circuit = model.with_params(row.n_params).circuit.build(
            np.random.default_rng(np.random.SeedSequence(1, spawn_key=(4, row.n_params, row.circuit)))
        )
        theta = np.linspace(0.3, 1.9, row.n_params)[None]
        metric = landscape(circuit, model.loss.build()).quantum_fisher(theta)[0]
        assert row.redundant == (np.linalg.matrix_rank(metric, tol=1e-10) < 2)
    assert not found.loc[found["family"] == "QAOA", "redundant"].any()
    assert not found.loc[found["offset"] < 0, "solved"].any()


def test_ranks_at_zeros_are_the_equations():
    cases = list(sectors.sector_cases(4).items())
    found = sectors.zeros(dict(cases[1:3]), n_points=2, seed=1)
    assert found["case"].tolist() == ["2 sites, N = 1", "2 sites, 1 + 1"]
    assert found["hessian"].tolist() == [4, 6]
    assert found["metric"].tolist() == [6, 6]
    assert (found["found"] == 4).all()


def test_a_number_of_spins_that_is_none():
    with pytest.raises(ValueError, match="max_dimension must be an integer of at least 2, got 1"):
        sectors.sector_cases(1)
    for graph, low in ((sectors.star, 2), (sectors.tailed_triangle, 3)):
        with pytest.raises(ValueError, match=f"n_vertices must be an integer of at least {low}, got 1"):
            graph(1)
    assert spin_groups(4, 1, 1) == sectors.half_filled(2).groups
