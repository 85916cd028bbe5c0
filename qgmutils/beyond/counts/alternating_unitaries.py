"""Learning a unitary with two Hamiltonians by turns: the distance to a target, its derivatives, and two ways down.

    U(t) = ... exp(-i t_3 A) exp(-i t_2 B) exp(-i t_1 A),        L = ||U - T||_F^2,

with the phase of U, for generators A and B of the Gaussian unitary ensemble and a Haar-random target T in d dimensions
(Kiani, Lloyd and Maity, arXiv:2001.11897).  No Pauli word generates such factors, so no `circuits.Circuit` holds them.
All matrices stand in the eigenbasis of A, which changes no loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from qgmutils import descent
from qgmutils.computing.threads import one_thread
from qgmutils.inputs import MAX_SEED, frozen, number_array, real_array, require_integer, require_positive

Array = NDArray[np.float64]
Matrices = NDArray[np.complex128]

MOST_TIME = 2 * np.pi
"""Starts are uniform in 0 ... 2 pi for every time; levels have the mean square 1 (both chosen here)."""

RANK_TOLERANCE = 1e-12
"""Curvatures at a zero up to this fraction of the largest count as zero.  Rounding leaves 1e-30, as singular values are
squared; the lowest other one of all searches at d = 2 ... 8 was 1e-8 (measured)."""

GRADIENT_TOLERANCE = 1e-9
ITERATIONS = 20_000
_LANES = 256  # starts under way at once
_NOISE = 1e-15  # rounding of a loss of order 1


@dataclass(frozen=True, eq=False)
class AlternatingUnitaries:
    """B problems of d dimensions.

    Attributes
    ----------
    levels : float array, shape (B, 2, d)
        Of A and of B.
    basis : complex array, shape (B, d, d)
        S, unitary: A = diag(a) and B = S diag(b) S^dagger.
    target : complex array, shape (B, d, d)
        T, unitary.

    Raises
    ------
    ValueError
        If shapes do not fit, or a matrix is not unitary to 1e-10.
    """

    levels: Array
    basis: Matrices
    target: Matrices

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "levels", frozen(real_array(self.levels, "levels"), np.float64))
        for name in ("basis", "target"):
            put(self, name, frozen(number_array(getattr(self, name), name, kinds="biufc"), np.complex128))
        count, _, dim = shape = self.levels.shape if self.levels.ndim == 3 else (0, 0, 0)
        if shape[1] != 2 or not self.basis.shape == self.target.shape == (count, dim, dim):
            raise ValueError(
                "levels must have the shape (B, 2, d), basis and target (B, d, d), got "
                f"{self.levels.shape}, {self.basis.shape} and {self.target.shape}"
            )
        for name in ("basis", "target"):
            matrix = getattr(self, name)
            if not np.allclose(_adjoint(matrix) @ matrix, np.eye(dim), rtol=0, atol=1e-10):
                raise ValueError(f"every matrix of {name} must be unitary")

    def some(self, which: Any) -> AlternatingUnitaries:
        """The problems of these numbers, an index or mask of the first axis."""
        return AlternatingUnitaries(self.levels[which], self.basis[which], self.target[which])

    def unitary(self, times: ArrayLike) -> Matrices:
        """U (B, d, d) after times (B, p), p at least 1; the first time is that of A."""
        t = self._times(times)
        return self._closed(self._prefixes(t)[-1], t.shape[1])

    def value_and_gradient(self, times: ArrayLike) -> tuple[Array, Array]:
        """L (B,), 0 ... 4d, and dL/dt (B, p): one pass forth and one back (derived).

        With U = R_k (-i G_k dt) P_k in its dependence on t_k, dL/dt_k = 2 Re tr((U - T)^dagger R_k (-i G_k) P_k).
        The difference U - T, not T, stands in it: both are exact to their last digits at a zero.
        """
        t = self._times(times)
        prefixes, p = self._prefixes(t), t.shape[1]
        missed = self._closed(prefixes[-1], p) - self.target
        gradient = np.empty_like(t)
        behind = self._opened(
            _adjoint(missed), p
        )  # (U - T)^dagger R_k in the eigenbasis of factor k, behind its phases
        for k in range(p - 1, -1, -1):
            diagonal = np.sum(np.swapaxes(behind, 1, 2) * prefixes[k], axis=2)
            gradient[:, k] = 2 * np.sum(diagonal.imag * self.levels[:, k % 2], axis=1)
            if k:
                behind = self._turned_back(behind * self._phases(t, k)[:, None, :], k)
        return np.sum(missed.real**2 + missed.imag**2, axis=(1, 2)), gradient

    def jacobian(self, times: ArrayLike) -> Array:
        """dU/dt as real numbers (B, 2 d^2, p); at a zero the Hessian is 2 J^T J (derived)."""
        t = self._times(times)
        prefixes, p = self._prefixes(t), t.shape[1]
        behind = self._opened(np.broadcast_to(np.eye(self.levels.shape[2]), self.target.shape), p)
        columns = []
        for k in range(p - 1, -1, -1):
            change = (behind * (-1j * self.levels[:, k % 2, None, :])) @ prefixes[k]
            columns.append(np.concatenate([change.real, change.imag], axis=2).reshape(len(t), -1))
            if k:
                behind = self._turned_back(behind * self._phases(t, k)[:, None, :], k)
        return np.stack(columns[::-1], axis=2)

    def _times(self, times: ArrayLike) -> Array:
        t = real_array(times, "times")
        if t.ndim != 2 or len(t) != len(self.levels) or not t.shape[1] or not np.isfinite(t).all():
            raise ValueError(
                f"times must be finite numbers of shape ({len(self.levels)}, p), p at least 1, got shape {t.shape}"
            )
        return t

    def _phases(self, times: Array, k: int) -> Matrices:
        return np.exp(-1j * times[:, k, None] * self.levels[:, k % 2])

    def _prefixes(self, times: Array) -> list[Matrices]:
        """The product up to and with factor k, k = 0 ... p - 1, from the left in the eigenbasis of its generator."""
        found = [self._phases(times, 0)[:, :, None] * np.eye(self.levels.shape[2])]
        for k in range(1, times.shape[1]):
            turn = _adjoint(self.basis) if k % 2 else self.basis
            found.append(self._phases(times, k)[:, :, None] * (turn @ found[-1]))
        return found

    def _closed(self, product: Matrices, n_factors: int) -> Matrices:
        """A product whose last factor stands in the eigenbasis of its generator, in that of A."""
        return product if n_factors % 2 else self.basis @ product

    def _opened(self, matrix: Matrices, n_factors: int) -> Matrices:
        return matrix if n_factors % 2 else matrix @ self.basis

    def _turned_back(self, matrix: Matrices, k: int) -> Matrices:
        """From the eigenbasis of factor k to that of the factor before."""
        return matrix @ (_adjoint(self.basis) if k % 2 else self.basis)


def _adjoint(matrices: Matrices) -> Matrices:
    return np.swapaxes(matrices.conj(), 1, 2)


def draw(dim: int, n_params: int, starts: range, *, seed: int) -> tuple[AlternatingUnitaries, Array]:
    """Problems and starts, each from a random stream of its own.

    Parameters
    ----------
    dim, n_params : int
        d, at least 2, and p.
    starts : range
        Numbers of the starts.
    seed : int

    Returns
    -------
    problems : AlternatingUnitaries
    times : float array, shape (B, p)
    """
    levels, bases, targets, times = [], [], [], []
    for start in starts:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(dim, n_params, start)))
        (a, v), (b, w) = _generator(dim, rng), _generator(dim, rng)
        levels.append([a, b])
        bases.append(v.conj().T @ w)
        # Haar measure is the same in every basis, that of A among them.
        targets.append(stats.unitary_group.rvs(dim, random_state=rng))
        times.append(rng.uniform(0, MOST_TIME, n_params))
    return AlternatingUnitaries(np.array(levels), np.array(bases), np.array(targets)), np.array(times)


def _generator(dim: int, rng: np.random.Generator) -> tuple[Array, Matrices]:
    """Levels, of mean square 1, and eigenvectors of a matrix of the Gaussian unitary ensemble."""
    entries = rng.standard_normal((dim, dim)) + 1j * rng.standard_normal((dim, dim))
    with one_thread():  # the last digits of LAPACK depend on its number of threads
        levels, vectors = np.linalg.eigh(entries + entries.conj().T)
    return levels / np.sqrt(np.mean(levels**2)), vectors


@dataclass(frozen=True, kw_only=True)
class _Learning:
    """Starts first_start ... first_start + n_starts - 1, each with generators and a target of its own.

    Attributes
    ----------
    dim, n_params : int
        d, at least 2, and p.
    n_starts, first_start, seed : int

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    dim: int
    n_params: int
    n_starts: int
    seed: int
    first_start: int = 0

    def __post_init__(self) -> None:
        require_integer(self.dim, "dim", low=2)
        require_integer(self.n_params, "n_params")
        require_integer(self.n_starts, "n_starts")
        require_integer(self.seed, "seed", low=0, high=MAX_SEED)
        require_integer(self.first_start, "first_start", low=0)

    def _starts(self) -> range:
        return range(self.first_start, self.first_start + self.n_starts)

    def _draw(self) -> tuple[AlternatingUnitaries, Array]:
        return draw(self.dim, self.n_params, self._starts(), seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class LearnUnitary(_Learning):
    """Search by BFGS (`qgmutils.descent`) from every start: a task.

    Attributes
    ----------
    dim, n_params, n_starts, seed, first_start
        As of `_Learning`.
    """

    def run(self) -> pd.DataFrame:
        """One row a start: start, loss, rank, iterations, and curvature_0 ... curvature_(k-1), k = min(p, d^2).

        Curvatures are the largest eigenvalues of 2 J^T J, descending: those of the Hessian where the loss is 0.
        """
        with one_thread():
            problems, times = self._draw()
            found = _descended(problems, times)
            curvatures = _modes(problems, found.theta)[0]
        ends = {"start": np.array(self._starts()), "loss": found.value, "rank": _ranks(curvatures)}
        spectrum = {f"curvature_{i}": column for i, column in enumerate(curvatures.T)}
        return pd.DataFrame(ends | {"iterations": found.iterations} | spectrum)


def _modes(problems: AlternatingUnitaries, times: Array) -> tuple[Array, Array]:
    """Eigenvalues of 2 J^T J (B, k), descending, and their directions (B, k, p), k = min(p, d^2).

    By singular values of J, which knows small ones to more digits than J^T J.
    """
    _, values, directions = np.linalg.svd(problems.jacobian(times), full_matrices=False)
    most = min(times.shape[1], problems.levels.shape[2] ** 2)
    return 2 * values[:, :most] ** 2, directions[:, :most]


def _ranks(curvatures: Array) -> NDArray[np.int64]:
    return np.sum(curvatures > RANK_TOLERANCE * curvatures[:, :1], axis=1)


def _descended(problems: AlternatingUnitaries, starts: Array) -> descent.Found:
    count, p = starts.shape
    found = descent.Found(
        np.empty_like(starts),
        np.empty(count),
        np.empty(count),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )
    settings = descent.Settings(GRADIENT_TOLERANCE, _NOISE, ITERATIONS, 0)
    search = descent.begin(min(count, _LANES), p, settings.memory)
    while descent.next_angles(search, starts) > 0:
        at = search.lanes["start"]
        busy = at >= 0
        value, gradient = problems.some(at[busy]).value_and_gradient(search.angles[:, busy].T)
        search.values[busy] = value  # noqa: PD011
        search.slopes[:, busy] = gradient.T
        descent.take_in(search, settings, found)
    return found


@dataclass(frozen=True, kw_only=True)
class GradientDescent(_Learning):
    """Plain gradient descent, t -> t - rate dL/dt, from every start: a task.

    Attributes
    ----------
    dim, n_params, n_starts, seed, first_start
        As of `_Learning`.
    n_steps : int
    rate : float
        Positive.
    """

    n_steps: int
    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self.n_steps, "n_steps")
        require_positive(self.rate, "rate")

    def run(self) -> pd.DataFrame:
        """One row a start and noted step, ten a decade: start, step, loss before that step, end, linear.

        end is the loss of a search by BFGS from where the descent stops.  Where that is a zero, at distances delta_k
        from the start along the modes of curvature h_k, the loss would be

            sum_k h_k delta_k^2 (1 - rate h_k)^(2 step - 2) / 2

        if it were quadratic all the way (derived): linear.
        """
        with one_thread():
            problems, begin = self._draw()
            steps = np.unique(np.round(10 ** np.arange(0, np.log10(self.n_steps) + 1e-9, 0.1)).astype(int))
            times, losses = begin, []
            for step in range(1, self.n_steps + 1):
                value, gradient = problems.value_and_gradient(times)
                times = times - self.rate * gradient
                if step in steps:
                    losses.append(value)
            found = _descended(problems, times)
            curvatures, modes = _modes(problems, found.theta)
        distances = np.einsum("bkp,bp->bk", modes, begin - found.theta)
        left = (1 - self.rate * curvatures) ** (2 * steps[:, None, None] - 2)
        starts = np.array(self._starts())
        return pd.DataFrame(
            {
                "start": np.tile(starts, len(steps)),
                "step": np.repeat(steps, len(starts)),
                "loss": np.concatenate(losses),
                "end": np.tile(found.value, len(steps)),
                "linear": np.sum(curvatures * distances**2 * left, axis=2).ravel() / 2,
            }
        )
