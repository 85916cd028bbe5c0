"""H as the kernels apply it: diagonal, Pauli words, low rank, sparse or dense, whichever is cheapest."""

from __future__ import annotations

import enum
import functools
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgmutils.computing.simd import LANES, address, fma, inner, load, splat, store
from qgmutils.computing.threads import one_thread
from qgmutils.engine.llvm import kernel
from qgmutils.engine.passes import STATE
from qgmutils.inputs import frozen
from qgmutils.losses.energy import Energy


class Representation(enum.IntEnum):
    """How H is stored."""

    DIAGONAL, PAULI, LOW_RANK, SPARSE, DENSE = range(5)


DIAGONAL, PAULI, LOW_RANK, SPARSE, DENSE = map(int, Representation)
_ROWS = 4  # rows of a dense matrix that share each load of the state


class Observable(NamedTuple):
    """H in one of five representations; arrays that it does not use are empty.

    DIAGONAL: the entries in `real` (N,).  PAULI: H = sum_w (real + i imag)_w X^x_w Z^z_w, one of real and imag being
    0.  LOW_RANK: H = F F^dagger, the columns of F one after the other in real and imag.  SPARSE: compressed rows in
    start, column, real and imag; `imag` is empty where H is real.  DENSE: all entries, in blocks of _ROWS rows and
    column by column within.
    """

    kind: int
    start: NDArray[np.int64]
    column: NDArray[np.int64]
    x: NDArray[np.int64]
    z: NDArray[np.int64]
    real: NDArray[np.float64]
    imag: NDArray[np.float64]


def pauli_words(
    matrix: NDArray[np.complex128],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.complex128]]:
    """A Hermitian matrix (N, N) as sum_w c_w X^x_w Z^z_w: x, z and c, each (K,).

    For each x the entries <k xor x|H|k> = sum_z c_xz (-1)^popcount(k & z) are a Walsh-Hadamard transform.  c is real
    where popcount(x & z) is even and imaginary where it is odd.
    """
    dim = len(matrix)
    k = np.arange(dim)
    rows, columns = np.nonzero(matrix)
    flips = np.unique(rows ^ columns)
    values = matrix[k ^ flips[:, None], k]
    step = 1
    while step < dim:
        low, high = np.moveaxis(values.reshape(len(flips), -1, 2, step), 2, 0)
        values = np.stack([low + high, low - high], axis=2).reshape(len(flips), dim)
        step *= 2
    values /= dim
    size = np.abs(values)
    # What is below the rounding of the transform is no word of H.
    row, z = np.nonzero(size > 1e-15 * np.max(size, initial=0.0))
    return flips[row].astype(np.int64), z.astype(np.int64), values[row, z]


def costs(problem: Energy) -> dict[int, float]:
    """Multiply-adds per amplitude of each representation that this H has."""
    rows, columns = np.nonzero(problem.matrix)
    entries = len(rows) / problem.dim
    flips = len(np.unique(rows ^ columns))
    is_real = not np.any(problem.matrix.imag)
    result: dict[int, float] = {}
    if problem.dim >= _ROWS:
        result[DENSE] = 4.0 * problem.dim * 0.75  # a row's loads are shared
    if np.all(rows == columns):
        result[DIAGONAL] = 2.0
    result[SPARSE] = 1.0 + (2.0 if is_real else 4.0) * entries  # 1 for its loops
    if flips < problem.dim:  # there are at least as many words as flips
        result[PAULI] = 2.0 * len(pauli_words(problem.matrix)[0])
    result[LOW_RANK] = 8.0 * problem.rank
    return result


@functools.lru_cache(maxsize=8)
def pack_problem(problem: Energy, kind: int | None = None) -> Observable:
    """The normalised H in its cheapest representation, or in the one asked for.

    Raises
    ------
    ValueError
        If H does not have the representation asked for.
    """
    available = costs(problem)
    if kind is None:
        kind = min(available, key=lambda each: available[each])
    if kind not in available:
        names = ", ".join(Representation(each).name.lower() for each in sorted(available))
        raise ValueError(
            f"{problem.name} has no {Representation(kind).name.lower()} form: choose one of {names}"
        )
    matrix, nothing = problem.matrix, np.empty(0, dtype=np.int64)
    start = column = x = z = nothing
    if kind == DIAGONAL:
        entries = np.diagonal(matrix)
    elif kind == PAULI:
        x, z, entries = pauli_words(matrix)
    elif kind == LOW_RANK:
        entries = factor(problem).T
    elif kind == SPARSE:
        rows = sp.csr_array(matrix)
        start, column, entries = rows.indptr, rows.indices, rows.data
    else:
        entries = matrix.reshape(-1, _ROWS, problem.dim).transpose(0, 2, 1)
    real, imag = entries.real.ravel(), entries.imag.ravel()
    if kind == DIAGONAL or (kind == SPARSE and not np.any(imag)):
        imag = np.empty(0)
    # Shared by all landscapes of the problem: nobody may change them.
    start, column, x, z = (frozen(each, np.int64) for each in (start, column, x, z))
    return Observable(kind, start, column, x, z, frozen(real, np.float64), frozen(imag, np.float64))


@functools.lru_cache(maxsize=4)
def factor(problem: Energy) -> NDArray[np.complex128]:
    """F (N, r) with H = F F^dagger, from the eigenvectors of the r levels above 0."""
    with one_thread():  # the last digits of LAPACK depend on its number of threads
        values, vectors = np.linalg.eigh(problem.matrix)
    used = slice(problem.dim - problem.rank, None)
    return np.asarray(vectors[:, used] * np.sqrt(values[used]))


@inner
def apply(observable, psi, out, energy):
    """out = H psi and energy = Re <psi|H|psi>, lane by lane; states as in `passes`."""
    dim = psi.size // STATE
    p, o, real, imag = address(psi), address(out), address(observable.real), address(observable.imag)
    if observable.kind == DIAGONAL:
        _apply_diagonal(real, p, o, dim)
    elif observable.kind == PAULI:
        out[:] = 0.0
        _apply_words(address(observable.x), address(observable.z), real, imag, observable.x.size, p, o, dim)
    elif observable.kind == LOW_RANK:
        out[:] = 0.0
        _apply_low_rank(real, imag, observable.real.size // dim, p, o, dim)
    elif observable.kind == SPARSE:
        is_complex = observable.imag.size > 0
        _apply_sparse(
            is_complex, address(observable.start), address(observable.column), real, imag, p, o, dim
        )
    else:
        _apply_dense(real, imag, p, o, dim)
    total = splat(0.0)
    for k in range(0, psi.size, LANES):
        total = fma(load(psi, k), load(out, k), total)
    store(energy, 0, total)


@kernel(4)
def _apply_diagonal(code, real, psi, out, dim):
    with code.repeat(dim) as k:
        h, at = code.load_splat(real, k), code.times(k, STATE)
        code.store_complex(out, at, [code.mul(h, part) for part in code.load_complex(psi, at)])


@kernel(8)
def _apply_words(code, x, z, real, imag, count, psi, out, dim):
    with code.repeat(count) as w:
        flips, signs = (code.times(code.load_integer(each, w), STATE) for each in (x, z))
        # A coefficient is real, or imaginary and exchanges the real and imaginary parts.
        c, d = code.load_double(real, w), code.load_double(imag, w)
        exchanges = code.is_zero(c)
        first = code.choose(exchanges, LANES, 0)
        factors = [
            code.splat(code.choose(exchanges, code.negative(d), c)),
            code.splat(code.choose(exchanges, d, c)),
        ]
        masks = [code.variable(code.constant(zero)) for zero in (0.0, -0.0)]
        with code.repeat(dim) as number:
            k = code.times(number, STATE)
            mask = code.choose(code.odd_bits(code.both(k, signs)), *map(code.get, reversed(masks)))
            at = [code.plus(k, first), code.minus(code.plus(k, LANES), first)]
            parts = [code.flip(code.load(psi, each), mask) for each in at]
            j = code.xor(k, flips)
            total = zip(factors, parts, code.load_complex(out, j), strict=True)
            code.store_complex(out, j, [code.fma(*each) for each in total])


def _multiply_add(code, hr, hi, r, i, u, v):
    """(hr + i hi)(r + i i) + (u + i v)."""
    return code.fnma(hi, i, code.fma(hr, r, u)), code.fma(hi, r, code.fma(hr, i, v))


@kernel(6)
def _apply_low_rank(code, real, imag, rank, psi, out, dim):
    with code.repeat(rank) as f:
        first = code.times(f, dim)
        sums = [code.variable(code.zero) for _ in range(2)]
        for each in sums:
            code.set(each, code.zero)
        with code.repeat(dim) as k:  # <f|psi>
            fr, fi = (code.load_splat(each, code.plus(first, k)) for each in (real, imag))
            r, i = code.load_complex(psi, code.times(k, STATE))
            total = _multiply_add(code, fr, code.negative(fi), r, i, *map(code.get, sums))
            for each, value in zip(sums, total, strict=True):
                code.set(each, value)
        overlap = [code.get(each) for each in sums]
        with code.repeat(dim) as k:
            fr, fi = (code.load_splat(each, code.plus(first, k)) for each in (real, imag))
            at = code.times(k, STATE)
            code.store_complex(out, at, _multiply_add(code, fr, fi, *overlap, *code.load_complex(out, at)))


@kernel(7, cases=("is_complex",))
def _apply_sparse(code, start, column, real, imag, psi, out, dim, *, is_complex):
    sums = [code.variable(code.zero) for _ in range(2)]
    with code.repeat(dim) as k:
        for each in sums:
            code.set(each, code.zero)
        first, end = code.load_integer(start, k), code.load_integer(start, code.plus(k, 1))
        with code.repeat(code.minus(end, first)) as number:
            e = code.plus(first, number)
            r, i = code.load_complex(psi, code.times(code.load_integer(column, e), STATE))
            hr = code.load_splat(real, e)
            u, v = map(code.get, sums)
            if is_complex:
                u, v = _multiply_add(code, hr, code.load_splat(imag, e), r, i, u, v)
            else:
                u, v = code.fma(hr, r, u), code.fma(hr, i, v)
            code.set(sums[0], u)
            code.set(sums[1], v)
        code.store_complex(out, code.times(k, STATE), [code.get(each) for each in sums])


@kernel(5)
def _apply_dense(code, real, imag, psi, out, dim):
    sums = [[code.variable(code.zero) for _ in range(2)] for _ in range(_ROWS)]
    with code.repeat(code.shift_right(dim, _ROWS.bit_length() - 1)) as block:
        for pair in sums:
            for each in pair:
                code.set(each, code.zero)
        first = code.times(code.times(block, dim), _ROWS)
        with code.repeat(dim) as k:
            r, i = code.load_complex(psi, code.times(k, STATE))
            for row, pair in enumerate(sums):
                e = code.plus(first, code.plus(code.times(k, _ROWS), row))
                hr, hi = code.load_splat(real, e), code.load_splat(imag, e)
                u, v = _multiply_add(code, hr, hi, r, i, *map(code.get, pair))
                code.set(pair[0], u)
                code.set(pair[1], v)
        for row, pair in enumerate(sums):
            at = code.times(code.plus(code.times(block, _ROWS), row), STATE)
            code.store_complex(out, at, [code.get(each) for each in pair])
