"""Diagnoses against training that shares no code with this package: SciPy's L-BFGS-B on PennyLane with JAX.

`nox -s independent` runs it, in about half an hour on two cores, and writes docs/independent_training.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pennylane as qml
import scipy.optimize
import scipy.stats
from tqdm import tqdm

import qgmutils as qgm
from qgmutils.computing import files
from qgmutils.diagnosis.ends import FREE, TRAPPED
from qgmutils.statistics.intervals import Interval, wilson

PAGE = Path("docs/independent_training.md")

FACTORS = (0.5, 0.8, 0.95, 1.05, 1.25, 2.0)
"""Depths of a family's models, in units of the number of equations."""
QUBITS = (3, 3, 4, 4, 5, 6)

SOLVED = 1e-6
"""Distance from the floor, in units of the mean loss at random angles, up to which an end is solved."""

CHANCE = 1e-3
"""Two shares agree unless Fisher's exact test finds them that unlikely; in 30 models that happens by chance once
in 33 runs."""

MOST_WORDS = 400  # of a family of random rotations: three times the largest count


@dataclass(frozen=True)
class Case:
    """A model for both.

    Attributes
    ----------
    family : str
    n_qubits, equations : int
        Qubits, and the number of equations that the depth was chosen by.
    generic : bool
        Whether the prediction is to hold within two parameters, and not as an upper estimate.
    qnode : pennylane.QNode
    weights : float array
    floor : float
        Lowest value that the loss can have.
    loss : callable
        Weights -> what is minimised, in JAX.
    options : dict
        Of `qgmutils.diagnose`.
    at : callable
        Number of parameters -> shape of the weights.
    """

    family: str
    n_qubits: int
    equations: int
    generic: bool
    qnode: qml.QNode
    weights: np.ndarray
    floor: float
    loss: Callable[[Any], Any]
    options: dict[str, Any]
    at: Callable[[int], tuple[int, ...]]


def _device(n: int) -> Any:
    return qml.device("default.qubit", wires=n)


def _ring(n: int, rng: np.random.Generator) -> Any:
    """A ring of qubits with random couplings and fields, which has no symmetry but that of all X."""
    coupling, field = rng.uniform(0.5, 1.5, (2, n))
    return qml.sum(*(-coupling[i] * qml.Z(i) @ qml.Z((i + 1) % n) - field[i] * qml.X(i) for i in range(n)))


def _rotations(n: int, rng: np.random.Generator) -> tuple[Callable[[Any], None], Callable[[Any], Any]]:
    """Rotations about random words behind a Haar-random state: PennyLane's gates, and the final state in JAX.

    PennyLane would hand JAX hundreds of words gate by gate, which compile for minutes.
    """
    words = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(MOST_WORDS)]
    words = [word if set(word) != {"I"} else "X" * n for word in words]
    state = rng.normal(size=2**n) + 1j * rng.normal(size=2**n)
    state /= np.linalg.norm(state)

    def circuit(angles: Any) -> None:
        qml.StatePrep(state, wires=range(n))
        for k in range(len(angles)):
            qml.PauliRot(angles[k], words[k], wires=range(n))

    index = np.arange(2**n)
    matrices = [qml.pauli.string_to_pauli_word(word).matrix(wire_order=range(n)) for word in words]
    sources = np.array([np.argmax(np.abs(matrix), axis=1) for matrix in matrices])
    signs = np.array([matrix[index, source] for matrix, source in zip(matrices, sources, strict=True)])

    def final(angles: Any) -> Any:
        def gate(psi: Any, step: Any) -> tuple[Any, None]:
            angle, source, sign = step
            return jax.numpy.cos(angle / 2) * psi - 1j * jax.numpy.sin(angle / 2) * sign * psi[source], None

        steps = angles, sources[: len(angles)], signs[: len(angles)]
        return jax.lax.scan(gate, jax.numpy.array(state), steps)[0]

    return circuit, final


def _depth(factor: float, equations: int, unit: int) -> int:
    return max(1, round(factor * equations / unit))


def random_energy(n: int, factor: float, rng: np.random.Generator) -> Case:
    observable, (circuit, final) = _ring(n, rng), _rotations(n, rng)
    matrix = qml.matrix(observable, wire_order=range(n))

    @qml.qnode(_device(n))
    def energy(angles):
        circuit(angles)
        return qml.expval(observable)

    def loss(angles: Any) -> Any:
        psi = final(angles)
        return jax.numpy.vdot(psi, matrix @ psi).real

    count = 2 * (2**n - 1)
    case = _energy("random rotations, energy", n, count, True, energy, observable, (1,), factor, rng)
    return dataclasses.replace(case, loss=loss)


def random_born_machine(n: int, factor: float, rng: np.random.Generator) -> Case:
    (circuit, final), target = _rotations(n, rng), rng.dirichlet(np.ones(2**n))

    @qml.qnode(_device(n))
    def probabilities(angles):
        circuit(angles)
        return qml.probs(wires=range(n))

    def loss(angles: Any) -> Any:
        return jax.numpy.sum(target * jax.numpy.log(target / jax.numpy.abs(final(angles)) ** 2))

    count = 2**n - 1
    weights = rng.uniform(0, 2 * np.pi, _depth(factor, count, 1))
    return Case(
        "random rotations, Born machine", n, count, True, probabilities, weights, 0.0, loss,
        {"target": target}, lambda p: (p,),
    )  # fmt: skip


def strongly_entangling(n: int, factor: float, rng: np.random.Generator) -> Case:
    observable = _ring(n, rng)

    @qml.qnode(_device(n))
    def energy(weights):
        qml.StronglyEntanglingLayers(weights, wires=range(n))
        return qml.expval(observable)

    count = 2 * (2**n - 1)
    return _energy(
        "StronglyEntanglingLayers, energy", n, count, False, energy, observable, (n, 3), factor, rng
    )


def real_entangler(n: int, factor: float, rng: np.random.Generator) -> Case:
    matrix = rng.normal(size=(2**n, 2**n))
    observable = qml.Hermitian((matrix + matrix.T) / 2, wires=range(n))

    @qml.qnode(_device(n))
    def energy(weights):
        qml.BasicEntanglerLayers(weights, wires=range(n), rotation=qml.RY)
        return qml.expval(observable)

    return _energy(
        "BasicEntanglerLayers (RY), energy", n, 2**n - 1, False, energy, observable, (n,), factor, rng
    )


def reuploading(n: int, factor: float, rng: np.random.Generator) -> Case:
    count = int(rng.integers(5, 13))
    data, target = rng.uniform(0, np.pi, (count, n)), rng.uniform(-0.5, 0.5, count)

    @qml.qnode(_device(n))
    def model(weights):
        for k in range(len(weights)):
            qml.AngleEmbedding(data, wires=range(n), rotation="Y")
            qml.BasicEntanglerLayers(weights[k : k + 1], wires=range(n), rotation=qml.RX)
        return qml.expval(qml.Z(0))

    def loss(weights: Any) -> Any:
        return jax.numpy.mean((model(weights) - target) ** 2)

    weights = rng.uniform(0, 2 * np.pi, (_depth(factor, count, n), n))
    return Case(
        "re-uploading, least squares", n, count, False, model, weights, 0.0, loss, {"target": target},
        lambda p: (p // n, n),
    )  # fmt: skip


FAMILIES = (random_energy, random_born_machine, strongly_entangling, real_entangler, reuploading)


def _energy(
    family: str, n: int, count: int, generic: bool, qnode: Any, observable: Any, layer: tuple[int, ...],
    factor: float, rng: np.random.Generator,
) -> Case:  # fmt: skip
    unit = math.prod(layer)
    tail = layer if unit > 1 else ()
    weights = rng.uniform(0, 2 * np.pi, (_depth(factor, count, unit), *tail))
    floor = float(np.linalg.eigvalsh(qml.matrix(observable, wire_order=range(n)))[0])
    return Case(family, n, count, generic, qnode, weights, floor, qnode, {}, lambda p: (p // unit, *tail))


def shares(case: Case, shape: tuple[int, ...], starts: int, rng: np.random.Generator) -> int:
    """How many of so many searches from uniform angles end at the floor."""
    gradient = jax.jit(jax.value_and_grad(lambda flat: case.loss(flat.reshape(shape))))

    def fun(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = gradient(flat)
        return float(value), np.asarray(slope)

    size = math.prod(shape)
    scale = np.mean([fun(rng.uniform(0, 2 * np.pi, size))[0] for _ in range(64)]) - case.floor
    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-9}
    ends = [
        scipy.optimize.minimize(
            fun, rng.uniform(0, 2 * np.pi, size), jac=True, method="L-BFGS-B", options=options
        ).fun
        for _ in range(starts)
    ]
    return int(np.sum(np.array(ends) - case.floor <= SOLVED * scale))


def agrees(found: qgm.Diagnosis, solved: int, starts: int) -> bool:
    """Whether share and class of a diagnosis are those of the independent training."""
    ends = found.ends
    mine = round(ends.solved.estimate * ends.n_starts)
    table = [[mine, ends.n_starts - mine], [solved, starts - solved]]
    share = wilson(solved, starts)
    possible = {
        "trapped": share.low <= TRAPPED,
        "trap-free": share.high >= FREE,
        "cannot express": solved == 0,
        "transition": share.high > TRAPPED and share.low < FREE,
        "undecided": True,
    }
    return bool(possible[found.kind] and scipy.stats.fisher_exact(table).pvalue > CHANCE)


def row(case: Case, starts: int, seed: int) -> dict[str, Any]:
    """One model: both answers, and for a generic one the shares two parameters beside the prediction."""
    found = qgm.diagnose(case.qnode, case.weights, seed=seed, **case.options)
    model = qgm.from_qnode(case.qnode, case.weights, **case.options)
    np.testing.assert_allclose(case.loss(case.weights), model.value(case.weights), rtol=0, atol=1e-9)
    rng = np.random.default_rng(seed)
    solved = shares(case, case.weights.shape, starts, rng)
    need = found.need
    values = {
        "family": case.family,
        "n": case.n_qubits,
        "p": case.weights.size,
        "acting": found.reach.own_rank,
        "c": found.reach.count,
        "predicted": need.predicted,
        "p50": need.half,
        "p97": need.most,
        "class": found.kind,
        "solved": found.ends.solved,
        "independent": wilson(solved, starts),
        "agree": agrees(found, solved, starts),
        "within two": None,
    }
    if case.generic and need.predicted is not None:
        around = [shares(case, case.at(need.predicted + step), starts, rng) / starts for step in (-2, 2)]
        values["within two"] = around[0] < 0.5 <= around[1]
    return values


def cases(seed: int) -> list[Case]:
    """Thirty models: of each family six, of all depths, on 3 to 6 qubits in an order that is drawn."""
    rng = np.random.default_rng(seed)
    return [
        family(int(n), factor, rng)
        for family in FAMILIES
        for factor, n in zip(FACTORS, rng.permutation(QUBITS), strict=True)
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Interval):
        if value.high <= 1:
            return f"{value.estimate:.0%} [{value.low:.0%}, {value.high:.0%}]"
        high = "?" if math.isinf(value.high) else f"{value.high:.0f}"
        return f"{value.estimate:.0f} [{value.low:.0f}, {high}]"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def page(rows: list[dict[str, Any]], starts: int, seed: int) -> str:
    """The table with what it says."""
    table = pd.DataFrame(rows, dtype=object).map(_shown)
    agree = sum(row["agree"] for row in rows)
    near = [row["within two"] for row in rows if row["within two"] is not None]
    text = f"""# Diagnoses against independent training

Written by `nox -s independent`; every number is measured. {len(rows)} random models were diagnosed, and trained by
SciPy's L-BFGS-B on PennyLane's `default.qubit` with JAX, {starts} starts each, which share no code with this package.
An end is solved where it is within {SOLVED:g} of the mean loss at random angles from the floor. Both *agree* if the
class is one that the independent share allows and Fisher's exact test of the two shares has p > {CHANCE:g}.

**{agree} of {len(rows)} agree.** Of {len(near)} generic models (random rotations of a Haar-random state) {sum(near)}
have the predicted count *within two* parameters of where half of the independent starts are solved: fewer than half are
solved two parameters below it, half or more two above. For the others the prediction is an upper estimate
([diagnosis.md](diagnosis.md), section 3). Columns: qubits n, parameters p, how many act, equations c, the *predicted*
depth, the depths p50 and p97 from which on half and 97 % of the starts are solved, both by diagnosis; its class; the
share solved at p by diagnosis and by independent training.

"""
    for family, some in table.groupby("family", sort=False):
        shown = some.drop(columns="family").loc[:, lambda t: (t != "–").any()]
        text += f"## {family}\n\n{_markdown(shown)}\n"
    return text + f"Models and starts come from seed {seed}.\n"


def _markdown(table: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(values) + " |" for values in table.to_numpy()]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run all, or some; exit status 1 if fewer than nine of ten agree."""
    parser = argparse.ArgumentParser(prog="nox -s independent --", description=__doc__)
    parser.add_argument("--starts", type=int, default=64, help="independent searches of each model (64)")
    parser.add_argument("--seed", type=int, default=0, help="draws models and starts (0)")
    parser.add_argument(
        "--only", type=int, nargs="*", help="numbers of models, from 0; the page is not written then"
    )
    options = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    every = cases(options.seed)
    chosen = range(len(every)) if options.only is None else options.only
    rows = []
    for number in tqdm(chosen, desc="models"):
        rows.append(row(every[number], options.starts, options.seed + number))
        tqdm.write("  ".join(_shown(value) for value in rows[-1].values()), file=sys.stderr)
    print(page(rows, options.starts, options.seed))
    if options.only is None:
        with files.whole_file(PAGE) as temporary:
            temporary.write_text(page(rows, options.starts, options.seed), encoding="utf-8")
    return 0 if sum(row["agree"] for row in rows) >= 0.9 * len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
