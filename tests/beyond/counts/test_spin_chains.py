"""Spin chains: sectors against symmetries, counts against the rank of the metric, and Adam against its formula."""

from __future__ import annotations

import dense
import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.counts import spin_chains
from qgmutils.circuits import HamiltonianVariational
from qgmutils.engine.landscape import landscape
from qgmutils.losses import hamiltonians


def moved(state: np.ndarray, wires: list[int]) -> np.ndarray:
    """The state with its wires permuted."""
    n = len(wires)
    return state.reshape([2] * n).transpose(wires).ravel()


def symmetric_dimension(state: np.ndarray) -> int:
    """Dimension of the states without magnetisation that have the signs of a state under reflection and flip."""
    n = len(state).bit_length() - 1
    up = np.array([bin(k).count("1") for k in range(2**n)])
    projector = np.diag((up == n // 2).astype(float))
    for symmetry in (lambda s: moved(s, list(range(n))[::-1]), lambda s: s[::-1]):
        sign = np.vdot(state, symmetry(state)).real
        assert abs(sign) == pytest.approx(1)
        matrix = np.array([symmetry(row) for row in np.eye(2**n)]).T
        projector = projector @ (np.eye(2**n) + sign * matrix) / 2
    return int(np.linalg.matrix_rank(projector, tol=1e-9))


@pytest.mark.parametrize(("n", "size"), [(4, 3), (6, 7), (8, 23), (10, 71)])
def test_singlets_of_an_open_chain_reach_a_whole_symmetry_sector(n: int, size: int) -> None:
    circuit = spin_chains.deep(spin_chains.OnSinglets(n, 1))
    basis = spin_chains.sector(circuit, circuit.reference)
    np.testing.assert_allclose(basis @ basis.conj().T, np.eye(len(basis)), atol=1e-12)
    assert len(basis) == symmetric_dimension(circuit.reference) == size


def test_counts_are_those_of_the_rank_of_the_metric() -> None:
    known = {
        ("Ising open", 4): (8, 8, 8),
        ("Ising open", 5): (12, 12, 12),
        ("Ising ring", 6): (6, 6, 6),
        ("XXZ open", 4): (4, 4, 4),
        ("XXZ ring", 6): (6, 6, 6),
        ("XXZ open, Néel", 4): (7, 6, 7),
    }
    for key, numbers in known.items():
        case, model = spin_chains.case(*key)
        assert (case.dimension, case.equations, case.first) == numbers
        deep = model.with_params(3 * case.first)
        assert spin_chains._metric(deep) == case.dimension


def test_neel_state_can_reach_the_mean_of_two_levels_at_best() -> None:
    case, model = spin_chains.case("XXZ open, Néel", 4)
    minima = spin_chains.searches({case: (model, [20], 8)}, seed=1)
    assert case.lowest > 0.1
    assert minima["loss"].abs().max() < 1e-10
    ising, _ = spin_chains.case("Ising open", 4)
    assert ising.lowest == 0


def test_lowest_level_of_everything_is_the_ground_state() -> None:
    energy = hamiltonians.xxz(3)
    assert spin_chains.lowest_level(energy, np.eye(8, dtype=complex)) == pytest.approx(0, abs=1e-12)
    assert len(spin_chains.halves(np.full(8, 8**-0.5, dtype=complex))) == 1
    assert len(spin_chains.halves(np.eye(8, dtype=complex)[1])) == 2


def test_singlets_are_what_they_are_called(rng: np.random.Generator) -> None:
    ansatz = spin_chains.OnSinglets(4, 6)
    state = ansatz.build(rng).reference
    singlet = np.array([0, 1, -1, 0]) / np.sqrt(2)
    np.testing.assert_allclose(state, np.kron(singlet, singlet))
    for letters in ("XXII", "YYII", "ZZII"):
        np.testing.assert_allclose(dense.pauli(letters) @ state, -state, atol=1e-12)
    assert ansatz.name == "HVA xxz chain on singlets"
    assert [hex(x) for x in ansatz.build(rng).x[:2]] == ["0x6", "0x6"]  # the bond in the middle first


def test_adam_is_its_formula(rng: np.random.Generator) -> None:
    surface = landscape(HamiltonianVariational(3, 4).build(rng), hamiltonians.tfim(3, periodic=False))
    start = rng.uniform(0, np.pi, (2, 4))
    path = list(spin_chains.adam(surface, start, rate=0.1, n_steps=3))
    for row in range(2):
        theta, m, v = start[row].copy(), np.zeros(4), np.zeros(4)
        for step in range(1, 4):
            g = surface.value_and_gradient(theta[None])[1][0]
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            theta = theta - 0.1 * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
            np.testing.assert_allclose(path[step - 1][row], theta, atol=1e-12)


def test_search_and_adam_begin_at_the_same_angles() -> None:
    study = spin_chains.study({("Ising open", 4): 8}, {("Ising open", 4): 8}, seed=3)
    assert set(study.minima["n_params"]) >= {8, 16}
    assert study.successes["starts"].eq(8).all()
    enough = study.successes[study.successes["n_params"] == 16]
    assert enough["one"].eq(1).all()
    begin = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(4, 8, 0))).uniform(0, np.pi, (8, 8))
    _, model = spin_chains.case("Ising open", 4)
    surface = model.with_params(8).landscape(np.random.default_rng(0))
    quantity = spin_chains.Adam(1e-2, (1, 2))
    rng = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(4, 8, 0)))
    table = pd.DataFrame(quantity.measure(surface, 8, rng))
    first = next(iter(spin_chains.adam(surface, begin, rate=1e-2, n_steps=1)))
    np.testing.assert_allclose(table.loc[table["step"] == 1, "loss"], surface.value(first))


def test_gaps_compare_pairs() -> None:
    one = pd.DataFrame(
        {"chain": "a", "n_qubits": 4, "equations": 8, "n_params": 8, "circuit": range(4), "loss": 1e-4}
    )
    other = one.assign(loss=[1e-4, 1.0, 1.0, 1.0])
    found = spin_chains.success_gaps(one, other).iloc[0]
    assert (found["one"], found["other"], found["gap"]) == (1.0, 0.25, 0.75)
    assert found["error"] == pytest.approx(np.sqrt((3 / 16 + 1 / 4) / 4))


def test_softening_and_powers() -> None:
    minima = pd.DataFrame(
        {
            "chain": "a",
            "n_qubits": 4,
            "first": 8,
            "n_params": [8, 8, 16, 16],
            "softest": [1e-4, 1e-4, 1e-2, 1e-2],
        }
    )
    assert spin_chains.softening(minima)["decades"].tolist() == pytest.approx([2.0])
    assert spin_chains.softening(minima.iloc[1:])["decades"].isna().all()
    n = np.array([4, 6, 8])
    counts = pd.concat(
        pd.DataFrame(
            {"chain": chain, "n_qubits": n, "p_c": 0.5 * n**k, "low": 0.49 * n**k, "high": 0.51 * n**k}
        )
        for chain, k in (("Ising open", 2), ("Ising ring", 1))
    )
    found = spin_chains.powers(counts)
    np.testing.assert_allclose(found["exponent"], [2, 1])
    assert (found["error"] > 0).all()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("Heisenberg", 4), "unknown chain"),
        (("Ising ring", 5), "needs an even n_qubits of at least 4, got 5"),
        (("XXZ open", 2), "at least 4, got 2"),
    ],
)
def test_what_is_no_chain(key: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spin_chains.case(*key)


def test_wrong_numbers() -> None:
    case, model = spin_chains.case("Ising open", 4)
    with pytest.raises(ValueError, match="multiple of 8, got 12"):
        spin_chains.searches({case: (model, [8], 12)}, seed=1)
    with pytest.raises(ValueError, match="even n_qubits, got 3"):
        spin_chains.OnSinglets(3, 4)
    with pytest.raises(ValueError, match="ascending"):
        spin_chains.Adam(1e-3, (3, 2))
