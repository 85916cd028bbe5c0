"""Diagnoses of models whose answers are known."""

from __future__ import annotations

import json

import numpy as np
import pennylane as qml
import pytest

import qgmutils as qgm
from qgmutils.diagnosis.report import Diagnosis
from qgmutils.losses.born_machine import BornMachine


def device(n: int) -> object:
    return qml.device("default.qubit", wires=n)


@qml.qnode(device(2))
def layers(weights):
    qml.BasicEntanglerLayers(weights, wires=range(2), rotation=qml.RY)
    return qml.expval(qml.X(0) @ qml.X(1) + 0.5 * qml.Z(0))


@pytest.fixture(scope="module")
def trapped() -> Diagnosis:
    return qgm.diagnose(qgm.Model(qgm.circuits.Randomised(3, 6), qgm.tfim(3)), starts=64)


def test_randomised_circuit_below_the_count(trapped: Diagnosis) -> None:
    assert trapped.kind == "trapped"
    assert (trapped.reach.own_rank, trapped.reach.dimension, trapped.reach.equations) == (6, 14, 14)
    assert trapped.reach.measured == 14
    assert trapped.need.predicted == 14
    assert trapped.need.half is not None
    # Half are solved within two parameters of the count.
    assert trapped.need.half.low - 2 <= 14 <= trapped.need.half.high + 2
    assert trapped.theory is not None
    assert "6 acting parameters are fewer than 14 equations" in str(trapped)


def test_randomised_circuit_above_the_count() -> None:
    found = qgm.diagnose(qgm.Model(qgm.circuits.Randomised(3, 30), qgm.tfim(3)), starts=96)
    assert found.kind == "trap-free"
    assert found.advice.startswith("It trains")


def test_born_machine_needs_half_of_the_dimension() -> None:
    target = np.random.default_rng(0).dirichlet(np.ones(8))
    found = qgm.diagnose(qgm.Model(qgm.circuits.Randomised(3, 5), BornMachine(target)), starts=64)
    assert (found.kind, found.reach.dimension, found.reach.equations, found.reach.measured) == (
        "trapped",
        14,
        7,
        7,
    )
    assert found.flat.two_design is None


def test_what_a_symmetry_forbids_is_not_expressed() -> None:
    @qml.qnode(device(2))
    def diagonal(angles):  # turns phases of |00> alone
        qml.RZ(angles[0], 0)
        qml.IsingZZ(angles[1], [0, 1])
        qml.RZ(angles[2], 1)
        return qml.expval(qml.X(0) + qml.Z(1))

    found = qgm.diagnose(diagonal, np.ones(3), starts=16)
    assert found.kind == "cannot express"
    assert found.reach.own_rank == 0
    assert found.reach.unused == (0, 1, 2)
    assert "angles[0], angles[1], angles[2]" in str(found)


def test_data_in_every_layer() -> None:
    data = np.linspace(-2, 2, 5)

    @qml.qnode(device(1))
    def reuploading(weights):
        for row in weights:
            qml.RX(data, 0)
            qml.Rot(row[0], row[1], row[2], 0)
        return qml.expval(qml.Z(0))

    target = np.asarray(reuploading(np.random.default_rng(3).uniform(0, 2 * np.pi, (5, 3))))
    found = qgm.diagnose(reuploading, np.full((2, 3), 0.4), target=target, starts=32)
    # Every sample has a unitary of its own, and two numbers for its state.
    assert (found.reach.own_rank, found.reach.dimension, found.reach.expressible) == (5, 10, True)
    assert "1 qubit, 5 samples, 6 parameters" in str(found)


def test_level_that_a_symmetry_leaves() -> None:
    @qml.qnode(device(2))
    def even(angles):  # |00> and |11>, of which the observable makes levels 1 and 3; its ground state is odd
        qml.IsingXY(angles[0], [0, 1])
        qml.IsingXX(angles[1], [0, 1])
        qml.RZ(angles[2], 0)
        return qml.expval(qml.X(0) @ qml.X(1) + 2 * qml.Z(0) @ qml.Z(1))

    found = qgm.diagnose(even, np.ones(3), starts=16)
    assert found.kind == "cannot express"
    assert "level 2 of the observable" in str(found)


def test_qnode_with_layers_and_a_point() -> None:
    weights = np.array([[0.1, 0.2]])
    found = qgm.diagnose(
        layers, weights, starts=32, at_arguments=True, deepen=lambda count: np.ones((count, 2))
    )
    assert found.point is not None
    value = found.model.in_units(found.point.loss)
    assert value == pytest.approx(float(layers(weights)), abs=1e-12)
    assert found.repeats == "layers of 2 parameters"
    assert {ends.n_params % 2 for ends in found.need.tested} == {0}


def test_the_report_in_all_its_forms(trapped: Diagnosis) -> None:
    for width in (60, 100):
        assert max(map(len, trapped.text(width).splitlines())) <= width
        assert trapped.text(width).isascii()
    assert json.loads(trapped.to_json())["need"]["predicted"] == 14
    assert trapped._repr_html_().count("<ul") == len(trapped.sections())
    assert len(trapped.plot().axes) == 2


def test_models_side_by_side() -> None:
    table = qgm.compare(
        {str(p): qgm.Model(qgm.circuits.Randomised(2, p), qgm.tfim(2)) for p in (2, 12)},
        starts=32,
        seconds=20,
    )
    assert list(table.columns) == ["2", "12"]
    assert table.loc["equations of a zero", "2"] == "6"


def test_same_answers_every_time(trapped: Diagnosis) -> None:
    again = qgm.diagnose(qgm.Model(qgm.circuits.Randomised(3, 6), qgm.tfim(3)), starts=64)
    assert again.to_json() == trapped.to_json()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: qgm.diagnose(layers), "argument"),
        (lambda: qgm.diagnose(layers(np.ones((1, 2))), np.ones((1, 2))), "must be a pennylane.QNode"),
        (lambda: qgm.diagnose(layers, np.ones((1, 2)), starts=3), "starts must be an integer of at least 8"),
        (lambda: qgm.diagnose(layers, np.ones((1, 2)), seconds=0), "seconds must be"),
        (
            lambda: qgm.diagnose(qgm.Model(qgm.circuits.Randomised(2, 3), qgm.tfim(2)), 1.0),
            "a Model has none",
        ),
        (
            lambda: qgm.diagnose(qgm.Model(qgm.circuits.Randomised(2, 3), qgm.tfim(2)), at_arguments=True),
            "needs the arguments of a QNode",
        ),
        (
            lambda: qgm.diagnose(qgm.Model(qgm.circuits.Randomised(13, 3), qgm.Hamiltonian("tfim", 13))),
            "13 qubits; up to 12 can be diagnosed",
        ),
        (
            lambda: qgm.diagnose(layers, np.ones((1, 2)), at_arguments="no"),
            "at_arguments must be True or False",
        ),
        (lambda: qgm.diagnose(layers, np.ones((1, 2)), deepen=3), "deepen must be a function"),
        (
            lambda: qgm.diagnose(
                qgm.Model(qgm.circuits.Randomised(12, 4000), qgm.Hamiltonian("tfim", 12)), seconds=1
            ),
            "8 searches of 4000 parameters on 12 qubits take about .* s of computing; give seconds=",
        ),
        (lambda: qgm.compare([]), "must be a mapping"),
        (lambda: qgm.compare({"mine": layers}), r"models\['mine'\] must be a Model, got QNode"),
        (
            lambda: qgm.compare({"a": qgm.Model(qgm.circuits.Randomised(2, 3), qgm.tfim(2))}, stars=8),
            "a Model takes no 'stars'",
        ),
    ],
)
def test_wrong_calls_are_refused(call, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
