"""Which engine evaluates losses where nobody says so: a choice of whoever starts the program."""

from __future__ import annotations

import difflib
import os

ENGINES = ("numba", "cuda", "pennylane")
"""Compiled kernels on the CPU, the same on an NVIDIA GPU, and PennyLane on one of its devices."""

DEVICE = "default.qubit"
"""PennyLane's device where none is named."""


def chosen_engine() -> tuple[str, str]:
    """The engine and PennyLane's device, as the environment variables QGMUTILS_ENGINE and QGMUTILS_DEVICE name them.

    Returns
    -------
    engine : str
        One of `ENGINES`; "numba" where the variable is not set.
    device : str
        `DEVICE` where the variable is not set.

    Raises
    ------
    ValueError
        As `require_engine`; the message names the variables.
    """
    engine, device = (os.environ.get(name, "") for name in ("QGMUTILS_ENGINE", "QGMUTILS_DEVICE"))
    try:
        return require_engine(engine or ENGINES[0], device or DEVICE)
    except ValueError as error:
        raise ValueError(
            f"{error} (environment variables QGMUTILS_ENGINE={engine!r} and QGMUTILS_DEVICE={device!r})"
        ) from None


def require_engine(engine: str, device: str = DEVICE) -> tuple[str, str]:
    """Return both.

    Raises
    ------
    ValueError
        There is no such engine, or a device is named for another one than PennyLane.  Whether PennyLane has the device
        is found out when it is used.
    """
    if engine not in ENGINES:
        close = difflib.get_close_matches(engine, ENGINES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}{hint}")
    if device != DEVICE and engine != "pennylane":
        raise ValueError(
            f"device {device!r} is one of PennyLane's and needs the engine pennylane, not {engine}"
        )
    return engine, device
