"""The GPU engine: in the simulator everywhere, on a GPU where there is one, and what is said where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qgmutils import circuits
from qgmutils.engine import NumbaLandscape, landscape
from qgmutils.losses import hamiltonians

ROOT = Path(__file__).resolve().parent.parent.parent
EXACT = 1e-10
"""As between the other engines.  Rounding leaves about 1e-12 where levels reach 128."""


@pytest.fixture
def gpu():
    """Skips where numba finds no GPU, and says why."""
    cuda = pytest.importorskip("numba.cuda")
    if not cuda.is_available():
        reason = " ".join(str(cuda.cuda_error()).split())
        pytest.skip(f"no NVIDIA GPU that numba can use: {reason}")


def test_in_the_simulator(seed):
    pytest.importorskip("numba.cuda")
    # The simulator replaces numba.cuda when numba is imported.
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    options = ["-q", "-p", "no:cacheprovider", "--seed", str(seed)]
    command = [sys.executable, "-m", "pytest", *options, "tests/cuda_simulated.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_nothing_is_loaded_before_it_is_asked_for():
    code = (
        "import sys, qgmutils.engine, qgmutils.minimize\n"
        "assert 'qgmutils.engine.landscape' in sys.modules\n"
        "print([name for name in sys.modules if name.startswith('numba.cuda') or 'cuda_kernels' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_gpu(rng):
    cuda = pytest.importorskip("numba.cuda")
    if cuda.is_available():
        pytest.skip("this machine has a GPU that numba can use")
    reason = str(cuda.cuda_error()).split()[:3]
    with pytest.raises(
        ValueError, match=r"'cuda' finds no GPU: .*NVIDIA GPU .* qgmutils\[gpu\].*'numba'"
    ) as info:
        landscape(circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2), engine="cuda")
    assert " ".join(reason) in str(info.value)  # numba's own words are quoted


def test_without_the_package(rng, monkeypatch):
    import qgmutils.engine

    monkeypatch.delattr(qgmutils.engine, "cuda_kernels", raising=False)
    monkeypatch.setitem(sys.modules, "qgmutils.engine.cuda_kernels", None)
    with pytest.raises(
        ValueError, match=r"cannot load numba\.cuda: .* qgmutils\[gpu\].*'numba' runs on any CPU"
    ):
        landscape(circuits.random_circuit(2, 1, rng=rng), hamiltonians.tfim(2), engine="cuda")


def test_other_devices_are_refused(rng):
    with pytest.raises(ValueError, match="needs engine='pennylane', got engine='cuda'"):
        landscape(
            circuits.random_circuit(2, 1, rng=rng),
            hamiltonians.tfim(2),
            engine="cuda",
            device="lightning.qubit",
        )


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("n_qubits", [1, 4, 9, 12, 13])  # 13: the states of a gradient lie in global memory
def test_on_a_gpu(n_qubits, rng):
    circuit = circuits.random_circuit(n_qubits, 40, rng=rng, n_gates=90)
    seed = int(rng.integers(2**31))
    if n_qubits < 12:
        problem = hamiltonians.gue(n_qubits, seed=seed)
    else:  # projectors need no eigenvalues; that of 12 qubits is a dense matrix
        basis = "haar" if n_qubits == 12 else "computational"
        problem = hamiltonians.projector(n_qubits, rank=2 ** (n_qubits // 2), basis=basis, seed=seed)
    fast, slow = landscape(circuit, problem, engine="cuda"), NumbaLandscape(circuit, problem)
    theta = rng.uniform(-np.pi, np.pi, (9, 40))
    energy, gradient = fast.value_and_gradient(theta)
    for ours, theirs in zip((energy, gradient), slow.value_and_gradient(theta), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=EXACT)
    ours, theirs = fast.states(theta[:2]), slow.states(theta[:2])
    overlap = np.sum(theirs.conj() * ours, axis=1)  # the phase of each is free
    np.testing.assert_allclose(ours * (overlap.conj() / np.abs(overlap))[:, None], theirs, rtol=0, atol=EXACT)
    # The same numbers in every run, in any batch.
    np.testing.assert_array_equal(fast.value(theta), energy)
    for ours, theirs in zip(fast.value_and_gradient(theta[3:5]), (energy, gradient), strict=True):
        np.testing.assert_array_equal(ours, theirs[3:5])


@pytest.mark.usefixtures("gpu")
def test_second_derivatives_on_a_gpu(rng):
    circuit = circuits.random_circuit(6, 10, rng=rng, n_gates=25)
    problem = hamiltonians.gue(6, seed=int(rng.integers(2**31)))
    fast, slow = landscape(circuit, problem, engine="cuda"), NumbaLandscape(circuit, problem)
    theta = rng.uniform(-np.pi, np.pi, (3, 10))
    np.testing.assert_allclose(fast.hessian(theta), slow.hessian(theta), rtol=0, atol=EXACT)
    np.testing.assert_allclose(fast.quantum_fisher(theta), slow.quantum_fisher(theta), rtol=0, atol=EXACT)
