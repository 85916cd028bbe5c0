"""Circuits in the way PennyLane's documentation writes them, by name: gates, templates, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pennylane as qml
import scipy.stats


class Case(NamedTuple):
    """Gates of some arrays on wires 0 ... n_qubits - 1, without a measurement."""

    gates: Callable[..., None]
    n_qubits: int
    shapes: tuple[tuple[int, ...], ...]


CASES: dict[str, Case] = {}


def case(n_qubits: int, *shapes: tuple[int, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(gates: Callable[..., None]) -> Callable[..., None]:
        CASES[gates.__name__] = Case(gates, n_qubits, shapes)
        return gates

    return add


def unitary(dim: int, seed: int) -> np.ndarray:
    return scipy.stats.unitary_group.rvs(dim, random_state=seed)


def spread(n_qubits: int) -> None:
    """A state without symmetries, so that what follows shows."""
    qml.StatePrep(unitary(2**n_qubits, 7)[0], wires=range(n_qubits))


@case(3, (2, 3))
def basic_entangler(w):
    qml.BasicEntanglerLayers(w, wires=range(3))


@case(3, (2, 3, 3))
def strongly_entangling(w):
    qml.StronglyEntanglingLayers(w, wires=range(3))


@case(4, (2, 4, 3))
def strongly_entangling_with_imprimitive(w):
    qml.StronglyEntanglingLayers(w, wires=range(4), ranges=[2, 3], imprimitive=qml.CZ)


@case(3, (3,), (2, 2, 2))
def simplified_two_design(first, w):
    qml.SimplifiedTwoDesign(first, w, wires=range(3))


@case(3, (3, 4))
def random_layers(w):
    qml.RandomLayers(w, wires=range(3), seed=5)


@case(4, (2, 3, 2))
def particle_conserving_u1(w):
    qml.ParticleConservingU1(w, wires=range(4), init_state=np.array([1, 1, 0, 0]))


@case(4, (2, 7))
def particle_conserving_u2(w):
    qml.ParticleConservingU2(w, wires=range(4), init_state=np.array([1, 1, 0, 0]))


@case(4, (3,))
def uccsd(w):
    singles, doubles = qml.qchem.excitations(2, 4)
    s_wires, d_wires = qml.qchem.excitations_to_wires(singles, doubles)
    qml.UCCSD(w, range(4), s_wires=s_wires, d_wires=d_wires, init_state=qml.qchem.hf_state(2, 4))


@case(4, (1, 6))
def k_upccgsd(w):
    qml.kUpCCGSD(w, wires=range(4), k=1, delta_sz=0, init_state=np.array([1, 1, 0, 0]))


@case(4, (3,))
def all_singles_doubles(w):
    qml.AllSinglesDoubles(
        w, range(4), hf_state=np.array([1, 1, 0, 0]), singles=[[0, 2], [1, 3]], doubles=[[0, 1, 2, 3]]
    )


@case(4, (2, 1, 2))
def gate_fabric(w):
    qml.GateFabric(w, wires=range(4), init_state=np.array([1, 1, 0, 0]), include_pi=True)


@case(3, (3,), (2, 6))
def qaoa_embedding(features, w):
    qml.QAOAEmbedding(features=features, weights=w, wires=range(3))


@case(3, (3,), (2, 3))
def iqp_embedding(features, w):
    qml.IQPEmbedding(features, wires=range(3), n_repeats=2)
    qml.BasicEntanglerLayers(w, wires=range(3), rotation=qml.RY)


@case(3, (3,), (3,), (3,))
def angle_embedding(x, y, z):
    spread(3)
    qml.AngleEmbedding(x, wires=range(3), rotation="X")
    qml.AngleEmbedding(y, wires=range(3), rotation="Y")
    qml.AngleEmbedding(z, wires=range(3), rotation="Z")


@case(2, (2, 2))
def amplitude_embedding(w):
    qml.AmplitudeEmbedding([1.0, 2.0, 3.0], wires=range(2), normalize=True, pad_with=0.5)
    qml.BasicEntanglerLayers(w, wires=range(2))


@case(3, (3,))
def basis_embedding(w):
    qml.BasisEmbedding([1, 0, 1], wires=range(3))
    qml.AngleEmbedding(w, wires=range(3))
    qml.CNOT([0, 1])


@case(4, (3, 2))
def mps(w):
    def block(weights, wires):
        qml.CNOT(wires=[wires[0], wires[1]])
        qml.RY(weights[0], wires=wires[0])
        qml.RY(weights[1], wires=wires[1])

    qml.MPS(range(4), 2, block, 2, template_weights=w)


@case(4, (3, 2))
def ttn(w):
    def block(weights, wires):
        qml.CNOT(wires=[wires[0], wires[1]])
        qml.RY(weights[0], wires=wires[0])
        qml.RY(weights[1], wires=wires[1])

    qml.TTN(range(4), 2, block, 2, template_weights=w)


@case(4, (5, 2))
def mera(w):
    def block(weights, wires):
        qml.CNOT(wires=[wires[0], wires[1]])
        qml.RY(weights[0], wires=wires[0])
        qml.RY(weights[1], wires=wires[1])

    qml.MERA(range(4), 2, block, 2, template_weights=w)


@case(3, ())
def approx_time_evolution(t):
    spread(3)
    hamiltonian = 0.5 * qml.X(0) @ qml.X(1) + 0.3 * qml.Z(1) - 0.2 * qml.Y(2) @ qml.Z(0)
    qml.ApproxTimeEvolution(hamiltonian, t, n=2)


@case(3, ())
def trotter_product(t):
    spread(3)
    hamiltonian = qml.dot([0.5, 0.3, -0.2], [qml.X(0) @ qml.X(1), qml.Z(1), qml.Y(2) @ qml.Z(0)])
    qml.TrotterProduct(hamiltonian, time=t, n=2, order=2)


@case(2, (2,), ())
def commuting_evolution(w, t):
    qml.Hadamard(0)
    qml.RY(w[0], 0)
    hamiltonian = qml.Hamiltonian([1.0, -0.5], [qml.Z(0) @ qml.Z(1), qml.X(0) @ qml.X(1)])
    qml.CommutingEvolution(hamiltonian, t)
    qml.RX(w[1], 1)


@case(3, (3,))
def fourier(w):
    qml.AngleEmbedding(w, wires=range(3))
    qml.QFT(wires=range(3))


@case(3, (3,))
def inverse_fourier(w):
    qml.AngleEmbedding(w, wires=range(3))
    qml.adjoint(qml.QFT)(wires=range(3))
    qml.RX(w[0], 1)


@case(3, (3,))
def grover(w):
    qml.AngleEmbedding(w, wires=range(3), rotation="Y")
    qml.FlipSign(5, wires=range(3))
    qml.GroverOperator(wires=range(3))
    qml.RX(w[1], 2)


@case(4, (4,))
def permute(w):
    qml.AngleEmbedding(w, wires=range(4), rotation="Y")
    qml.Permute([2, 0, 3, 1], wires=range(4))
    qml.AngleEmbedding(w, wires=range(4))


@case(3, (3,))
def controlled_functions(w):
    spread(3)
    qml.ctrl(qml.RX, control=0)(w[0], wires=1)
    qml.ctrl(qml.Rot, control=[0, 2], control_values=[0, 1])(w[0], w[1], w[2], wires=1)
    qml.ctrl(qml.S, control=1)(wires=2)
    qml.ctrl(qml.IsingXX, control=1)(w[1], wires=[2, 0])


@case(3, (2, 3, 3))
def controlled_template(w):
    spread(3)

    def layers(weights):
        qml.StronglyEntanglingLayers(weights, wires=[1, 2])

    qml.ctrl(layers, control=0)(w[:, :2])


@case(3, (2, 3, 3))
def adjoint_template(w):
    spread(3)
    qml.adjoint(qml.StronglyEntanglingLayers)(w, wires=range(3))
    qml.adjoint(qml.RX(w[0, 0, 0], 1))
    qml.adjoint(qml.T(2))


@case(2, (2,))
def powers(w):
    spread(2)
    qml.pow(qml.RX(w[0], 0), 3)
    qml.pow(qml.S(1), 2)
    qml.pow(qml.X(0), 0.5)
    qml.pow(qml.CNOT([0, 1]), 2)
    qml.pow(qml.Rot(w[0], w[1], 0.3, 1), 2)
    qml.pow(qml.Hadamard(0), -1)
    qml.pow(qml.CRX(w[1], [0, 1]), 0.7)


@case(3, (3,))
def products(w):
    spread(3)
    qml.prod(qml.RX(w[0], 0), qml.RY(w[1], 1), qml.CNOT([1, 2]))
    qml.prod(lambda a: (qml.RZ(a, 0), qml.CRY(a, [0, 2])))(w[2])
    qml.RX(w[1], 0) @ qml.RX(w[2], 1)


@case(2, (3,))
def exponentials(w):
    spread(2)
    qml.exp(qml.X(0) @ qml.Y(1), -1j * w[0])
    qml.exp(qml.Z(0), 1j * w[1])
    qml.evolve(qml.Z(0) @ qml.X(1), w[2])
    qml.evolve(0.3 * qml.X(0) + 0.4 * qml.Z(1), w[1])
    qml.exp(qml.dot([0.2, 0.4], [qml.X(0), qml.Y(1)]), 1j * w[2])


@case(3, (2,), (2,))
def qaoa(gamma, beta):
    graph = [(0, 1), (1, 2)]
    cost = qml.dot([0.5, 0.5], [qml.Z(a) @ qml.Z(b) for a, b in graph])
    mixer = qml.qaoa.x_mixer(range(3))
    for wire in range(3):
        qml.Hadamard(wire)
    for g, b in zip(gamma, beta):
        qml.qaoa.cost_layer(g, cost)
        qml.qaoa.mixer_layer(b, mixer)


@case(3, (2,), (2,))
def qaoa_with_weighted_mixers(gamma, beta):
    cost = qml.dot([0.7, -0.4, 0.2], [qml.Z(0) @ qml.Z(1), qml.Z(1) @ qml.Z(2), qml.Z(2)])
    mixer = qml.dot([0.5] * 4, [p(a) @ p(b) for a, b in ((0, 1), (1, 2)) for p in (qml.X, qml.Y)])
    spread(3)

    def layer(g, b):
        qml.qaoa.cost_layer(g, cost)
        qml.qaoa.mixer_layer(b, mixer)

    qml.layer(layer, 2, gamma, beta)


@case(2, (15,))
def arbitrary_unitary(w):
    qml.ArbitraryUnitary(w, wires=range(2))


@case(2, (6,))
def arbitrary_state_preparation(w):
    qml.ArbitraryStatePreparation(w, wires=range(2))


@case(3, (6,))
def controlled_gates(w):
    spread(3)
    qml.CRX(w[0], [0, 1])
    qml.CRY(w[1], [1, 2])
    qml.CRZ(w[2], [2, 0])
    qml.ControlledPhaseShift(w[3], [0, 2])
    qml.CRot(w[4], w[5], w[0], [1, 0])
    qml.CPhaseShift00(w[1], [0, 1])
    qml.CPhaseShift01(w[2], [1, 2])
    qml.CPhaseShift10(w[3], [0, 2])
    qml.CY([0, 1])
    qml.CH([1, 2])
    qml.CCZ([0, 1, 2])
    qml.CSWAP([2, 1, 0])


@case(4, (8,))
def excitations(w):
    spread(4)
    qml.SingleExcitation(w[0], [0, 1])
    qml.SingleExcitationPlus(w[1], [1, 2])
    qml.SingleExcitationMinus(w[2], [2, 3])
    qml.DoubleExcitation(w[3], [0, 1, 2, 3])
    qml.DoubleExcitationPlus(w[4], [3, 1, 2, 0])
    qml.DoubleExcitationMinus(w[5], [0, 2, 1, 3])
    qml.OrbitalRotation(w[6], [0, 1, 2, 3])
    qml.FermionicSWAP(w[7], [0, 2])
    qml.FermionicSingleExcitation(w[0], wires=[0, 1, 2])
    qml.FermionicDoubleExcitation(w[1], wires1=[0, 1], wires2=[2, 3])


@case(2, (6,))
def single_qubit_gates(w):
    spread(2)
    qml.Rot(w[0], w[1], w[2], 0)
    qml.U1(w[3], 0)
    qml.U2(w[4], w[5], 1)
    qml.U3(w[0], w[2], w[4], 1)
    qml.PhaseShift(w[1], 0)
    for gate in (qml.T, qml.S, qml.SX, qml.X, qml.Y, qml.Z, qml.Hadamard, qml.Identity):
        gate(1)
    qml.GlobalPhase(w[3])


@case(3, (6,))
def ising_gates(w):
    spread(3)
    qml.IsingXX(w[0], [0, 1])
    qml.IsingYY(w[1], [1, 2])
    qml.IsingZZ(w[2], [2, 0])
    qml.IsingXY(w[3], [0, 2])
    qml.MultiRZ(w[4], [0, 1, 2])
    qml.PauliRot(w[5], "XYZ", [2, 0, 1])
    qml.PSWAP(w[0], [1, 2])
    qml.PCPhase(w[1], dim=3, wires=[0, 1])


@case(3, (3,))
def fixed_gates(w):
    spread(3)
    for wire in range(3):
        qml.RX(w[wire], wire)
    for gate in (qml.CNOT, qml.CZ, qml.SWAP, qml.ISWAP, qml.SISWAP, qml.SQISW, qml.ECR):
        gate([0, 1])
        qml.RY(w[0], 1)
        gate([2, 1])
        qml.RX(w[1], 2)


@case(4, (4,))
def many_controls(w):
    spread(4)
    qml.Toffoli([0, 1, 2])
    qml.AngleEmbedding(w, wires=range(4))
    qml.MultiControlledX(wires=[0, 1, 2, 3], control_values=[1, 0, 1])
    qml.AngleEmbedding(w, wires=range(4), rotation="Y")


@case(3, (3,))
def unitaries(w):
    qml.AngleEmbedding(w, wires=range(3))
    qml.QubitUnitary(unitary(2, 1), wires=0)
    qml.QubitUnitary(unitary(4, 2), wires=[2, 0])
    qml.AngleEmbedding(w, wires=range(3), rotation="Y")
    qml.QubitUnitary(unitary(8, 3), wires=[1, 2, 0])
    qml.ControlledQubitUnitary(unitary(2, 4), wires=[0, 2])
    qml.DiagonalQubitUnitary(np.exp(1j * np.arange(4) ** 2), wires=[1, 0])
    qml.AngleEmbedding(w, wires=range(3))


@case(3, (4,))
def selected(w):
    spread(3)
    qml.Select([qml.RX(w[0], 2), qml.RY(w[1], 2), qml.RZ(w[2], 2), qml.X(2)], control=[0, 1])
    qml.SelectPauliRot(w, control_wires=[0, 1], target_wire=2, rot_axis="Y")


@case(3, (3,))
def controlled_sequence(w):
    spread(3)
    qml.ControlledSequence(qml.RX(w[0], 2), control=[0, 1])
    qml.adjoint(qml.QFT)(wires=[0, 1])
    qml.RY(w[1], 0)
    qml.RZ(w[2], 2)


@case(3, (3,))
def approximate_fourier(w):
    qml.AngleEmbedding(w, wires=range(3))
    qml.AQFT(order=1, wires=range(3))
    qml.RX(w[0], 0)


@case(2, (4,))
def singular_values(w):
    spread(2)
    block = qml.BlockEncode(np.array([[0.1, 0.2], [0.3, 0.4]]), wires=[0, 1])
    qml.QSVT(block, [qml.PCPhase(angle, dim=2, wires=[0, 1]) for angle in w])


@case(3, (2,))
def linear_combinations(w):
    hamiltonian = qml.dot([0.3, 0.7], [qml.Z(2), qml.X(2)])
    qml.RY(w[0], 2)
    qml.Qubitization(hamiltonian, control=[0])
    qml.RX(w[1], 0)
    qml.PrepSelPrep(hamiltonian, control=[1])
    qml.RX(w[0], 2)


@case(3, (3,))
def prepared_by_gates(w):
    qml.RX(w[0], 0)
    qml.MottonenStatePreparation(unitary(4, 2)[1], wires=[1, 2])
    qml.AngleEmbedding(w, wires=range(3))
    qml.CNOT([0, 2])
    qml.RX(w[0], 2)


@case(4, (4,))
def prepared_in_other_ways(w):
    qml.Superposition([0.6, 0.8], bases=[[1, 0, 1], [0, 1, 1]], wires=[0, 1, 2], work_wire=3)
    qml.AngleEmbedding(w, wires=range(4))
    qml.CNOT([0, 2])
    qml.RX(w[0], 3)


@case(3, (3,))
def cosine_window(w):
    qml.CosineWindow(wires=range(2))
    qml.AngleEmbedding(w, wires=range(3))
    qml.CNOT([0, 2])


@case(3, (3,))
def prepared_behind_gates(w):
    qml.RX(w[0], 0)
    qml.StatePrep(unitary(4, 2)[1], wires=[1, 2])
    qml.AngleEmbedding(w, wires=range(3))
    qml.CNOT([0, 1])
    qml.BasisState([1], wires=[2])
    qml.RX(w[0], 1)


@case(4, (6,))
def basis_rotation(w):
    spread(4)
    qml.AngleEmbedding(w[:4], wires=range(4))
    qml.BasisRotation(wires=range(4), unitary_matrix=unitary(4, 4))
    qml.RX(w[4], 0)
    qml.RY(w[5], 2)


@case(3, (3,))
def trained_couplings(w):
    spread(3)
    hamiltonian = qml.Hamiltonian(w, [qml.X(0) @ qml.X(1), qml.Z(1), qml.Y(2) @ qml.Y(1)])
    qml.ApproxTimeEvolution(hamiltonian, 0.3, 2)


@case(3, ())
def random_product_formula(t):
    spread(3)
    qml.QDrift(qml.dot([0.5, 0.3], [qml.X(0) @ qml.X(1), qml.Z(1)]), time=t, n=4, seed=3)
    qml.RX(t, 1)


@case(4, (4,))
def amplitude_amplification(w):
    @qml.prod
    def prepare():
        for wire in range(3):
            qml.Hadamard(wire)

    qml.RY(w[0], 3)
    qml.AmplitudeAmplification(prepare(), qml.FlipSign(2, wires=range(3)), iters=2)
    qml.AngleEmbedding(w, wires=range(4))


@case(4, (4,))
def arithmetic(w):
    qml.AngleEmbedding(w, wires=range(4), rotation="Y")
    qml.PhaseAdder(3, x_wires=range(3))
    qml.Adder(2, x_wires=range(3))
    qml.RX(w[0], 3)
    qml.OutAdder(x_wires=[0], y_wires=[1], output_wires=[2, 3])
    qml.AngleEmbedding(w, wires=range(4))
    qml.QubitCarry(wires=range(4))
    qml.QubitSum(wires=range(3))
    qml.IntegerComparator(2, wires=range(4))
    qml.RX(w[1], 2)


@case(4, (4,))
def read_from_memory(w):
    qml.AngleEmbedding(w, wires=range(4), rotation="Y")
    qml.QROM(["01", "11", "10", "00"], control_wires=[0, 1], target_wires=[2, 3], work_wires=None)
    qml.AngleEmbedding(w, wires=range(4))


@case(3, (2, 3, 3))
def block_encoding_by_gates(w):
    qml.StronglyEntanglingLayers(w, wires=range(3))
    qml.FABLE(np.array([[0.1, 0.2], [0.3, -0.2]]), wires=range(3), tol=0)


@case(3, (3,))
def signal_processing(w):
    qml.AngleEmbedding(w, wires=range(3))
    qml.GQSP(qml.RX(0.3, 2), np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), control=0)
    qml.RX(w[0], 0)


@case(4, (6,))
def swap_network(w):
    def gate(index, wires, param=None):
        return qml.CRY(param, wires)

    qml.AngleEmbedding(w[:4], wires=range(4))
    qml.TwoLocalSwapNetwork(range(4), acquaintances=gate, weights=w, fermionic=False, shift=False)


@case(2, (2,))
def turns_about_projectors(w):
    spread(2)
    projector = qml.Projector([1, 0], wires=[0, 1])
    qml.evolve(projector, w[0])
    qml.RX(w[1], 1)
    qml.exp(projector, 1j * w[1])


@case(3, (2,))
def inverses_of_fixed_gates(w):
    spread(3)
    for gate in (qml.ISWAP, qml.ECR, qml.SISWAP):
        qml.adjoint(gate([0, 1]))
        qml.RX(w[0], 0)
        qml.RY(w[1], 1)
    qml.TemporaryAND([0, 1, 2])
    qml.RY(w[1], 0)
    qml.adjoint(qml.TemporaryAND([0, 1, 2]))
    qml.RX(w[0], 1)


@case(3, (3,))
def trained_diagonal(w):
    spread(3)
    qml.DiagonalQubitUnitary(qml.math.exp(1j * qml.math.stack([*w, w[0] * 2])), wires=[0, 1])
    qml.H(0)
    qml.H(1)


@case(5, (5,))
def control_of_many(w):
    qml.AngleEmbedding(w, wires=range(5), rotation="Y")
    qml.ctrl(qml.RX, control=range(4), control_values=[0, 1, 0, 1])(w[0], wires=4)
    qml.AngleEmbedding(w, wires=range(5))


# As users write them, rather than templates.


@case(4, (3,))
def hydrogen_by_hand(w):
    qml.BasisState(np.array([1, 1, 0, 0]), wires=range(4))
    qml.DoubleExcitation(w[0], wires=[0, 1, 2, 3])
    qml.SingleExcitation(w[1] / 2, wires=[0, 2])
    qml.ctrl(qml.SingleExcitation, control=0)(w[2] + np.pi / 2, wires=[1, 3])


@case(3, (3,), (3,))
def swap_test(a, b):
    qml.H(0)
    qml.U3(*a, wires=1)
    qml.U3(*b, wires=2)
    qml.CSWAP([0, 1, 2])
    qml.H(0)


@case(4, (2, 15), (3,))
def convolution(kernels, pool):
    for first in (0, 2, 1):
        w = kernels[first % 2]
        qml.U3(*w[0:3], wires=first)
        qml.U3(*w[3:6], wires=first + 1)
        qml.CNOT([first, first + 1])
        qml.RY(w[6], first)
        qml.RZ(w[7], first + 1)
        qml.CNOT([first + 1, first])
        qml.U3(*w[9:12], wires=first)
    qml.CRot(*pool, wires=[1, 0])


@case(3, (2, 3), ())
def time_steps(field, dt):
    for row in field:
        for wire in range(3):
            qml.RX(2 * dt, wires=wire)
            qml.RZ(0.3 * row[wire] - 0.1, wires=wire)
            qml.IsingZZ(-2 * 0.7 * dt, wires=[wire, (wire + 1) % 3])


@case(3, (2, 2, 3))
def nested_controls(w):
    spread(3)
    qml.ctrl(qml.adjoint(qml.StronglyEntanglingLayers), control=2, control_values=0)(w, wires=[0, 1])
    qml.adjoint(qml.ctrl(qml.RY(w[0, 0, 0], 0), control=[1, 2]))


@case(3, (3,))
def reflected(w):
    @qml.prod
    def prepare():
        for wire in range(3):
            qml.Hadamard(wire)

    qml.AngleEmbedding(w, wires=range(3), rotation="Y")
    qml.Reflection(prepare(), w[0])
    qml.RX(w[1], 1)


@case(1, (2,))
def trained_matrix(w):
    qml.RX(w[1], 0)
    half = w[0] / 2
    c, s = qml.math.cos(half), qml.math.sin(half)
    qml.QubitUnitary(qml.math.stack([qml.math.stack([c, -s]), qml.math.stack([s, c])]), wires=0)


@case(3, (3,))
def phases_that_controls_see(w):
    spread(3)
    for gate in (qml.T(0), qml.S(0), qml.Z(0), qml.SX(0), qml.Hadamard(0), qml.GlobalPhase(w[0], 0)):
        qml.ctrl(gate, control=[1])
        qml.RX(w[1], 1)
    qml.ctrl(qml.PhaseShift(w[2], 0), control=[1, 2], control_values=[0, 1])
    qml.ctrl(qml.U2(w[0], w[2], 0), control=1)
    qml.ctrl(qml.QubitUnitary(unitary(4, 9), [0, 1]), control=2)


@case(3, (4,))
def loops_of_pennylane(w):
    @qml.for_loop(0, 3, 1)
    def turn(k):
        qml.cond(k != 1, qml.RX, qml.RY)(w[k], k)
        qml.CNOT([k, (k + 1) % 3])

    @qml.while_loop(lambda k: k < 3)
    def turn_back(k):
        qml.RY(w[3 - k], k)
        return k + 1

    turn()
    turn_back(0)


@case(3, (8,))
def products_sums_and_slices(w):
    qml.StronglyEntanglingLayers(qml.math.reshape(w[::-1][:6], (1, 2, 3)), wires=[2, 0])
    qml.RX(w[0] + 2 * w[1] - w[7] / 3, 1)
    qml.CNOT([1, 2])
    qml.RY(w[6] * w[7], 2)


@case(2, (3,))
def functions_of_weights(w):
    qml.RX(qml.math.arctan(w[0]), 0)
    qml.RY(qml.math.sum(w), 1)
    qml.CNOT([0, 1])
    qml.RZ(qml.math.dot(w, w), 1)
    qml.RX(qml.math.cos(w[1]) ** 2, 1)


@case(3, (3,))
def gates_that_do_nothing(w):
    qml.RX(w[0], 0)
    qml.Barrier(wires=range(3))
    qml.Snapshot()
    qml.CNOT([0, 1])
    qml.RY(w[1], 1)
    qml.WireCut(wires=1)
    qml.Identity(0)
    qml.RX(w[2], 2)
    qml.MultiRZ(w[0], wires=[0])
    qml.PauliRot(w[2], "II", wires=[0, 1])


class Decomposed(qml.operation.Operation):
    num_wires = 2
    num_params = 2

    @staticmethod
    def compute_decomposition(a, b, wires):
        return [qml.RX(a, wires[0]), qml.CNOT(wires), qml.RY(2 * b, wires[1])]


class Tabulated(qml.operation.Operation):
    num_wires = 2
    num_params = 0

    @staticmethod
    def compute_matrix():
        return unitary(4, 6)


@case(3, (3,))
def gates_of_ones_own(w):
    spread(3)
    Decomposed(w[0], w[1], wires=[2, 0])
    Tabulated(wires=[0, 1])
    qml.ctrl(Decomposed(w[1], w[2], wires=[1, 0]), control=2)
    qml.adjoint(Tabulated(wires=[2, 1]))
    qml.RX(w[0], 1)


@case(3, (3,))
def mapped_and_simplified(w):
    qml.map_wires(qml.RX(w[0], 0), {0: 2})
    qml.simplify(qml.RX(w[1], 0) @ qml.RY(w[2], 1))
    qml.CNOT([0, 2])
