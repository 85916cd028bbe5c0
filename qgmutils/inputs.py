"""What users hand over, checked where it enters: the value, its name and what is allowed stand in every message."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 10**9
"""Largest count of anything that has no bound of its own: iterations, resamples, gates."""


MAX_SEED = 2**128 - 1
"""Largest seed: that many bits are what NumPy's generators keep."""

MAX_QUBITS = 13
"""Largest number of qubits: the dense matrix of 13 qubits already takes 1 GiB."""


def is_integer(value: object) -> bool:
    """Whether `value` is a whole number by type: an int or a NumPy integer, but neither a bool nor 2.0."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def require_integer(value: Any, name: str, *, low: int = 1, high: int = MOST) -> int:
    """Return `value` as an int.

    Raises
    ------
    ValueError
        If it is not a whole number by type (`is_integer`) from `low` to `high`.
    """
    if not is_integer(value) or value < low:
        raise ValueError(f"{name} must be an integer of at least {low}, got {_shown(value)}")
    if value > high:
        shown = f"{value:.3g}" if value <= 1e300 else _shown(value)
        raise ValueError(f"{name} must be an integer of at most {high}, got {shown}")
    return int(value)


def require_number(value: Any, name: str, *, limit: float = 1e100) -> float:
    """Return `value`, a real number of absolute value up to `limit`, as a float; it may be an array of shape ().

    Raises
    ------
    ValueError
        For anything else: text, a bool, an array, a complex number, nan, inf.
    """
    number = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    number = (
        float(number) if isinstance(number, np.floating) else number
    )  # a half would overflow in the comparison
    real = isinstance(number, (int, float, np.integer, np.floating)) and not isinstance(number, bool)
    if not (real and abs(number) <= limit):
        raise ValueError(f"{name} must be one finite number within +-{limit:g}, got {_shown(value)}")
    return float(number)


def require_positive(value: Any, name: str) -> float:
    """As `require_number`, and above 0."""
    number = require_number(value, name)
    if not number > 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return number


def require_share(value: Any, name: str) -> float:
    """As `require_number`, and strictly between 0 and 1."""
    number = require_number(value, name)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie between 0 and 1, both excluded, got {value!r}")
    return number


def require_flag(value: Any, name: str) -> bool:
    """Return `value` as a bool; ValueError if it is none, since bool("no") is True."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def require_choice(value: Any, what: str, choices: Collection[str]) -> str:
    """Return `value`, one of the names in `choices`; ValueError for anything else, with the nearest name."""
    if not isinstance(value, str) or value not in choices:
        close = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"unknown {what} {value!r}: choose one of {', '.join(choices)}{hint}")
    return value


def require_generator(rng: Any) -> np.random.Generator:
    """Return `rng`; ValueError if it is no generator, e.g. a seed."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator, e.g. np.random.default_rng(1), got {rng!r}")
    return rng


def number_array(values: Any, name: str, *, kinds: str = "biuf") -> NDArray[Any]:
    """Numbers as an array of the type in which they were given, in the machine's byte order.

    Parameters
    ----------
    values : array_like
        Python's numbers become int64, float64 or complex128.
    name : str
        What the message of an error calls them.
    kinds : str
        NumPy's letters of what is allowed: b(ool), i(nteger), u(nsigned), f(loat), c(omplex).

    Raises
    ------
    ValueError
        For text, objects, ragged lists, masked entries, sparse matrices and numbers of another kind.  Complex numbers
        without imaginary parts are real.
    """
    if type(values) is np.ndarray and values.dtype.kind in kinds and values.dtype.isnative:
        return values  # as nearly always
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries; fill them or leave them out")
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":  # numbers in an array of objects, or integers beyond 64 bits
            if not all(isinstance(value, numbers.Number) for value in array.ravel()):
                raise TypeError  # NumPy would read text
            array = np.array(array.tolist())
            if array.dtype.kind == "O":
                array = array.astype(np.complex128 if "c" in kinds else np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {_shown(values)}") from error
    if array.dtype.kind == "c" and "c" not in kinds and not np.any(array.imag):
        array = array.real
    if array.size == 0 and array.dtype == np.float64:  # an empty list has no type
        array = array.astype(np.float64 if "f" in kinds else np.int64)
    if array.dtype.kind not in kinds:
        wanted = "complex numbers" if "c" in kinds else "real numbers" if "f" in kinds else "integers"
        raise ValueError(f"{name} must be an array of {wanted}, got {_shown(values)}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def real_array(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Real numbers, finite or not, as float64; errors as of `number_array`."""
    return number_array(values, name).astype(np.float64, copy=False)


def known_array(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Real numbers as float64; ValueError for nan, errors as of `number_array`."""
    array = real_array(values, name)
    if np.any(np.isnan(array)):
        raise ValueError(f"{name} has {np.sum(np.isnan(array))} entries that are nan")
    return array


def label_array(labels: Any, name: str) -> NDArray[Any]:
    """Which group each observation belongs to: integers, or anything else that can be sorted.

    Raises
    ------
    ValueError
        For missing labels (nan, None, masked) or labels that cannot be compared with each other.
    """
    if np.ma.is_masked(labels):
        raise ValueError(f"{name} has masked entries; fill them or leave them out")
    try:
        array = np.asarray(labels)
        missing = array != array if array.dtype.kind != "O" else [x is None or x != x for x in array.ravel()]
        if np.any(missing):
            raise ValueError
        np.sort(array, axis=None)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be labels without gaps and of one type, got {_shown(labels)}"
        ) from error
    return array


def precision_of(array: NDArray[Any]) -> float:
    """Relative rounding of the numbers in an array: that of its type, at least that of double precision."""
    double = float(np.finfo(np.float64).eps)
    return max(double, float(np.finfo(array.dtype).eps)) if array.dtype.kind in "fc" else double


def frozen(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """A copy in C order that nobody can make writable again: it lies in a `bytes` object."""
    return np.frombuffer(array.astype(dtype, copy=False).tobytes(), dtype=dtype).reshape(array.shape)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:
        text = "a number of thousands of digits"  # which Python does not write
    return text if len(text) <= 100 else f"{text[:97]}..."


def require_qubits(n_qubits: int) -> int:
    """Return `n_qubits` as an int if a problem of that size can be built.

    Raises
    ------
    ValueError
        If it is not an integer from 1 to `MAX_QUBITS`; where it is too large, with the memory it would take.
    """
    if not is_integer(n_qubits) or n_qubits < 1:
        raise ValueError(f"n_qubits must be an integer from 1 to {MAX_QUBITS}, got {n_qubits!r}")
    if n_qubits > MAX_QUBITS:
        # Powers as text: 2^n of an absurd n overflows a float.
        gib = f"{16 * 4.0**n_qubits / 2**30:.3g}" if n_qubits < 500 else f"2^{2 * n_qubits - 26}"
        raise ValueError(
            f"n_qubits = {n_qubits}: the 2^{n_qubits} x 2^{n_qubits} matrix of H alone takes {gib} GiB; "
            f"choose n_qubits <= {MAX_QUBITS}"
        )
    return int(n_qubits)
