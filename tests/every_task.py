"""One small task of every class, and as a program the digests of their tables.

    python tests/every_task.py [workers]

prints one line a task, its name and a hash of its columns' bytes.  Not collected: `computing/test_reproducible.py`
runs it in processes of its own, since what it varies is chosen before anything is imported.
"""

import hashlib
import importlib
import pkgutil
import sys
from dataclasses import is_dataclass

from qgmutils import beyond, ensembles, field
from qgmutils.beyond.counts.alternating_unitaries import GradientDescent, LearnUnitary
from qgmutils.beyond.counts.born_machines import Drawn, FromSamples
from qgmutils.beyond.counts.state_learning import AtOverlap, FromOverlap
from qgmutils.beyond.finite_dimension.counts import FiniteMinimaDensity
from qgmutils.beyond.finite_dimension.reflections import ReflectionModel
from qgmutils.beyond.shared_angles import SharedFieldTask
from qgmutils.beyond.traps.lowest_minima import LowestMinima
from qgmutils.circuits import (
    Brickwork,
    Conserving,
    HamiltonianVariational,
    Qaoa,
    Randomised,
    Restricted,
    spin_groups,
)
from qgmutils.computing.tasks import run_tasks
from qgmutils.ensembles.enumeration import EnumerateTask
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import FisherRanks, Losses, Rays, SampleTask, Spectra
from qgmutils.ensembles.tasks import CircuitsTask
from qgmutils.ensembles.training import TrainTask
from qgmutils.field import counting
from qgmutils.field.critical_points import FieldEnumeration
from qgmutils.field.hessians import FieldTask
from qgmutils.losses import hamiltonians
from qgmutils.losses.born_machine import BornMachine
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.losses.max_cut import MaxCut

LEVELS = tuple(map(float, hamiltonians.tfim(3).levels))


def train(circuit, hamiltonian, n_starts=8, **options):
    return TrainTask(model=Model(circuit, hamiltonian), n_circuits=1, n_starts=n_starts, seed=1, **options)


def sample(circuit, hamiltonian, quantity, n_circuits=1, n_points=8):
    model = Model(circuit, hamiltonian)
    return SampleTask(model=model, quantity=quantity, n_circuits=n_circuits, n_points=n_points, seed=1)


def rank_two(n_qubits):
    return Hamiltonian("projector", n_qubits, (("rank", 2),))


TASKS = [
    # H as Pauli words, sparse, of low rank and dense; BFGS and L-BFGS.
    train(Randomised(4, 12), Hamiltonian("tfim", 4)),
    train(Randomised(4, 13, reference_state="clifford"), Hamiltonian("fermi_hubbard", 4)),
    train(Randomised(3, 10, reference_state="zero"), rank_two(3)),
    train(Randomised(4, 260), Hamiltonian("gue", 4), 2),
    train(Restricted(3, 9, symmetry="even real"), rank_two(3)),
    train(Brickwork(3, 9, reference_state="zero"), Hamiltonian("tfim", 3)),
    train(Randomised(3, 3, gates_per_angle=2), rank_two(3), 16, keep_angles=True),
    train(Randomised(3, 6), Hamiltonian("tfim", 3), 64, settled_hits=8),
    train(HamiltonianVariational(4, 6), hamiltonians.tfim(4, periodic=False)),
    train(Conserving(4, 8, groups=spin_groups(4, 1, 1)), Hamiltonian("fermi_hubbard", 4)),
    train(Qaoa(3, 5, edges=((0, 1), (1, 2))), MaxCut(n_qubits=3, edges=((0, 1), (1, 2)))),
    EnumerateTask(model=Model(Randomised(3, 3), Hamiltonian("tfim", 3)), n_circuits=1, seed=1),
    EnumerateTask(model=Model(Randomised(3, 3), Hamiltonian("tfim", 3)), n_circuits=1, seed=1, n_starts=32),
    EnumerateTask(model=ReflectionModel(Hamiltonian("tfim", 3), 3), n_circuits=1, seed=1),
    sample(Randomised(4, 11), Hamiltonian("gue", 4), Losses(), 2),
    sample(Randomised(4, 11), Hamiltonian("tfim", 4), Rays()),
    sample(Randomised(5, 21), Hamiltonian("tfim", 5), Spectra(), 1, 2),
    sample(Randomised(4, 9), rank_two(4), Spectra("minimum"), 1, 2),
    sample(Randomised(3, 17), Hamiltonian("tfim", 3), FisherRanks(), 1, 1),
    sample(Brickwork(3, 17, reference_state="zero"), Hamiltonian("tfim", 3), FisherRanks(), 1, 1),
    sample(Randomised(2, 6), BornMachine((0.4, 0.3, 0.2, 0.1)), FromSamples(9), 2, 2),
    sample(Randomised(2, 6), BornMachine((0.4, 0.3, 0.3, 0.0)), Drawn(9), 2, 2),
    sample(Randomised(3, 5), hamiltonians.tfim(3), AtOverlap((0.3, 0.6)), 2, 2),
    sample(Randomised(3, 5), hamiltonians.tfim(3), FromOverlap(0.6), 2, 2),
    FieldTask(4, 6.0, 1, 8, 1),
    SharedFieldTask(3, 6.0, 2, 512, 1),
    FiniteMinimaDensity(LEVELS, 6, 128, 1),
    LearnUnitary(dim=3, n_params=9, n_starts=8, seed=1),
    GradientDescent(dim=2, n_params=4, n_starts=8, seed=1, n_steps=40, rate=0.04),
    LowestMinima(LEVELS, 12, 64, 1, n_energies=6),
    counting.CountTask(5, 6.0, 64, 1),
    counting.MinimaDensity(9, 12.0, 64, 1),
    FieldEnumeration(3, 4.0, 0, 1, 64, 1),
]


def task_classes() -> set[type]:
    """All classes of tasks in the package."""
    found = set()
    for package in (beyond, ensembles, field):
        for place in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for each in vars(importlib.import_module(place.name)).values():
                if isinstance(each, type) and each.__module__ == place.name and "run" in vars(each):
                    found.add(each)
    return {each for each in found if is_dataclass(each)} - {CircuitsTask}  # and no protocols


def digests(workers: int) -> list[str]:
    """A line for each task."""
    lines = []
    for number, table in enumerate(run_tasks(TASKS, workers=workers, cache=False)):
        digest = hashlib.sha256()
        for name, column in table.items():
            values = column.to_numpy()
            numbers = values.dtype.kind in "biufc"
            digest.update(name.encode() + (values.tobytes() if numbers else "\0".join(values).encode()))
        lines.append(f"{number}.{type(TASKS[number]).__name__} {digest.hexdigest()[:16]}")
    return lines


if __name__ == "__main__":
    print("\n".join(digests(int(sys.argv[1]) if len(sys.argv) > 1 else 1)))
