import copy
import dataclasses

import dense
import numpy as np
import pytest

from qgmutils import circuits, engine
from qgmutils.losses import hamiltonians


def one_gate(x, z, n_qubits, /, **changes):
    parts = {
        "n_qubits": n_qubits,
        "n_params": 1,
        "x": np.array([x]),
        "z": np.array([z]),
        "parameter": np.zeros(1, np.int64),
        "scale": np.ones(1),
        "offset": np.zeros(1),
        "reference": np.eye(2**n_qubits, dtype=complex)[0],
    }
    return circuits.Circuit(**(parts | changes))


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_masks_are_pauli_words(n_qubits):
    # P|k> = i^ny (-1)^popcount(k & z) |k xor x>, for every word: the definition that the kernels use.
    dim = 2**n_qubits
    seen = set()
    for x in range(dim):
        for z in range(dim):
            (word,) = one_gate(x, z, n_qubits).words()
            seen.add(word)
            matrix = np.zeros((dim, dim), dtype=complex)
            for k in range(dim):
                matrix[k ^ x, k] = 1j ** (x & z).bit_count() * (-1) ** (k & z).bit_count()
            np.testing.assert_array_equal(matrix, dense.pauli(word))
    assert len(seen) == 4**n_qubits


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_params": 0}, "n_params must be an integer of at least 1, got 0"),
        ({"x": np.array([1, 2])}, r"one entry per gate, at least one; got the shapes \(2,\), \(1,\)"),
        ({k: np.zeros(0, int) for k in ("x", "z", "parameter", "scale", "offset")}, "at least one; got .*0,"),
        ({"x": np.array([4])}, r"outside the 2 qubits: bit masks must lie in 0 \.\.\. 3, got 4 \.\.\. 4"),
        ({"z": np.array([-1])}, r"outside the 2 qubits: .* got -1 \.\.\. -1"),
        ({"x": np.array([1.0])}, r"x must be an array of integers, got array\(\[1\.\]\)"),
        ({"parameter": np.array([1])}, r"gate parameters must lie in 0 \.\.\. 0, got 1 \.\.\. 1"),
        ({"parameter": np.array([-1])}, r"gate parameters must lie in 0 \.\.\. 0, got -1"),
        ({"scale": np.array([np.nan])}, "scale and offset must be finite"),
        ({"offset": np.array([np.inf])}, "scale and offset must be finite"),
        ({"reference": np.ones(4, complex)}, r"normalised vector of length 4, got shape \(4,\) with norm 2"),
        ({"reference": np.eye(1, 8, dtype=complex)[0]}, r"length 4, got shape \(8,\)"),
        ({"reference": np.full(4, np.nan, complex)}, "normalised vector .* norm nan"),
    ],
)
def test_bad_circuits(changes, message):
    with pytest.raises(ValueError, match=message):
        one_gate(1, 0, 2, **changes)


def gate_arrays(circuit):
    return [circuit.x, circuit.z, circuit.parameter, circuit.scale, circuit.offset, circuit.reference]


@pytest.mark.parametrize(
    "copied", [lambda c: c, copy.copy, copy.deepcopy, lambda c: dataclasses.replace(c, n_params=9)]
)
def test_arrays_cannot_change(copied, rng):
    given = {"x": np.array([1]), "reference": np.eye(4, dtype=complex)[0]}
    circuit = copied(one_gate(1, 0, 2, **given))
    given["x"][0], given["reference"][0] = 10**9, 7
    assert (circuit.x[0], circuit.reference[0]) == (1, 1)
    for array in gate_arrays(circuit):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int16, ">i4", ">u8", object])
def test_any_integers_are_masks(dtype, rng):
    x, z = np.array([1, 0, 3], dtype), np.array([2, 3, 0], dtype)
    given = one_gate(
        1, 0, 2, x=x, z=z, parameter=np.zeros(3, dtype), scale=np.ones(3, ">f4"), offset=[0, 0.5, 1]
    )
    plain = one_gate(
        1, 0, 2, x=[1, 0, 3], z=[2, 3, 0], parameter=[0, 0, 0], scale=np.ones(3), offset=np.array([0, 0.5, 1])
    )
    for one, two, kind in zip(gate_arrays(given), gate_arrays(plain), "iiiffc", strict=True):
        np.testing.assert_array_equal(one, two)
        assert one.dtype.kind == two.dtype.kind == kind
        assert one.dtype.isnative
        assert one.dtype.itemsize == (16 if kind == "c" else 8)
    energy = [engine.landscape(c, hamiltonians.tfim(2)).value([[0.3]])[0] for c in (given, plain)]
    assert energy[0] == energy[1]


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float16])
def test_reference_states_of_less_precision(dtype, rng):
    state = rng.normal(size=64)
    state = (state / np.linalg.norm(state)).astype(dtype)
    circuit = one_gate(1, 0, 6, reference=state)
    assert np.linalg.norm(circuit.reference) == pytest.approx(1, abs=1e-15)
    # Normalised anew: the same direction, to the rounding given.
    np.testing.assert_allclose(circuit.reference, state, atol=2 * np.finfo(dtype).eps)
    with pytest.raises(ValueError, match="normalised vector"):
        one_gate(1, 0, 6, reference=(1.2 * state).astype(dtype))
    # What is normalised to 1e-10 stays as it is.
    exact = circuits.haar_state(64, rng)
    np.testing.assert_array_equal(one_gate(1, 0, 6, reference=exact).reference, exact)
    with pytest.raises(ValueError, match="normalised vector"):  # as much is wrong in double precision
        one_gate(1, 0, 6, reference=exact * (1 + 2e-10))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.array([10**9])}, r"got 1000000000 \.\.\. 1000000000"),
        ({"x": [10**30]}, "x must be an array of integers"),
        ({"z": np.array([2**63], np.uint64)}, r"must lie in 0 \.\.\. 3, got 9223372036854775808"),
        ({"x": np.array(["1"])}, "x must be an array of integers"),
        ({"x": np.array([True])}, "x must be an array of integers"),
        ({"x": np.ma.masked_array([1], [True])}, "x has masked entries"),
        ({"parameter": None}, "parameter must be an array of numbers, got None"),
        ({"scale": np.array([1 + 1j])}, "scale must be an array of real numbers"),
        ({"scale": ["1"]}, "scale must be an array of real numbers"),
        ({"offset": np.array(["1"], object)}, "offset must be an array of numbers"),
        ({"n_params": 10**30}, "n_params must be an integer of at most 10000000, got 1e.30"),
        ({"reference": "0"}, "the reference state must be an array of complex numbers"),
        ({"x": np.array(1)}, r"got the shapes \(\), \(1,\)"),
    ],
)
def test_what_is_no_circuit(changes, message):
    with pytest.raises(ValueError, match=message):
        one_gate(1, 0, 2, **changes)


@pytest.mark.parametrize("rng", [1, None, np.random.RandomState(1), np.random])
def test_a_seed_is_no_generator(rng):
    for call in (
        lambda: circuits.random_circuit(2, 3, rng=rng),
        lambda: circuits.haar_state(4, rng),
        lambda: circuits.stabilizer_state(2, rng),
        lambda: circuits.reference("zero", 2, rng),
    ):
        with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
            call()
