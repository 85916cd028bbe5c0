"""Derivatives at a critical point of a circuit whose generators are Haar-random reflections.

Half of the Hessian, M, is drawn row by row, exactly and for every even dimension N, given the state and that the
gradient vanishes (derived; `docs/finite_dimension.md`, sections 2 to 4).  With E = <H>, chi = (H - E) psi,
Q_i psi = c_i psi + b_i, r_i = <b_i|chi> and Q_i chi = r_i psi - (r_i c_i / |b_i|^2) b_i + y_i::

    M_ij = Re <b_j| (H - E) b_i + c_i chi + (r_i c_i / |b_i|^2) b_i - y_i>,  j before i,
    M_ii = <b_i|(H - E) b_i> + 2 c_i r_i.

For N much larger than p this is Re <b_i|(H - E)|b_j> + (sigma / sqrt(2 N)) S_ij, S Gaussian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from qgmutils.beyond.finite_dimension.profiles import even_levels
from qgmutils.circuits.reference_states import haar_state
from qgmutils.computing.kernels import compiled
from qgmutils.ensembles.model import LossRecipe
from qgmutils.inputs import require_integer

__all__ = [
    "ReflectionModel",
    "draw_row",
    "gradient_log_density",
    "random_reflections",
    "reflection_energy",
    "sample_critical_hessians",
]

Array = NDArray[np.float64]


def random_reflections(size: int, dim: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Haar-random reflections U Z U^dagger of trace zero, shape (size, dim, dim): 2 P - 1, P onto a random half.

    Raises
    ------
    ValueError
        For a dimension that is odd or below 2, or a size below 1.
    """
    if require_integer(dim, "dim", low=2) % 2:
        raise ValueError(f"dim must be even for a reflection of trace zero, got {dim}")
    shape = (require_integer(size, "size"), dim, dim // 2)
    half = np.linalg.qr(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))[0]
    return 2 * half @ half.conj().swapaxes(1, 2) - np.eye(dim)


def reflection_energy(
    levels: ArrayLike, reflections: NDArray[np.complex128], state: NDArray[np.complex128]
) -> Callable[[Array], Array]:
    """The loss of the circuit prod_i exp(-i theta_i Q_i) on a state, as a function of angles (B, p) -> (B,).

    Dense, and for small dimensions: the model that the theory of this module describes exactly.  Levels of shape (N,)
    in the basis of the observable, reflections (p, N, N), the state (N,) normalised.
    """
    h = np.asarray(levels, dtype=np.float64)

    def energy(theta: Array) -> Array:
        states = np.tile(state, (len(theta), 1))
        for angle, q in zip(theta.T[:, :, None], reflections, strict=True):
            states = np.cos(angle) * states - 1j * np.sin(angle) * (states @ q.T)
        result: Array = np.abs(states) ** 2 @ h
        return result

    return energy


@dataclass(frozen=True)
class ReflectionModel:
    """A model whose generators are Haar-random reflections, with a Haar-random reference state; dense, and small.

    Attributes
    ----------
    loss : LossRecipe
        Of an energy, of which only the levels matter.
    n_params : int
    """

    loss: LossRecipe
    n_params: int

    @property
    def n_qubits(self) -> int:
        return self.loss.n_qubits

    def plain(self) -> ReflectionModel:
        """Itself: it has nothing that a task does not need."""
        return self

    def landscape(self, rng: np.random.Generator, **_: str) -> Any:
        """An object with the loss as its method `value`; the state is drawn first, then the reflections.

        It is dense NumPy, whatever engine is asked for.
        """
        levels: Array = self.loss.build().levels  # type: ignore[attr-defined]
        state = haar_state(len(levels), rng)
        moves = random_reflections(self.n_params, len(levels), rng)
        return SimpleNamespace(value=reflection_energy(levels, moves, state))


def gradient_log_density(dim: int) -> float:
    """ln kappa_N: the density of dE/dtheta_i at 0, given the state, is kappa_N / (2 sigma).

    dE/dtheta_i is 2 sigma s x with x a component of a unit vector of R^(2N-2) and s^2 = 1 - c^2, c = <Q_i> a
    component of a unit vector of R^(N+1).  kappa_N is the mean of 1/s times the density of x at 0, and
    sqrt(N / pi) (1 + O(1/N)) (derived).
    """
    n = float(require_integer(dim, "dim", low=4))
    inverse = 2 * gammaln(n / 2) - gammaln((n - 1) / 2) - gammaln((n + 1) / 2)
    return float(-inverse + gammaln(n - 1) - gammaln(n - 1.5) - np.log(np.pi) / 2)


@compiled
def draw_row(levels, energy, u, b, z, rng):  # type: ignore[no-untyped-def]
    """Draw the reflection of one angle at a critical point: b and z with M_ij = b_j . z, and M_ii is returned.

    Complex vectors are stored as real parts, then imaginary parts; psi is the real vector `u`.
    """
    n = levels.size
    xu = yu = yc = square = 0.0
    variance = 0.0
    for a in range(n):
        b[a], b[n + a] = rng.standard_normal(), rng.standard_normal()
        z[a], z[n + a] = rng.standard_normal(), rng.standard_normal()
        chi = (levels[a] - energy) * u[a]
        variance += chi * chi
        xu += b[a] * u[a]
        yu += b[n + a] * u[a]
        yc += b[n + a] * chi
    # The derivative vanishes, so the imaginary part of <b|chi> does.
    wu = vu = wc = vc = 0.0
    for a in range(n):
        chi = (levels[a] - energy) * u[a]
        b[a] -= xu * u[a]
        b[n + a] -= yu * u[a] + yc / variance * chi
        square += b[a] * b[a] + b[n + a] * b[n + a]
        wu += z[a] * u[a]
        vu += z[n + a] * u[a]
        wc += z[a] * chi
        vc += z[n + a] * chi
    g = rng.standard_normal()
    c = g / np.sqrt(g * g + rng.chisquare(n - 1))
    s2 = 1 - c * c
    scale = np.sqrt(s2 / square)
    r = 0.0
    for a in range(n):
        b[a] *= scale
        b[n + a] *= scale
        r += b[a] * (levels[a] - energy) * u[a]
    # A random direction orthogonal to psi, chi and b, of which b's part orthogonal to chi remains to be taken off.
    re = im = rest = 0.0
    for a in range(n):
        chi = (levels[a] - energy) * u[a]
        z[a] -= wu * u[a] + wc / variance * chi
        z[n + a] -= vu * u[a] + vc / variance * chi
        x = b[a] - r / variance * chi
        y = b[n + a]
        re += x * z[a] + y * z[n + a]
        im += x * z[n + a] - y * z[a]
        rest += x * x + y * y
    re /= rest
    im /= rest
    length = 0.0
    for a in range(n):
        x = b[a] - r / variance * (levels[a] - energy) * u[a]
        y = b[n + a]
        z[a] -= re * x - im * y
        z[n + a] -= re * y + im * x
        length += z[a] * z[a] + z[n + a] * z[n + a]
    g = rng.standard_normal()
    turn = g / np.sqrt(g * g + rng.chisquare(n - 2))
    along = np.sqrt((1 - turn * turn) * (variance - r * r / s2) / length)
    diagonal = 2 * c * r
    for a in range(n):
        gap = levels[a] - energy
        chi = gap * u[a]
        # c chi + (r c / s2) b - y, with y = turn (chi - (r / s2) b) + along z.
        factor = gap + (c + turn) * r / s2
        z[a] = factor * b[a] + (c - turn) * chi - along * z[a]
        z[n + a] = factor * b[n + a] - along * z[n + a]
        diagonal += gap * (b[a] * b[a] + b[n + a] * b[n + a])
    return diagonal


@compiled
def _hessians(levels, energies, amplitudes, p, rng):  # type: ignore[no-untyped-def]
    size, n = amplitudes.shape
    result = np.empty((size, p, p))
    tangents, z = np.empty((p, 2 * n)), np.empty(2 * n)
    for k in range(size):
        for i in range(p):
            result[k, i, i] = draw_row(levels, energies[k], amplitudes[k], tangents[i], z, rng)
            for j in range(i):
                total = 0.0
                for a in range(2 * n):
                    total += tangents[j, a] * z[a]
                result[k, i, j] = result[k, j, i] = total
    return result


def sample_critical_hessians(
    levels: ArrayLike, profiles: ArrayLike, n_params: int, rng: np.random.Generator
) -> Array:
    """Half Hessians M at critical points of circuits with Haar-rotated generators, one per profile; no weight |det|.

    Parameters
    ----------
    levels : array_like, shape (N,)
        Even N of at least 4.
    profiles : array_like, shape (B, N)
        |psi_a|^2 in the order of the sorted levels.
    n_params : int
        p >= 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (B, p, p)

    Raises
    ------
    ValueError
        For levels or profiles of other shapes, negative or unnormalised profiles, and profiles on one level only.
    """
    h, pi = even_levels(levels), np.atleast_2d(np.asarray(profiles, dtype=np.float64))
    if pi.ndim != 2 or pi.shape[1] != len(h) or not ((pi >= 0).all() and np.allclose(pi.sum(axis=1), 1)):
        raise ValueError(
            f"profiles must have shape (B, {len(h)}), be non-negative and sum to 1, got {profiles!r}"
        )
    energies = pi @ h
    if not (np.einsum("ba,ba->b", pi, (h - energies[:, None]) ** 2) > 0).all():
        raise ValueError("profiles must cover more than one level: on one level every derivative is 0")
    return _hessians(h, energies, np.sqrt(pi), require_integer(n_params, "n_params"), rng)
