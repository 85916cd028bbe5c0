"""Born machines: circuits whose measured bits follow a distribution that is to be learnt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qgmutils.inputs import (
    MAX_QUBITS,
    frozen,
    known_array,
    precision_of,
    require_choice,
    require_integer,
    require_positive,
    require_qubits,
)
from qgmutils.losses.loss import Array, Loss, States, qubits_of

DIVERGENCES = ("kl", "l2", "tv", "mmd")

BANDWIDTHS = (0.25, 4.0)
"""Of the kernel of the maximum mean discrepancy: a narrow one that sees single outcomes, and a wide one."""


@dataclass(frozen=True, eq=False)
class BornMachine(Loss):
    """A divergence of the outcomes' probabilities p_x = sum_r |<x, r|psi>|^2 from a target distribution q.

    Outcomes x are those of the first k qubits, of all n by default; r those of the others.

    * "kl": sum_x q_x log(q_x / p_x) over the x with q_x > 0, what maximum likelihood minimises.  It is infinite, and
      has no gradient, where p_x = 0 < q_x.
    * "l2": sum_x (p_x - q_x)^2.
    * "tv": 1/2 sum_x [sqrt((p_x - q_x)^2 + epsilon^2) - epsilon], total variation with its corners rounded off; it
      falls short of total variation by less than K epsilon / 2.
    * "mmd": sum_xy (p_x - q_x) K_xy (p_y - q_y), the squared maximum mean discrepancy of Liu and Wang, "Differentiable
      learning of quantum circuit Born machines", Phys. Rev. A 98, 062324 (2018), arXiv:1804.04168.

    The others are general knowledge.  All are 0 for p = q and nowhere negative; whether 0 is reached is a question of
    the circuit.  Near there each is quadratic in p - q, so that a loss of `solved` is a deviation of its square root:
    1e-4 in probabilities that are of order 1.  Wire 0 is the most significant bit of x.

    Attributes
    ----------
    target : float array, shape (K,)
        q, not negative, with the sum 1; K = 2^k.
    divergence : {"kl", "l2", "tv", "mmd"}
    epsilon : float
        Positive; only "tv" uses it.
    kernel : float array, shape (K, K), or None
        K, symmetric and without negative eigenvalues; None is `hamming_kernel`.  Only "mmd" uses it.
    name : str
        By default "Born machine (kl)" and so on.
    n_others : int
        Qubits behind the k that are measured; their outcomes are summed over.
    n_qubits : int
        n, from the size of the target and the others.

    Raises
    ------
    ValueError
        If the target is no distribution over 2^n outcomes, to 1e-10 or to 100 roundings of the precision in which it
        is given, the divergence is none of these, epsilon is not positive, or the kernel is none.
    """

    target: Array
    divergence: str = "kl"
    epsilon: float = 1e-3
    kernel: Array | None = None
    name: str = ""
    n_others: int = 0
    n_qubits: int = dataclasses.field(init=False)

    floor = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "n_others", require_integer(self.n_others, "n_others", low=0, high=MAX_QUBITS))
        put(self, "n_qubits", require_qubits(qubits_of(self.target, "the target", 1) + self.n_others))
        put(self, "target", _distribution(self.target))
        put(self, "divergence", require_choice(self.divergence, "divergence", DIVERGENCES))
        put(self, "epsilon", require_positive(self.epsilon, "epsilon"))
        if self.kernel is not None:
            put(self, "kernel", _positive_kernel(self.kernel, len(self.target)))
        put(self, "name", str(self.name or f"Born machine ({self.divergence})"))

    @property
    def scale(self) -> float:  # type: ignore[override]
        """k for "kl", the logarithm of K up to a factor; 2 for "l2", 1 for "tv", 4 max |K| for "mmd" (bounds)."""
        if self.divergence == "mmd":
            return 4 * float(np.max(np.abs(self._kernel)))
        return {"kl": float(self.n_qubits - self.n_others), "l2": 2.0, "tv": 1.0}[self.divergence]

    def value_and_cotangent(self, states: States) -> tuple[Array, States]:
        """L (B,) and dL/dp_x psi_xr (B, 1, N), r the outcomes that are summed over."""
        values, slopes = self._value_and_slope(self._summed(_probabilities(states)))
        with np.errstate(invalid="ignore"):  # an infinite loss has no gradient
            return values[:, 0], self._repeated(slopes) * states

    def curvature(self, states: States, tangents: States) -> Array:
        """2 sum_x dL/dp_x sum_r Re T_ixr^* T_jxr + sum_xy d2L/dp_x dp_y p_ix p_jy, p_ix = 2 sum_r Re psi_xr^* T_ixr."""
        probabilities, along = self._summed(_probabilities(states)), tangents[:, 0]
        _, slopes = self._value_and_slope(probabilities)
        changes = self._summed(2 * np.real(states[0].conj() * along))
        result: Array = 2 * np.real(along.conj() @ (self._repeated(slopes)[0] * along).T)
        if self.divergence == "mmd":
            return result + 2 * changes @ self._kernel @ changes.T
        return result + (changes * self._second(probabilities[0])) @ changes.T

    def _summed(self, values: Array) -> Array:
        """(..., K) from (..., N)."""
        if not self.n_others:
            return values
        result: Array = values.reshape(*values.shape[:-1], len(self.target), -1).sum(axis=-1)
        return result

    def _repeated(self, slopes: Array) -> Array:
        """(..., N) from (..., K)."""
        return np.repeat(slopes, 2**self.n_others, axis=-1) if self.n_others else slopes

    @cached_property
    def _kernel(self) -> Array:
        return hamming_kernel(self.n_qubits - self.n_others) if self.kernel is None else self.kernel

    @cached_property
    def _outside(self) -> Array:
        """1 where the target is 0, which adds nothing to "kl", and 0 elsewhere."""
        return (self.target == 0).astype(np.float64)

    def _value_and_slope(self, p: Array) -> tuple[Array, Array]:
        """Sum over the last axis, and derivatives with respect to p (..., N)."""
        q = self.target
        if self.divergence == "kl":
            outside = self._outside
            with np.errstate(divide="ignore"):
                ratio = (p + outside) / (q + outside)
                return -np.sum(q * np.log(ratio), axis=-1), (outside - 1) / ratio
        off = p - q
        if self.divergence == "l2":
            return np.sum(off**2, axis=-1), 2 * off
        if self.divergence == "tv":
            root = np.sqrt(off**2 + self.epsilon**2)
            return np.sum(root - self.epsilon, axis=-1) / 2, off / root / 2
        weighted = off @ self._kernel
        return np.sum(weighted * off, axis=-1), 2 * weighted

    def _second(self, p: Array) -> Array:
        """d2L/dp_x^2 of the divergences that are sums over x."""
        if self.divergence == "kl":
            with np.errstate(divide="ignore"):
                result: Array = self.target / (p + self._outside) ** 2
            return result
        if self.divergence == "l2":
            return np.full(len(self.target), 2.0)
        return self.epsilon**2 / ((p - self.target) ** 2 + self.epsilon**2) ** 1.5 / 2


def hamming_kernel(n_qubits: int, bandwidths: Sequence[float] = BANDWIDTHS) -> Array:
    """K_xy = mean_s exp(-d_xy / 2s) with the Hamming distance d of two bit strings, |x - y|^2 of their bits.

    A mixture of Gaussians as in Liu and Wang, arXiv:1804.04168, of whose distances this is the one for binary data: it
    does not give one qubit more weight than another.  Each term is a product over the bits of [[1, e], [e, 1]] with
    e = exp(-1 / 2s) < 1, so that all eigenvalues are positive and only equal distributions have a discrepancy of 0
    (derived).

    Parameters
    ----------
    n_qubits : int
    bandwidths : sequence of float
        s, positive.

    Returns
    -------
    float array, shape (N, N)
    """
    index = np.arange(2 ** require_qubits(n_qubits))
    widths = [require_positive(width, "a bandwidth") for width in bandwidths]
    distance = np.bitwise_count(index[:, None] ^ index).astype(np.float64)
    result: Array = np.mean([np.exp(-distance / (2 * width)) for width in widths], axis=0)
    return result


def _probabilities(states: States) -> Array:
    result: Array = states.real**2
    result += states.imag**2
    return result


def _distribution(values: NDArray[np.generic]) -> Array:
    target = known_array(values, "the target")
    total, least = float(target.sum()), float(target.min())
    tolerance = max(1e-10, 100 * precision_of(np.asarray(values)))
    if least < 0 or not abs(total - 1) <= tolerance:
        raise ValueError(
            f"the target must be a distribution: probabilities of at least 0 with the sum 1; got a least one of "
            f"{least:.6g} and the sum {total:.9g}"
        )
    # Copies are made by the constructor: what is normalised to rounding must stay as it is, to the last bit.
    rounding = target.size * np.finfo(np.float64).eps
    return frozen(target if abs(total - 1) <= rounding else target / total, np.float64)


def _positive_kernel(kernel: Array, dim: int) -> Array:
    values = known_array(kernel, "the kernel")
    if values.shape != (dim, dim) or not np.all(np.isfinite(values)):
        raise ValueError(
            f"the kernel must be a finite matrix of shape {(dim, dim)}, got the shape {values.shape}"
        )
    size = float(np.max(np.abs(values)))
    lowest = float(np.linalg.eigvalsh(values)[0])
    if not np.allclose(values, values.T, rtol=0, atol=1e-10 * size) or not lowest >= -1e-10 * size:
        raise ValueError(
            "the kernel must be symmetric without negative eigenvalues, or the discrepancy has no floor; the largest "
            f"|K - K^T| is {np.max(np.abs(values - values.T)):.3g}, the lowest eigenvalue {lowest:.3g}"
        )
    return frozen((values + values.T) / 2, np.float64)
