"""The GPU engine in numba's CUDA simulator, which runs each thread of a block as a Python thread.

Not collected by itself: `test_cuda.py` runs it in a process of its own, since the simulator must be chosen before
numba is imported.
"""

import ctypes
import dataclasses
from types import SimpleNamespace

import dense
import numpy as np
import pytest

from qgmutils import circuits
from qgmutils.engine import NumbaLandscape, cuda, landscape
from qgmutils.engine import cuda_kernels as kernels
from qgmutils.losses import hamiltonians

EXACT = 1e-10
"""As between the other engines.  Rounding leaves about 1e-14 here."""


def some_circuit(n_qubits, n_params, n_gates, rng, reference="haar"):
    """Words of any kind, the identity too, with random scales, offsets and parameters."""
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng, n_gates=n_gates, reference_state=reference)
    q, dim = circuit.n_gates, 2**n_qubits
    # Half of the words without X and Y, or they would be rare where there are many qubits.
    x = rng.integers(0, dim, q) * rng.integers(0, 2, q)
    parameter = rng.integers(0, n_params, q)  # some parameters drive no gate, and gates are in any order
    return dataclasses.replace(
        circuit, x=x, parameter=parameter, scale=rng.normal(size=q), offset=rng.uniform(-4, 4, q)
    )


def some_problem(kind, n_qubits, rng):
    dim = 2**n_qubits
    if kind == "dense":
        return hamiltonians.gue(n_qubits, seed=int(rng.integers(2**31)))
    if kind == "diagonal":
        return hamiltonians.from_matrix(np.diag(rng.normal(size=dim)))
    if kind == "uneven":  # rows of different lengths
        matrix = np.zeros((dim, dim), dtype=complex)
        matrix[0] = rng.normal(size=dim) + 1j * rng.normal(size=dim)
        return hamiltonians.from_matrix(matrix + matrix.conj().T)
    return hamiltonians.tfim(n_qubits, field=rng.normal(), coupling=rng.normal())


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=EXACT)


def same_states(actual, expected):
    """Up to the phase of each, which is free."""
    overlap = np.sum(expected.conj() * actual, axis=1, keepdims=True)
    same(actual * np.conj(overlap) / np.abs(overlap), expected)


def test_the_simulator_is_on():
    assert kernels.SIMULATED


@pytest.mark.parametrize("reference", circuits.REFERENCE_STATES)
@pytest.mark.parametrize("kind", ["dense", "diagonal", "sparse", "uneven"])
def test_every_reference_state_and_matrix(kind, reference, rng):
    circuit, problem = some_circuit(3, 2, 5, rng, reference), some_problem(kind, 3, rng)
    gpu, cpu = landscape(circuit, problem, engine="cuda"), NumbaLandscape(circuit, problem)
    assert isinstance(gpu, cuda.CudaLandscape)
    theta = rng.uniform(-np.pi, np.pi, (1, 2))
    slow = dense.Landscape(circuit, problem, theta[0])
    energy, gradient = gpu.value_and_gradient(theta)
    same(energy, slow.energy)
    same(gradient[0], slow.gradient)
    for ours, theirs in zip((energy, gradient), cpu.value_and_gradient(theta), strict=True):
        same(ours, theirs)
    np.testing.assert_array_equal(gpu.value(theta), energy)
    same_states(gpu.states(theta), cpu.states(theta))


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_second_derivatives(n_qubits, rng):
    circuit = some_circuit(n_qubits, 2, 3, rng)
    problem = some_problem("dense", n_qubits, rng)
    theta = rng.uniform(-np.pi, np.pi, (2 if n_qubits == 1 else 1, 2))
    gpu = landscape(circuit, problem, engine="cuda")
    hessian, metric = gpu.hessian(theta), gpu.quantum_fisher(theta)
    for k, start in enumerate(theta):
        slow = dense.Landscape(circuit, problem, start)
        same(hessian[k], slow.hessian)
        same(metric[k], slow.metric)
    np.testing.assert_array_equal(hessian, hessian.transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("n_qubits", "n_gates"),
    # More gates than one stage holds, and not a multiple of a group; one thread, and more than a group of them;
    # more amplitudes than a half warp has banks.
    [(1, 67), (2, 64), (4, 9), (5, 8), (6, 17)],
)
def test_sizes(n_qubits, n_gates, rng):
    circuit, problem = some_circuit(n_qubits, 3, n_gates, rng), some_problem("dense", n_qubits, rng)
    x = circuit.x.copy()
    x[:2] = 1, 2 ** (n_qubits - 1)
    circuit = dataclasses.replace(circuit, x=x)
    theta = rng.uniform(-np.pi, np.pi, (1, 3))
    gpu, cpu = landscape(circuit, problem, engine="cuda"), NumbaLandscape(circuit, problem)
    for ours, theirs in zip(gpu.value_and_gradient(theta), cpu.value_and_gradient(theta), strict=True):
        same(ours, theirs)


def test_states_in_global_memory(rng, monkeypatch):
    circuit, problem = some_circuit(3, 2, 5, rng), some_problem("dense", 3, rng)
    theta = rng.uniform(-np.pi, np.pi, (3, 2))
    shared = landscape(circuit, problem, engine="cuda")
    expected = *shared.value_and_gradient(theta), shared.states(theta)
    monkeypatch.setattr(kernels, "shared_limit", lambda: 0)
    used = []
    monkeypatch.setattr(
        kernels,
        "launch",
        lambda where, *rest, launch=kernels.launch: (used.append(where), launch(where, *rest)),
    )
    apart = landscape(circuit, problem, engine="cuda")
    for ours, theirs in zip((*apart.value_and_gradient(theta), apart.states(theta)), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert used == [False, False]
    # Every block has its own piece, and leaves in it the state that it started from: the gates were undone.
    left = apart._rooms[kernels.GRADIENT].scratch.copy_to_host().reshape(3, 4, 8)
    same(left[:, 0] + 1j * left[:, 1], np.broadcast_to(circuit.reference, (3, 8)))


def test_batches(rng, monkeypatch):
    circuit, problem = some_circuit(2, 3, 4, rng), some_problem("dense", 2, rng)
    theta = rng.uniform(-np.pi, np.pi, (5, 3))
    gpu, cpu = landscape(circuit, problem, engine="cuda"), NumbaLandscape(circuit, problem)
    singles = [gpu.value_and_gradient(start[None]) for start in theta]
    energy, gradient = gpu.value_and_gradient(theta[:3])  # more than the arrays on the device held before
    same(gradient, cpu.value_and_gradient(theta[:3])[1])
    for k in range(3):
        np.testing.assert_array_equal(singles[k][0][0], energy[k])
        np.testing.assert_array_equal(singles[k][1][0], gradient[k])
    # In parts: no more memory than two starts take.
    p, q = circuit.n_params, circuit.n_gates
    monkeypatch.setattr(cuda, "MAX_BYTES", 2 * 8 * (2 * p + q + 3))
    parts = landscape(circuit, problem, engine="cuda")
    blocks = []
    monkeypatch.setattr(
        kernels, "launch", lambda a, n, *rest, launch=kernels.launch: (blocks.append(n), launch(a, n, *rest))
    )
    energy, gradient = parts.value_and_gradient(theta)
    assert blocks == [2, 2, 1]
    np.testing.assert_array_equal(energy, np.concatenate([e for e, _ in singles]))
    np.testing.assert_array_equal(gradient, np.concatenate([g for _, g in singles]))
    whole = gpu.hessian(theta[:2])
    monkeypatch.setattr(cuda, "HESSIAN_STARTS", 1)
    np.testing.assert_array_equal(parts.hessian(theta[:2]), whole)


def test_no_starts(rng):
    empty = landscape(some_circuit(2, 3, 4, rng), hamiltonians.tfim(2), engine="cuda")
    theta = np.zeros((0, 3))
    energy, gradient = empty.value_and_gradient(theta)
    assert (energy.shape, gradient.shape, empty.value(theta).shape) == ((0,), (0, 3), (0,))
    assert empty.states(theta).shape == (0, 4)
    assert empty.states(theta).dtype == np.complex128
    assert empty.hessian(theta).shape == empty.quantum_fisher(theta).shape == (0, 3, 3)


@pytest.mark.parametrize("method", ["value", "value_and_gradient", "states", "hessian", "quantum_fisher"])
@pytest.mark.parametrize(
    "theta", [np.zeros(3), np.zeros((2, 4)), np.zeros((1, 1, 3)), 0.0, [[0, np.nan, 0]], [[0, np.inf, 0]]]
)
def test_what_is_refused_is_refused_in_the_same_words(method, theta, rng):
    circuit, problem = circuits.random_circuit(2, 3, rng=rng), hamiltonians.tfim(2)
    with pytest.raises(ValueError, match="theta") as expected:
        getattr(NumbaLandscape(circuit, problem), method)(theta)
    with pytest.raises(ValueError, match="theta") as found:
        getattr(landscape(circuit, problem, engine="cuda"), method)(theta)
    assert str(found.value) == str(expected.value)


def test_inputs_are_left_alone(rng):
    gpu = landscape(some_circuit(2, 2, 3, rng), hamiltonians.tfim(2), engine="cuda")
    theta = rng.uniform(-np.pi, np.pi, (2, 2))
    before, energy = theta.copy(), gpu.value(theta)
    np.testing.assert_array_equal(theta, before)
    theta.flags.writeable = False
    for same_numbers in (theta, np.asfortranarray(theta), theta.tolist()):
        np.testing.assert_array_equal(gpu.value(same_numbers), energy)


def test_first_members_meet_every_pair_once_and_fill_the_banks():
    first = kernels._first_of_pair.py_func
    for x in range(1, 128):
        top = 1 << (x.bit_length() - 1)
        found = np.array([int(first(np.uint32(i), np.uint32(x), np.uint32(top))) for i in range(64)])
        assert sorted([*found, *(found ^ x)]) == list(range(128))
        for half_warp in (*found.reshape(4, 16), *(found ^ x).reshape(4, 16)):
            assert len(set(half_warp % 16)) == 16


class CUkernel(int):
    """Named as the handle of a kernel without a context."""


class CUfunction(int):
    """Named as the older handle."""


@pytest.mark.parametrize("handle", [CUkernel(7), CUfunction(7), ctypes.c_void_p(7)])
def test_large_shared_memory_is_asked_for(handle, monkeypatch):
    # The simulator has no driver: this fixes the calls as the driver's manual has them.
    calls, status = [], 0

    def set_kernel(attribute, value, kernel, device):
        calls.append(("kernel", attribute, value, kernel.value, device))
        return status

    def set_function(function, attribute, value):
        calls.append(("function", attribute, value, function.value))
        return status

    driver = SimpleNamespace(cuKernelSetAttribute=set_kernel, cuFuncSetAttribute=set_function)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    monkeypatch.setattr(kernels.cuda, "get_current_device", lambda: SimpleNamespace(id=2), raising=False)
    library = SimpleNamespace(get_cufunc=lambda: SimpleNamespace(handle=handle))
    kernel = SimpleNamespace(overloads={"signature": SimpleNamespace(library=library)})
    kernels._allow_shared(kernel, 160 * 1024)
    attribute = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES in cuda.h
    by_kernel, by_function = ("kernel", attribute, 163840, 7, 2), ("function", attribute, 163840, 7)
    assert calls == [by_kernel if isinstance(handle, CUkernel) else by_function]
    status = 1
    with pytest.raises(RuntimeError, match="refused 163840 bytes of shared memory a block: error 1"):
        kernels._allow_shared(kernel, 160 * 1024)


def test_angles_of_any_size(rng):
    circuit, problem = some_circuit(1, 2, 2, rng), hamiltonians.tfim(1)
    starts = rng.uniform(-1, 1, (2, 2)) * np.array([[1e17], [1e200]])
    expected = NumbaLandscape(circuit, problem).value_and_gradient(starts)
    for one, other in zip(
        landscape(circuit, problem, engine="cuda").value_and_gradient(starts), expected, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=EXACT)
