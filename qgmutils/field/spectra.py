"""Spectra of the Hessian of the Wishart hypertoroidal random field (WHRF): limiting laws, edges, sampled matrices.

At a critical point of energy ``E`` the Hessian of the field is ``2 r A`` with (``m`` degrees of freedom, ``p`` angles,
``r`` gates per angle)::

    A = W / (2m) + sqrt(E / 2m) S - E,    W ~ Wishart_p(2m - 1),    S symmetric Gaussian.

For large ``p`` at fixed ``gamma = p / 2m`` its spectrum is the free convolution of a Marchenko-Pastur law of ratio
``gamma`` and a semicircle of variance ``gamma E``, shifted by ``-E``. The R-transform is
``R(g) = 1 / (1 - gamma g) + gamma E g - E``, and the resolvent ``g(x)`` solves ``x = R(g) + 1/g``.

Sources: the field and its Hessian are general knowledge of the paper's construction (field); the closed form of the
threshold energy and the determinant's limit are derived here (derived) and tested against sampled matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgmutils.inputs import known_array, real_array, require_integer

__all__ = [
    "hessian_density",
    "hessian_edges",
    "log_determinant_limit",
    "marchenko_pastur_density",
    "sample_hessian_parts",
    "threshold_energy",
    "wishart_dimension",
]

Array = NDArray[np.float64]


def wishart_dimension(degrees_of_freedom: float) -> int:
    """Return ``2m`` rounded to the nearest integer: the number of real Gaussian fields in the WHRF.

    The complex Wishart matrix exists for integer ``2m`` only, while a Hamiltonian's ``m`` is any real number; every
    function of this package that samples the field replaces ``m`` by ``wishart_dimension(m) / 2`` throughout, which
    moves ``m`` by 1/4 at most.

    Raises
    ------
    ValueError
        If ``degrees_of_freedom`` is not finite or so small that ``2m`` rounds to less than 1.
    """
    m = float(degrees_of_freedom)
    if not np.isfinite(m) or round(2 * m) < 1:
        raise ValueError(
            f"degrees_of_freedom must be finite and at least 0.5 (2m = 1), got {degrees_of_freedom!r}"
        )
    return round(2 * m)


def _check_gamma(gamma: ArrayLike) -> Array:
    values = real_array(gamma, "gamma = p/(2m)")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"gamma = p/(2m) must be positive and finite, got {gamma!r}")
    return values


def _check_energy(energy: ArrayLike) -> Array:
    values = real_array(energy, "energy")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"energy must be non-negative and finite (ground state 0, mean 1), got {energy!r}")
    return values


def marchenko_pastur_density(x: ArrayLike, ratio: float) -> Array:
    """Density of the Marchenko-Pastur law of mean 1 and variance ``ratio`` (= matrix size / degrees of freedom).

    For ``ratio > 1`` only the continuous part, of mass ``1 / ratio``, is returned; the rest is an atom at 0.
    Source: textbook result (field).
    """
    ratio = float(_check_gamma(ratio))
    x = known_array(x, "x")
    lower, upper = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    inside = (x > lower) & (x < upper) & (x > 0)
    safe = np.where(inside, x, 1.0)
    root = np.sqrt(np.clip((upper - safe) * (safe - lower), 0.0, None))
    return np.where(inside, root / (2 * np.pi * ratio * safe), 0.0)


def _upper_resolvent(x: Array, gamma: float, energy: float) -> NDArray[np.complex128]:
    """Root of ``gamma^2 E g^3 - gamma (E + y) g^2 + (y + gamma - 1) g - 1 = 0``, ``y = x + E``, with the largest
    imaginary part. Clearing the denominators of ``x = R(g) + 1/g`` gives the cubic; its coefficients are real, so at
    most one pair of roots is complex and that pair is the resolvent on the two sides of the cut.
    """
    y = x.ravel() + energy
    lead = gamma**2 * energy
    companion = np.zeros((y.size, 3, 3))
    companion[:, 0, 0] = gamma * (energy + y) / lead
    companion[:, 0, 1] = -(y + gamma - 1) / lead
    companion[:, 0, 2] = 1 / lead
    companion[:, 1, 0] = companion[:, 2, 1] = 1.0
    roots = np.linalg.eigvals(companion).astype(np.complex128)
    pick = np.argmax(roots.imag, axis=1)
    return roots[np.arange(y.size), pick].reshape(x.shape)


def hessian_density(x: ArrayLike, gamma: float, energy: float) -> Array:
    """Limiting eigenvalue density of ``A`` (the Hessian divided by ``2 r``) at a critical point of the given energy.

    Parameters
    ----------
    x : array_like, any shape
        Eigenvalues of ``A``.
    gamma : float
        Overparameterization ratio ``p / (2 m)``, positive.
    energy : float
        Normalised energy ``E >= 0``. At ``E = 0`` and ``gamma > 1`` the atom at 0 is left out.

    Returns
    -------
    ndarray, shape of ``x``
        Free convolution of Marchenko-Pastur and semicircle, shifted by ``-E``.

    Notes
    -----
    The density follows from the cubic equation of the resolvent. Source: free probability applied to the paper's
    field (derived).
    """
    gamma, energy = float(_check_gamma(gamma)), float(_check_energy(energy))
    x = known_array(x, "x")
    # Below this energy the cubic's leading term is lost in rounding, and the semicircle is narrower than 1e-6.
    if energy < 1e-12:
        return marchenko_pastur_density(x + energy, gamma)
    left, right = hessian_edges(gamma, energy)
    density = np.zeros(x.shape)
    inside = (x > left) & (x < right)
    density[inside] = _upper_resolvent(x[inside], gamma, energy).imag / np.pi
    return density


def _inverse_resolvent(g: Array, gamma: Array, energy: Array) -> Array:
    return 1 / (1 - gamma * g) + gamma * energy * g - energy + 1 / g


def _bisect(function, low: Array, high: Array) -> Array:  # type: ignore[no-untyped-def]
    """Root of an increasing function, elementwise; 200 halvings reach the last bit for every bracket used here."""
    low, high = low.copy(), high.copy()
    for _ in range(200):
        middle = 0.5 * (low + high)
        above = function(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def _left_edge_parameter(gamma: Array, energy: Array) -> Array:
    """The ``t = -g > 0`` at which ``x(g)`` is stationary, i.e. ``gamma t^2/(1+gamma t)^2 + gamma E t^2 = 1``."""
    # The first term alone reaches 1 only for gamma < 1, the second alone always does: both bound the root from above.
    with np.errstate(divide="ignore"):
        by_semicircle = 1 / np.sqrt(gamma * energy)
        by_wishart = np.where(gamma < 1, 1 / np.clip(np.sqrt(gamma) - gamma, 1e-300, None), np.inf)
    top = np.minimum(np.minimum(by_semicircle, by_wishart), 1e150)
    return _bisect(
        lambda t: gamma * (t / (1 + gamma * t)) ** 2 + gamma * energy * t**2 - 1, np.zeros_like(top), top
    )


def hessian_edges(gamma: ArrayLike, energy: ArrayLike) -> tuple[Array, Array]:
    """Outer edges ``(left, right)`` of the spectrum of ``A``; ``gamma`` and ``energy`` broadcast.

    The edges are the stationary points of ``x(g) = R(g) + 1/g`` on either side of ``g = 0``; each is the root of a
    monotone function. For ``gamma > 1`` and small ``E`` the spectrum also has a gap inside (the Wishart matrix is
    rank deficient); the gap is not reported. Source: derived here (derived).
    """
    gamma, energy = np.broadcast_arrays(_check_gamma(gamma), _check_energy(energy))
    t = _left_edge_parameter(gamma, energy)
    left = _inverse_resolvent(-t, gamma, energy)
    zero = np.zeros_like(gamma)
    t = _bisect(lambda t: gamma * (t / (1 - gamma * t)) ** 2 + gamma * energy * t**2 - 1, zero, 1 / gamma)
    return left, _inverse_resolvent(t, gamma, energy)


def threshold_energy(gamma: ArrayLike) -> Array:
    """Energy ``E_th(gamma)`` above which the limiting Hessian has negative eigenvalues; 0 for ``gamma >= 1``.

    Setting the left edge to 0 gives, with ``s = (gamma + sqrt(gamma (gamma + 8))) / 4``,
    ``E_th = (1 - s)^3 / (1 + s)``. This is ``1 / (u^2 (2u - 1))`` with ``u = 1 / (1 - s)``. Limits:
    ``1 - 2 sqrt(2 gamma)`` for ``gamma -> 0`` and ``(4/27) (1 - gamma)^3`` for ``gamma -> 1``.
    Source: derived here (derived).
    """
    gamma = _check_gamma(gamma)
    s = (gamma + np.sqrt(gamma * (gamma + 8))) / 4
    return np.where(gamma < 1, np.clip(1 - s, 0.0, None) ** 3 / (1 + s), 0.0)


def log_determinant_limit(gamma: float, energy: ArrayLike) -> Array:
    """Limit of ``(1/p) ln |det A|``, i.e. the integral of ``ln |x|`` against :func:`hessian_density`.

    With ``g`` the resolvent at ``x = 0`` it is
    ``Re[-ln g + (1/gamma) ln(1 - gamma g) - gamma E g^2 / 2 + E g - 1]``, from integrating the resolvent along the
    real axis from minus infinity. ``energy`` must be positive. Source: derived here (derived).
    """
    gamma = float(_check_gamma(gamma))
    energies = np.atleast_1d(_check_energy(energy))
    if (energies <= 0).any():
        raise ValueError(f"energy must be positive here, got {energy!r}")
    left, _ = hessian_edges(gamma, energies)
    top = _left_edge_parameter(np.full_like(energies, gamma), energies)
    # Left of the spectrum the resolvent is the real branch that starts at g = 0-; inside it is complex.
    t = _bisect(lambda t: _inverse_resolvent(-t, np.asarray(gamma), energies), np.full_like(top, 1e-12), top)
    # At the edge itself two roots of the cubic merge and rounding may hide the pair: keep to the real branch there.
    outside = left > -1e-12
    g = np.where(outside, -t + 0j, 0j)
    for i in np.flatnonzero(~outside):
        g[i] = _upper_resolvent(np.zeros(1), gamma, float(energies[i]))[0]
    value = -np.log(np.abs(g)) + np.log(np.abs(1 - gamma * g)) / gamma
    value += (-gamma * energies * g**2 / 2 + energies * g).real - 1
    return value.reshape(np.shape(energy))


def sample_hessian_parts(
    n_params: int,
    degrees_of_freedom: float,
    size: int,
    rng: np.random.Generator,
    *,
    layers: int = 1,
    extra_dof: int = 0,
) -> tuple[Array, Array]:
    """Sample ``W / (2m)`` and ``S / sqrt(2m)``, so that ``A = W/(2m) + sqrt(E) S/sqrt(2m) - E`` at any energy.

    Parameters
    ----------
    n_params, degrees_of_freedom, layers
        ``p``, ``m`` and ``r`` of the field; ``2m`` is rounded to an integer.
    size : int
        Number of matrices.
    rng : numpy.random.Generator
    extra_dof : int
        Added to the degrees of freedom of ``W``, not to its scale: for importance sampling.

    Returns
    -------
    wishart, symmetric : ndarray, shape (size, n_params, n_params)
        ``W`` has ``2m - 1`` degrees of freedom (one of the ``2m`` directions is used up by the vanishing gradient).
        ``S`` has independent N(0, 1) entries off the diagonal and N(0, 2 (1 - 1/layers)) on it: with one gate per
        angle, ``d^2 cos / d theta^2 = -cos`` leaves no freedom there.

    Raises
    ------
    ValueError
        If a count is not a positive integer, or ``degrees_of_freedom`` is below 0.5.
    """
    p, size = require_integer(n_params, "n_params"), require_integer(size, "size")
    layers, two_m = require_integer(layers, "layers"), wishart_dimension(degrees_of_freedom)
    dof = two_m - 1 + int(extra_dof)
    if dof >= p:  # Bartlett: the Cholesky factor of a Wishart matrix has independent entries
        factor = np.tril(rng.standard_normal((size, p, p)), -1)
        factor[:, np.arange(p), np.arange(p)] = np.sqrt(rng.chisquare(dof - np.arange(p), (size, p)))
    else:
        factor = rng.standard_normal((size, p, dof))
    wishart = factor @ factor.transpose(0, 2, 1) / two_m
    upper = np.triu(rng.standard_normal((size, p, p)), 1)
    symmetric = upper + upper.transpose(0, 2, 1)
    if layers > 1:
        symmetric[:, np.arange(p), np.arange(p)] = np.sqrt(2 - 2 / layers) * rng.standard_normal((size, p))
    return wishart, symmetric / np.sqrt(two_m)
