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
from qgmutils.beyond.ansatz.minima import StartsTask
from qgmutils.beyond.ansatz.shared_angles import SharedFieldTask, SharedMinimaTask
from qgmutils.beyond.ansatz.states import RankTask, StatesTask
from qgmutils.beyond.edge_samples import EdgeTask
from qgmutils.beyond.finite_dimension.counts import FiniteMinimaDensity
from qgmutils.beyond.traps.basins import BasinTask
from qgmutils.beyond.traps.lowest_minima import LowestMinima
from qgmutils.beyond.traps.own_optimum import SearchTask
from qgmutils.beyond.traps.rotated import RotatedSearchTask
from qgmutils.computing.tasks import run_tasks
from qgmutils.ensembles import count_law
from qgmutils.ensembles.ensembles import CircuitEnumeration, MinimaTask
from qgmutils.ensembles.sampling import FieldTask, HessianTask, LossTask, RayTask
from qgmutils.field import counting
from qgmutils.field.critical_points import FieldEnumeration
from qgmutils.losses import hamiltonians

LEVELS = tuple(map(float, hamiltonians.tfim(3).levels))
TASKS = [
    # H as Pauli words, sparse, of low rank and dense; BFGS and L-BFGS.
    MinimaTask("tfim", (), 4, 12, "haar", 0, 1, 8, 1),
    MinimaTask("fermi_hubbard", (), 4, 13, "clifford", 0, 1, 8, 1),
    MinimaTask("projector", (("rank", 2),), 3, 10, "zero", 0, 1, 8, 1),
    MinimaTask("gue", (), 4, 260, "haar", 0, 1, 2, 1),
    CircuitEnumeration("tfim", (), 3, 3, "haar", 0, 1, 1),
    LossTask("gue", (), 4, 11, 0, 2, 8, 1),
    RayTask("tfim", (), 4, 11, 0, 1, 8, 1),
    HessianTask("tfim", (), 5, 21, 0, 1, 2, 1),
    HessianTask("projector", (("rank", 2),), 4, 9, 0, 1, 2, 1, points="minimum"),
    FieldTask(4, 6.0, 1, 8, 1),
    count_law.CountTask("even real", "flat", 2, 3, 9, 0, 1, 8, 1),
    count_law.FisherRankTask("complex", 3, 17, 1, 1),
    StartsTask("brickwork", "zero", "tfim", 3, (), 9, 0, 3, 1),
    StatesTask("brickwork", "haar", "tfim", 3, (), 9, 8, 1),
    RankTask("brickwork", "zero", 3, 17, 1, 1),
    SharedMinimaTask(2, 3, 2, 3, 0, 1, 16, 1),
    SharedFieldTask(3, 6.0, 2, 512, 1),
    FiniteMinimaDensity(LEVELS, 6, 128, 1),
    LowestMinima(LEVELS, 12, 64, 1, n_energies=6),
    EdgeTask(3.0, 0.4, 0.2, 1.0, "circuit", 32, 3, 1),
    EdgeTask(3.0, 0.4, 0.2, 1.0, "independent", 32, 3, 1),
    counting.CountTask(5, 6.0, 64, 1),
    counting.MinimaDensity(9, 12.0, 64, 1),
    FieldEnumeration(3, 4.0, 0, 1, 64, 1),
    BasinTask("tfim", (), 3, 3, 0, 1, 32, 1),
    SearchTask("tfim", (), 3, 6, "haar", 0, 1, 64, 1),
    RotatedSearchTask(LEVELS, 4, 0, 1, 4, 1),
]


def task_classes() -> set[type]:
    """All classes of tasks in the package."""
    found = set()
    for package in (beyond, ensembles, field):
        for place in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for each in vars(importlib.import_module(place.name)).values():
                if isinstance(each, type) and each.__module__ == place.name and "run" in vars(each):
                    found.add(each)
    return {each for each in found if is_dataclass(each)}  # and no protocols


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
