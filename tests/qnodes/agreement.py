"""Models against the QNodes that they were made of, which PennyLane differentiates by backpropagation."""

import numpy as np
import pennylane as qml

EXACT = 1e-10
"""Hundreds of gates of 1e-15 each, and PennyLane's own decompositions of matrices, right to 1e-12."""


def as_tuple(gradient):
    return gradient if isinstance(gradient, tuple) else (gradient,)


def agree(model, function, *args, starts=(), hessian=False):
    """Value and gradient in the trained arguments, which all are tensors, of a function at these arguments."""
    for given in (args, *starts):
        slope = qml.grad(function)
        expected = as_tuple(slope(*given))
        value, gradient = model.value_and_grad(*given)
        np.testing.assert_allclose(value, slope.forward, rtol=0, atol=EXACT)
        np.testing.assert_allclose(model.value(*given), value, rtol=0, atol=EXACT)
        for ours, theirs in zip(as_tuple(gradient), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=EXACT)
    if hessian:
        np.testing.assert_allclose(
            model.hessian(*args), qml.jacobian(qml.grad(function))(*args), rtol=0, atol=EXACT
        )


def metric_of_states(qnode, theta):
    """Fubini-Study metric from derivatives of the state that a QNode returns."""
    real = qml.jacobian(lambda w: qml.math.real(qnode(w)))(theta)
    tangents = real + 1j * qml.jacobian(lambda w: qml.math.imag(qnode(w)))(theta)
    flat, state = tangents.reshape(len(tangents), -1), qnode(theta)
    overlap = state.conj() @ flat
    return (flat.conj().T @ flat - np.outer(overlap.conj(), overlap)).real.reshape(2 * theta.shape)
