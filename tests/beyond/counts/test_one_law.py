"""Classes with predicted counts: theory by hand, sizes, and what is made of their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

from qgmutils.beyond.counts import one_law

BY_HAND = {
    "random words, Ising ring": (14, 14),
    "real words, Ising ring": (7, 7),
    "even words, Ising ring": (6, 6),
    "random words, projector": (12, 14),  # the lowest level is two-fold
    "random words, Pareto levels": (12, 14),
    "variational, Ising chain": (4, 4),
    "QAOA": (6, 6),
    "fidelity": (14, 14),
    "hidden word": (6, 6),
    "commuting words": (7, 7),
    "Born machine, KL": (7, 14),
    "Born machine, L2": (7, 14),
    "Born machine, real": (7, 7),
    "sparse Born machine": (11, 14),  # 4 outcomes occur: 4 - 1, and 2 for each of 4 amplitudes that vanish
    "least squares, N/2 inputs": (4, 47),  # 64 - (8 - 4)^2 - 1
    "least squares, 2N inputs": (16, 63),
    "classifier": (24, 44),  # 4 x 8 - 2 x 2 x 2; 64 - (8 - 4)^2 - 4 phases of orthogonal inputs
    "unitary": (63, 63),
    "unitary up to a phase": (63, 63),
}
"""c and D of three qubits, N = 8."""


@pytest.mark.parametrize("name", BY_HAND)
def test_counts_are_those_by_hand(name: str) -> None:
    case = one_law.posed(name, 3, seed=1)
    assert (case.predicted, case.dimension) == BY_HAND[name]
    assert case.generic


@pytest.mark.parametrize(
    ("name", "n_qubits", "message"),
    [
        ("QAOA", 2, "QAOA has numbers of qubits from 3 on, got 2"),
        ("variational, Ising ring", 3, "has even numbers of qubits from 2 on, got 3"),
        ("fidelity", 1.5, "has numbers of qubits from 1 on, got 1.5"),
        ("qaoa", 3, "unknown class 'qaoa'"),
    ],
)
def test_a_class_has_its_sizes_alone(name: str, n_qubits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        one_law.posed(name, n_qubits, seed=1)


@pytest.mark.parametrize("name", one_law.CLASSES)
def test_the_smallest_size_poses_the_equations_that_are_measured(name: str) -> None:
    n = one_law.FEWEST.get(name, 1)
    cases = {(name, n): one_law.posed(name, n, seed=3)}
    ranks = one_law.zero_ranks(cases, n_starts=4, seed=3).iloc[0]
    assert (ranks["measured"], ranks["rank"]) == (cases[name, n].predicted, cases[name, n].dimension)


def test_ranks_of_too_many_gates_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_law, "MOST_GATES", 20)
    cases = {
        ("QAOA", 3): one_law.posed("QAOA", 3, seed=1),
        ("fidelity", 1): one_law.posed("fidelity", 1, seed=1),
    }
    assert one_law.zero_ranks(cases, n_starts=2, seed=1)["model"].tolist() == ["fidelity"]


def test_the_transition_of_one_qubit_and_its_tables() -> None:
    names = ("random words, Ising ring", "fidelity")
    cases = {(name, 1): one_law.posed(name, 1, seed=2022) for name in names}
    found = one_law.minima(cases, n_starts=8, seed=2022)
    assert sorted(found["n_params"].unique()) == [1, 2, 3, 4, 6]
    assert not found.query("n_params < predicted")["solved"].any()
    windows = [one_law.pooled(found, window) for window in one_law.WINDOWS]
    assert [table["starts"].tolist() for table in windows] == [[32, 32], [24, 24], [16, 16]]
    solved = found.query("2 <= n_params <= 6").groupby("model", sort=False)["solved"].sum()
    assert windows[0].set_index("model")["solved"].to_dict() == solved.to_dict()
    assert one_law.described(cases)["field_count"].isna().tolist() == [False, True]


def test_sizes_are_cut_by_count_and_dimension() -> None:
    few = one_law.all_posed(max_params=8, max_dimension=15, max_qubits=3, seed=1)
    assert ("unitary", 1) in few
    assert ("unitary", 2) not in few  # c = 15
    assert ("least squares, 2N inputs", 2) in few  # c = 8, D = 15
    assert ("least squares, N/2 inputs", 3) not in few  # D = 47
    assert all(case.predicted <= 8 for case in few.values())


def test_where_nearly_all_are_solved() -> None:
    shares = pd.DataFrame(
        {"model": "a", "n_qubits": 3, "n_params": [4, 5, 6, 7], "share": [0.0, 0.98, 0.9, 1.0]}
    )
    assert one_law.nearly_all(shares).to_numpy().tolist() == [["a", 3, 7, 6]]
    never = one_law.nearly_all(shares.assign(share=0.5)).iloc[0]
    assert np.isnan(never["p_most"])
    always = one_law.nearly_all(shares.assign(share=1.0)).iloc[0]
    assert always["p_most"] == 4


def test_the_classifier_can_be_solved_by_a_unitary_of_its_count() -> None:
    """N / 2 orthonormal inputs turned into the two eigenspaces, and the tangents that leave them there."""
    loss = one_law.posed("classifier", 3, seed=2).model.loss
    dim, basis = 8, np.eye(8)
    right = loss.inputs[loss.labels > 0]
    wrong = loss.inputs[loss.labels < 0]
    frame = np.concatenate([right, scipy.linalg.null_space(loss.inputs.conj()).T[:2], wrong])
    frame = np.concatenate([frame, scipy.linalg.null_space(frame.conj()).T])
    unitary = basis @ frame.conj()  # takes right to the first two basis states, wrong to the fifth and sixth
    finals = (loss.inputs @ unitary.T)[None]
    assert abs(loss.value_and_cotangent(finals)[0][0]) < 1e-12
    moves = []
    for j in range(dim):
        for k in range(dim):
            unit = np.outer(basis[j], basis[k])
            for generator in (unit + unit.T, 1j * (unit - unit.T)):
                moved = 1j * finals[0] @ generator.T
                lost = np.where(loss.labels[:, None] > 0, moved[:, 4:], moved[:, :4])
                moves.append(np.concatenate([lost.real.ravel(), lost.imag.ravel()]))
    assert np.linalg.matrix_rank(np.array(moves)) == 24
