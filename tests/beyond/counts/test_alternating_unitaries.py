"""Two generators by turns, against products of matrix exponentials and central differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from qgmutils.beyond.counts.alternating_unitaries import (
    AlternatingUnitaries,
    GradientDescent,
    LearnUnitary,
    draw,
)

STEP = 1e-6


def exponentials(problems: AlternatingUnitaries, times: np.ndarray) -> np.ndarray:
    found = []
    for (a, b), basis, row in zip(problems.levels, problems.basis, times, strict=True):
        generators = np.diag(a), basis @ np.diag(b) @ basis.conj().T
        unitary = np.eye(len(a))
        for k, time in enumerate(row):
            unitary = expm(-1j * time * generators[k % 2]) @ unitary
        found.append(unitary)
    return np.array(found)


@pytest.mark.parametrize(("dim", "p"), [(2, 1), (2, 4), (3, 5), (4, 6)])
def test_values_and_derivatives(dim: int, p: int, seed: int) -> None:
    problems, times = draw(dim, p, range(3), seed=seed)
    np.testing.assert_allclose(problems.unitary(times), exponentials(problems, times), atol=1e-11)
    value, gradient = problems.value_and_gradient(times)
    missed = exponentials(problems, times) - problems.target
    np.testing.assert_allclose(value, np.sum(np.abs(missed) ** 2, axis=(1, 2)), rtol=1e-11)
    jacobian = problems.jacobian(times)
    for k in range(p):
        shift = np.zeros(p)
        shift[k] = STEP
        ahead, back = times + shift, times - shift
        slope = (problems.value_and_gradient(ahead)[0] - problems.value_and_gradient(back)[0]) / (2 * STEP)
        np.testing.assert_allclose(gradient[:, k], slope, atol=1e-7)
        change = (problems.unitary(ahead) - problems.unitary(back)) / (2 * STEP)
        stacked = np.concatenate([change.real, change.imag], axis=2).reshape(3, -1)
        # Up to a turn that all columns have in common: inner products are the same.
        np.testing.assert_allclose(
            np.sum(jacobian[:, :, k] ** 2, axis=1), np.sum(stacked**2, axis=1), rtol=1e-6
        )
        np.testing.assert_allclose(
            np.einsum("bi,bi->b", jacobian[:, :, k], jacobian[:, :, 0]),
            np.einsum("bi,bi->b", stacked, _first(problems, times)),
            atol=1e-6,
        )


def _first(problems: AlternatingUnitaries, times: np.ndarray) -> np.ndarray:
    shift = np.zeros(times.shape[1])
    shift[0] = STEP
    change = (problems.unitary(times + shift) - problems.unitary(times - shift)) / (2 * STEP)
    return np.concatenate([change.real, change.imag], axis=2).reshape(len(times), -1)


def test_what_is_drawn() -> None:
    problems, times = draw(4, 5, range(6), seed=1)
    np.testing.assert_allclose(np.mean(problems.levels**2, axis=2), 1)
    assert times.min() >= 0
    assert times.max() <= 2 * np.pi
    again, later = draw(4, 5, range(4, 6), seed=1)  # every start has a stream of its own
    np.testing.assert_array_equal(later, times[4:])
    np.testing.assert_array_equal(again.target, problems.some(slice(4, 6)).target)


def test_searches_end_in_zeros_of_rank_d_squared() -> None:
    ends = LearnUnitary(dim=2, n_params=8, n_starts=24, seed=3).run()
    zeros = ends[ends["loss"] < 1e-13]
    assert len(zeros) > 12
    assert set(zeros["rank"]) == {4}
    assert (zeros.filter(like="curvature_").to_numpy() > 0).all()
    below = LearnUnitary(dim=2, n_params=3, n_starts=24, seed=3).run()
    assert below["loss"].min() > 1e-13
    parts = [LearnUnitary(dim=2, n_params=8, n_starts=12, first_start=k, seed=3).run() for k in (0, 12)]
    assert (
        np.concatenate([part["loss"] < 1e-13 for part in parts]).tolist() == (ends["loss"] < 1e-13).tolist()
    )


def test_descent_near_a_zero_is_that_of_the_quadratic_loss() -> None:
    task = GradientDescent(dim=2, n_params=8, n_starts=12, seed=3, n_steps=1000, rate=0.04)
    table = task.run()
    assert sorted(table["step"].unique())[:3] == [1, 2, 3]
    assert table["step"].max() == 1000
    falling = table.pivot_table(index="step", columns="start", values="loss")
    assert (np.diff(falling, axis=0) < 1e-12).all()
    problems, times = draw(2, 8, range(12), seed=3)
    np.testing.assert_allclose(falling.iloc[0], problems.value_and_gradient(times)[0])
    # linear at step 1 is the quadratic form at the start.
    assert (table["linear"] >= 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 1}, "dim"),
        ({"n_params": 0}, "n_params"),
        ({"n_starts": 0}, "n_starts"),
        ({"seed": -1}, "seed"),
        ({"first_start": -1}, "first_start"),
    ],
)
def test_wrong_numbers(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LearnUnitary(**({"dim": 2, "n_params": 4, "n_starts": 2, "seed": 1} | change))


def test_what_is_no_problem() -> None:
    one, eye = np.zeros((1, 2, 2)), np.eye(2)[None]
    with pytest.raises(ValueError, match="shape"):
        AlternatingUnitaries(np.zeros((1, 3, 2)), eye, eye)
    with pytest.raises(ValueError, match="basis must be unitary"):
        AlternatingUnitaries(one, 2 * eye, eye)
    problem = AlternatingUnitaries(one, eye, eye)
    with pytest.raises(ValueError, match=r"shape \(1, p\)"):
        problem.value_and_gradient(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        problem.value_and_gradient([[np.nan]])
    with pytest.raises(ValueError, match="rate"):
        GradientDescent(dim=2, n_params=4, n_starts=2, seed=1, n_steps=5, rate=0.0)
