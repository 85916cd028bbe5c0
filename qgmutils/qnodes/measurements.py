"""What a QNode returns, as a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qgmutils.inputs import number_array, require_choice
from qgmutils.losses.born_machine import DIVERGENCES, BornMachine
from qgmutils.losses.fidelity import Fidelity
from qgmutils.losses.hamiltonians import from_observable
from qgmutils.losses.least_squares import LeastSquares
from qgmutils.losses.loss import Loss, States


def loss_of(
    measurements: Sequence[Any], wires: Sequence[Any], inputs: States | None, target: Any, divergence: str
) -> Loss:
    """The loss that a QNode's measurements and a target make.

    Parameters
    ----------
    measurements : sequence of MeasurementProcess
        One `expval`, whose value is the loss; or several, `probs` of wires or `state` with a target.
    wires : sequence
        Labels, the most significant bit first; those of `probs` come first.
    inputs : complex array, shape (M, 2^n), or None
        Samples, for `expval` with a target.
    target : array or None
        What is to be reached: an expectation value for each sample and `expval`, a distribution for `probs`, a state
        for `state`.
    divergence : str
        Of a distribution, as of `BornMachine`.

    Raises
    ------
    ValueError
        For a measurement that makes no loss, or a target that is missing or does not fit.
    """
    require_choice(divergence, "divergence", DIVERGENCES)
    if target is not None:
        target = number_array(target, "the target", kinds="biufc")
        if not np.all(np.isfinite(target)):
            raise ValueError("the target must hold finite numbers, got inf or nan")
    kinds = {type(measurement).__name__ for measurement in measurements}
    names = ", ".join(map(str, measurements)) or "no measurement"
    if kinds == {"ExpectationMP"}:
        return _of_expectations([measurement.obs for measurement in measurements], wires, inputs, target)
    if inputs is not None:
        raise ValueError(
            f"the QNode returns {names} for each of {len(inputs)} samples; return expval of observables, which are "
            "fitted to a target, or give one sample"
        )
    if len(measurements) != 1 or not kinds <= {"ProbabilityMP", "StateMP"}:
        raise ValueError(
            f"the QNode returns {names}, of which no loss can be made; return expval of observables, or probs of wires "
            "or the state with a target"
        )
    (measurement,) = measurements
    is_state = kinds == {"StateMP"}
    if not is_state and measurement.obs is not None:
        raise ValueError(f"the QNode returns {names} of an observable; return probs of wires")
    measured = len(wires) if is_state else len(measurement.wires or wires)
    if target is None:
        what = "the state to be reached" if is_state else "the distribution that is to be learnt"
        raise ValueError(
            f"the QNode returns {names}, so that the loss needs target=..., {what}: {2**measured} numbers"
        )
    if target.shape != (2**measured,):
        raise ValueError(
            f"the target of {names} must hold {2**measured} numbers, one for each outcome, got shape {target.shape}"
        )
    if is_state:
        return Fidelity(target=target)
    return BornMachine(target=target, divergence=divergence, n_others=len(wires) - measured)


def _of_expectations(
    observables: Sequence[Any], wires: Sequence[Any], inputs: States | None, target: Any
) -> Loss:
    import pennylane as qml

    several = len(observables) > 1
    if target is None and (inputs is not None or several):
        of = f"{len(observables)} expectation values" if several else "an expectation value"
        each = "" if inputs is None else f" for each of {len(inputs)} samples"
        remedy = "" if inputs is not None else ", or return one expval of a sum of observables"
        raise ValueError(
            f"the QNode returns {of}{each}; give target=..., one value for each, to fit them by least squares{remedy}"
        )
    if target is None:
        positions = {wire: number for number, wire in enumerate(wires)}
        return from_observable(qml.map_wires(observables[0], positions), n_qubits=len(wires), name="loss")
    matrices = [qml.matrix(observable, wire_order=wires) for observable in observables]
    return LeastSquares(inputs, np.array(matrices), number_array(target, "the target"))


def require_agreement(
    returned: Any, states: States, measurements: Sequence[Any], wires: Sequence[Any], tolerance: float
) -> None:
    """Compare what a QNode has returned with what follows from the translated circuit's final states (M, N).

    Raises
    ------
    ValueError
        If they differ by more than the tolerance, relative to the size of the values.
    """
    import pennylane as qml

    several, _ = qml.pytrees.flatten(returned)  # lists, tuples and dicts
    if len(several) != len(measurements):
        raise ValueError(
            f"the QNode returns {len(several)} values of {len(measurements)} measurements; apply no transform that "
            "puts results together"
        )
    for measurement, value in zip(measurements, several, strict=True):
        given = np.asarray(qml.math.unwrap([value])[0])
        kind, scale = type(measurement).__name__, 1.0
        if kind == "ExpectationMP":
            matrix = qml.matrix(measurement.obs, wire_order=wires)
            ours, scale = np.sum(states.conj() * (states @ matrix.T), axis=1).real, np.max(np.abs(matrix))
        elif kind == "ProbabilityMP":
            ours = np.sum(np.abs(states.reshape(given.size, -1)) ** 2, axis=1)
        else:
            ours, given = np.abs(states @ given.conj()), np.ones(1)
        off = np.max(np.abs(ours - given.reshape(-1))) / max(1.0, scale)
        if not off <= tolerance:
            raise ValueError(
                f"the translated circuit gives another {measurement} than the QNode, by {off:.3g}; this is a mistake "
                "of qgmutils: please report the circuit"
            )
