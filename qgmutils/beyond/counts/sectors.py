"""What symmetry saves: circuits within sectors of the Fermi-Hubbard chain, and QAOA, against the whole register.

In a sector of dimension d, whose circuits reach all of its states, a ground state of multiplicity g poses 2 (d - g)
equations, whatever the register's size (docs/symmetry_reduction.md; derived).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qgmutils.beyond.counts import equations
from qgmutils.circuits.conserving import Conserving, Groups, spin_groups
from qgmutils.circuits.qaoa import Qaoa
from qgmutils.circuits.randomised import Randomised
from qgmutils.circuits.symmetrised import Symmetries, Symmetrised, reflection, spin_flip, symmetric_basis
from qgmutils.computing.threads import one_thread
from qgmutils.ensembles import transitions
from qgmutils.ensembles.model import Model
from qgmutils.ensembles.sampling import FisherRanks, SampleTask
from qgmutils.ensembles.tasks import run_ensembles
from qgmutils.inputs import require_integer
from qgmutils.losses.energy import Energy
from qgmutils.losses.hamiltonians import Hamiltonian
from qgmutils.losses.max_cut import Edges, MaxCut

Array = NDArray[np.float64]

REPULSION = 2.0
"""U of the chain whose sectors are trained, in units of its hopping: the one of which most numbers are published."""

PUBLISHED = (
    # Sites, U, whether in the half-filled ground sector, its dimension, m; Michalek, arXiv:2609.27488.
    (2, 4.0, False, 16, 20.57),
    (2, 2.0, False, 16, 32.00),
    (3, 2.0, False, 64, 215.10),
    (4, 2.0, False, 256, 1096.54),
    (2, 2.0, True, 2, 2.0),
    (4, 2.0, True, 13, 44.68),
)
PRINTED = 0.005
"""Half a unit of the last digit of the published m."""

SYMMETRIES = ("none", "particle numbers", "and reflection, spin flip")
"""What a sector is restricted by, from the whole register down."""

_NEAR = 4  # angles beyond the equations up to which redundant ones are looked for

_SAME = 1e-9  # levels closer than this, in units of the register's mean level, are one


class Case(NamedTuple):
    """What a model is called, and what is predicted for it: columns of tables.

    Attributes
    ----------
    family : {"sector", "register", "QAOA"}
    case : str
    n_qubits : int
    dimension : int
        d, of the space of all states with the model's symmetries.
    degeneracy : int
        g, multiplicity of the lowest level in that space.
    states : int
        2d - 2, real dimension of its states.
    equations : int
        2 (d - g), how many a ground state in it poses.
    field_count : float
        2m - 2 with the m of the levels in it.
    """

    family: str
    case: str
    n_qubits: int
    dimension: int
    degeneracy: int
    states: int
    equations: int
    field_count: float


@dataclass(frozen=True)
class SectorEnergy:
    """The energy in a sector, normalised there: 0 in its ground state, 1 for the mean of its levels.

    Outside of the sector the operator is the identity, so that the mean of all levels is 1 as well.  Circuits that stay
    in the sector never see that part.

    Attributes
    ----------
    hamiltonian : Hamiltonian
        One that conserves the sector.
    groups, symmetries
        As of `circuits.Conserving` and `circuits.symmetrised.Symmetrised`.
    """

    hamiltonian: Hamiltonian
    groups: Groups
    symmetries: Symmetries = ()

    @property
    def n_qubits(self) -> int:
        """Number of qubits n of the register."""
        return self.hamiltonian.n_qubits

    def basis(self) -> Array:
        """Orthonormal states of the sector, shape (2^n, d)."""
        return symmetric_basis(self.n_qubits, self.groups, self.symmetries)

    def build(self) -> Energy:
        """The loss, made once for all the tasks that a process runs in a row."""
        return _sector_energy(self)


@functools.lru_cache(maxsize=4)
def _sector_energy(sector: SectorEnergy) -> Energy:
    whole, basis = sector.hamiltonian.build(), sector.basis()
    levels = sector_levels(sector)
    dim, size, width = whole.dim, len(levels), levels.mean() - levels[0]
    inside = (basis.T @ whole.matrix @ basis - levels[0] * np.eye(size)) / width
    matrix = np.eye(dim) + basis @ (inside - np.eye(size)) @ basis.T
    every = np.sort(np.append((levels - levels[0]) / width, np.ones(dim - size)))
    ground, mean = (whole.ground_energy + whole.unit * level for level in (levels[0], levels.mean()))
    return Energy("sector", sector.n_qubits, (matrix + matrix.conj().T) / 2, every, ground, mean)


def sector_levels(sector: SectorEnergy) -> Array:
    """Levels in the sector, ascending, shape (d,), where those of the whole register are 0 to 1 on the mean."""
    basis = sector.basis()
    with one_thread():
        levels = np.linalg.eigvalsh(basis.T @ sector.hamiltonian.build().matrix @ basis)
    return np.asarray(levels, dtype=np.float64)


def degrees_of_freedom(levels: Array) -> float:
    """m = d^2 / sum (h_a - 1)^2 of d ascending levels, h_a normalised to 0 for the lowest and 1 for the mean."""
    normalised = (levels - levels[0]) / (levels.mean() - levels[0])
    return float(len(levels) ** 2 / np.sum((normalised - 1) ** 2))


def chain(n_sites: int, repulsion: float = REPULSION) -> Hamiltonian:
    """The open Fermi-Hubbard chain with hopping 1, on two qubits a site."""
    return Hamiltonian("fermi_hubbard", 2 * n_sites, (("U", repulsion),))


def half_filled(
    n_sites: int, repulsion: float = REPULSION, *, symmetries: Iterable[str] = ()
) -> SectorEnergy:
    """The sector of the lowest level with half of all modes of either spin filled.

    Parameters
    ----------
    n_sites : int
        Even.
    repulsion : float
    symmetries : iterable of {"reflection", "spin flip"}
        What the sector is restricted to; eigenvalues are those of the lowest level.
    """
    n, half = 2 * n_sites, n_sites // 2
    orders = {"reflection": reflection(n), "spin flip": spin_flip(n)}
    chosen = [orders[name] for name in symmetries]
    found = []
    for signs in itertools.product((1, -1), repeat=len(chosen)):
        pairs = tuple(zip(chosen, signs, strict=True))
        sector = SectorEnergy(chain(n_sites, repulsion), spin_groups(n, half, half), pairs)
        if sector.basis().shape[1]:
            found.append((sector_levels(sector)[0], signs, sector))
    return min(found, key=lambda item: item[0])[2]


def published() -> pd.DataFrame:
    """The published m beside ours, of the register and of the half-filled ground sector.

    Returns
    -------
    DataFrame
        n_sites, U, sector (bool), published_dimension, dimension, published, m.
    """
    rows = []
    for sites, repulsion, is_sector, size, number in PUBLISHED:
        if is_sector:
            levels = sector_levels(half_filled(sites, repulsion, symmetries=("reflection", "spin flip")))
        else:
            levels = chain(sites, repulsion).build().levels
        head = {"n_sites": sites, "U": repulsion, "sector": is_sector, "published_dimension": size}
        rows.append(head | {"dimension": len(levels), "published": number, "m": degrees_of_freedom(levels)})
    return pd.DataFrame(rows)


def reductions(n_sites: Iterable[int]) -> pd.DataFrame:
    """m and the count of equations of the register, and at half filling with more and more symmetries.

    Parameters
    ----------
    n_sites : iterable of int
        Even numbers.

    Returns
    -------
    DataFrame
        n_sites, symmetries (one of `SYMMETRIES`), case (its name among those that are trained), dimension, equations
        = 2 (d - g), m, register_m (that of the register).
    """
    rows = []
    for sites in n_sites:
        half = f"{sites // 2} + {sites // 2}"
        kinds = {
            "register": chain(sites).build().levels,
            half: sector_levels(half_filled(sites)),
            f"{half}, R, F": sector_levels(half_filled(sites, symmetries=("reflection", "spin flip"))),
        }
        whole = degrees_of_freedom(kinds["register"])
        for symmetries, (name, levels) in zip(SYMMETRIES, kinds.items(), strict=True):
            row = {"n_sites": sites, "symmetries": symmetries, "case": f"{sites} sites, {name}"}
            row |= {"dimension": len(levels), "equations": 2 * (len(levels) - _degeneracy(levels))}
            rows.append(row | {"m": degrees_of_freedom(levels), "register_m": whole})
    return pd.DataFrame(rows)


def _degeneracy(levels: Array) -> int:
    return int(np.sum(levels <= levels[0] + _SAME))


def sector_cases(max_dimension: int) -> dict[Case, Model]:
    """Sectors of chains of two to four sites whose circuits are trained.

    Particle numbers are those of spin up and down ("1 + 1"), or their sum alone ("N = 1"); two sectors are restricted
    to the eigenvalues of reflection and spin flip ("R, F") as well.

    Parameters
    ----------
    max_dimension : int
        Largest dimension d of a sector, at least 2.
    """
    most = require_integer(max_dimension, "max_dimension", low=2)
    sectors = {
        "2 sites, 1 + 1, R, F": half_filled(2, symmetries=("reflection", "spin flip")),
        "2 sites, N = 1": SectorEnergy(chain(2), ((tuple(range(4)), 1),)),
        "2 sites, 1 + 1": half_filled(2),
        "3 sites, N = 1": SectorEnergy(chain(3), ((tuple(range(6)), 1),)),
        "3 sites, 1 + 1": SectorEnergy(chain(3), spin_groups(6, 1, 1)),
        "4 sites, 2 + 2, R, F": half_filled(4, symmetries=("reflection", "spin flip")),
        "3 sites, N = 3": SectorEnergy(chain(3), ((tuple(range(6)), 3),)),
        "4 sites, 2 + 1": SectorEnergy(chain(4), spin_groups(8, 2, 1)),
        "4 sites, 2 + 2": half_filled(4),
    }
    small = {name: sector for name, sector in sectors.items() if sector.basis().shape[1] <= most}
    return dict(itertools.starmap(sector_case, small.items()))


def sector_case(name: str, sector: SectorEnergy) -> tuple[Case, Model]:
    """A sector as a case of that name, with its model, of one angle."""
    circuit: Any = Conserving(sector.n_qubits, 1, groups=sector.groups)
    if sector.symmetries:
        circuit = Symmetrised(sector.n_qubits, 1, groups=sector.groups, symmetries=sector.symmetries)
    return _case("sector", name, sector_levels(sector), sector.n_qubits), Model(circuit, sector)


def register_cases(n_qubits: Iterable[int]) -> dict[Case, Model]:
    """The randomised model on whole registers of Fermi-Hubbard chains, of even numbers of qubits."""
    return {
        _case("register", f"{n // 2} sites, register", chain(n // 2).build().levels, n): Model(
            Randomised(n, 1), chain(n // 2)
        )
        for n in n_qubits
    }


def _case(family: str, name: str, levels: Array, n_qubits: int) -> Case:
    size, g = len(levels), _degeneracy(levels)
    field = 2 * degrees_of_freedom(levels) - 2
    return Case(family, name, n_qubits, size, g, 2 * size - 2, 2 * (size - g), field)


class Graph(NamedTuple):
    """A graph: its edges, and their weights, all 1 if there are none."""

    edges: Edges
    weights: tuple[float, ...] = ()


def weighted_graph(n_vertices: int, rng: np.random.Generator) -> Graph:
    """All pairs of vertices, with weights uniform in 0.5 ... 1.5: it has no automorphism but the identity."""
    n_vertices = require_integer(n_vertices, "n_vertices", low=2)
    edges = tuple(itertools.combinations(range(n_vertices), 2))
    return Graph(edges, tuple(map(float, rng.uniform(0.5, 1.5, len(edges)))))


def star(n_vertices: int) -> Graph:
    """Vertex 0 joined to all others, which may be exchanged."""
    return Graph(tuple((0, other) for other in range(1, require_integer(n_vertices, "n_vertices", low=2))))


def tailed_triangle(n_vertices: int) -> Graph:
    """A triangle with a path at one of its corners; the other two corners may be exchanged."""
    n_vertices = require_integer(n_vertices, "n_vertices", low=3)
    tail = tuple((other, other + 1) for other in range(2, n_vertices - 1))
    return Graph(((0, 1), (0, 2), (1, 2), *tail))


def orbits(graph: Graph, n_vertices: int) -> tuple[int, int]:
    """Dimensions of the states of QAOA, and of the largest cuts among them, if nothing but symmetry restricts them.

    The states are even under the flip of all qubits and under all automorphisms of the graph, so that there is one for
    each orbit of basis states (derived); all automorphisms are tried.

    Parameters
    ----------
    graph : Graph
    n_vertices : int
        n, so that 2^n n! permuted states are few.

    Returns
    -------
    dimension, degeneracy : int
    """
    weights = graph.weights or (1.0,) * len(graph.edges)
    known = {frozenset(edge): weight for edge, weight in zip(graph.edges, weights, strict=True)}
    states, bits = np.arange(2**n_vertices), range(n_vertices)
    smallest = np.minimum(states, states[::-1])  # the flip of all qubits reverses the order
    for order in itertools.permutations(bits):
        if all(known.get(frozenset(order[end] for end in edge)) == weight for edge, weight in known.items()):
            image = np.zeros_like(states)
            for k in bits:
                image += (states >> n_vertices - 1 - k & 1) << n_vertices - 1 - order[k]
            smallest = np.minimum(smallest, np.minimum(image, image[::-1]))
    loss = MaxCut(n_qubits=n_vertices, edges=graph.edges, weights=graph.weights).build()
    best = np.diagonal(loss.matrix).real < _SAME
    return len(np.unique(smallest)), len(np.unique(smallest[best]))


def graph_cases(n_qubits: Iterable[int], *, seed: int) -> dict[Case, Model]:
    """QAOA on complete graphs of random weights, and from four vertices on on stars and on triangles with a tail.

    Parameters
    ----------
    n_qubits : iterable of int
        Numbers of vertices, at least 3.
    seed : int
        Chooses the weights.
    """
    found = {}
    for n in n_qubits:
        rng = np.random.default_rng(np.random.SeedSequence([seed, n]))
        graphs = {"random weights": weighted_graph(n, rng)}
        if n >= 4:
            graphs |= {"star": star(n), "triangle with a tail": tailed_triangle(n)}
        for kind, graph in graphs.items():
            name = f"{kind}, n = {n}"
            size, g = orbits(graph, n)
            cut = MaxCut(n_qubits=n, edges=graph.edges, weights=graph.weights)
            field = 2 * cut.build().degrees_of_freedom - 2
            case = Case("QAOA", name, n, size, g, 2 * size - 2, 2 * (size - g), field)
            found[case] = Model(Qaoa(n, 1, edges=graph.edges, weights=graph.weights), cut)
    return found


def counts_of(case: Case) -> set[int]:
    """Counts p: d, 2d and 3d, which know neither g nor m; around 2 (d - g); and the nearest to 2m - 2."""
    blind = {case.dimension * k for k in (1, 2, 3)}
    return blind | {case.equations + k for k in (-2, -1, 0, 1, 2, 4, 6)} | {round(case.field_count)}


def minima(models: Mapping[Case, Model], *, n_circuits: int, seed: int) -> pd.DataFrame:
    """One start in each of `n_circuits` circuits for every case and count.

    Returns
    -------
    DataFrame
        As of `transitions.train_counts` with the columns of `Case`; offset (n_params - equations); redundant, whether
        some angles of a random circuit add nothing: the rank of its metric at random angles is below p and 2d - 2.
        This is looked at for p = equations ... equations + 4, since further angles hardly all repeat others.
    """
    plan = {case: (model, counts_of(case)) for case, model in models.items()}
    found = transitions.train_counts(plan, names=list(Case._fields), n_circuits=n_circuits, seed=seed)
    tasks = {
        (case, p): SampleTask(
            model=model.with_params(p), quantity=FisherRanks(), n_circuits=n_circuits, seed=seed
        )
        for case, (model, counts) in plan.items()
        for p in counts
        if case.equations <= p <= case.equations + _NEAR and case.family != "QAOA"
    }
    keys = ["case", "n_params", "circuit"]
    # Circuits whose angles are ordered have a row for every shorter circuit as well.
    parts = [
        table[table["n_params"] == p].assign(case=case.case)
        for (case, p), table in run_ensembles(tasks, label="ranks").items()
    ]
    found = found.merge(pd.concat(parts)[[*keys, "rank"]], on=keys, how="left", validate="one_to_one")
    full = np.minimum(found["n_params"], found["states"])
    return found.assign(offset=found["n_params"] - found["equations"], redundant=found["rank"] < full)


def zeros(models: Mapping[Case, Model], *, n_circuits: int = 2, n_points: int = 4, seed: int) -> pd.DataFrame:
    """Ranks of Hessians at zeros, and of metrics, of deep circuits: 4d + 8 angles, twice what all states need.

    Returns
    -------
    DataFrame
        Columns of `Case`; hessian and metric, the largest ranks, the former NaN without any zero; found, how many.
    """
    deep = {case: model.with_params(4 * case.dimension + 8) for case, model in models.items()}
    found = equations.zero_ranks(deep, n_circuits=n_circuits, n_starts=n_points, seed=seed)
    return pd.DataFrame(
        case._asdict() | {"hessian": ranks.hessian, "metric": ranks.metric, "found": ranks.zeros}
        for case, ranks in found.items()
    )
