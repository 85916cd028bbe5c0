import pickle

import numpy as np
import pytest

from qgmutils.losses.max_cut import MaxCut

EDGES, WEIGHTS = ((0, 1), (2, 1), (0, 2), (2, 3)), (0.3, 1.1, 0.7, -0.5)


@pytest.mark.parametrize("weights", [(), WEIGHTS])
def test_energies_are_the_weights_that_are_cut(weights):
    recipe = MaxCut(n_qubits=4, edges=EDGES, weights=weights)
    loss = recipe.build()
    cuts = []
    for k in range(16):
        side = format(k, "04b")  # wire 0 first
        cuts.append(sum(w for (a, b), w in zip(EDGES, weights or (1,) * 4) if side[a] != side[b]))
    best, mean = max(cuts), sum(weights or (1,) * 4) / 2
    assert np.mean(cuts) == pytest.approx(mean)
    np.testing.assert_allclose(loss.matrix, np.diag((best - np.array(cuts)) / (best - mean)), atol=1e-14)
    assert (loss.ground_energy, loss.mean_energy) == pytest.approx((-best, -mean))
    assert loss.ground_degeneracy % 2 == 0
    assert loss.floor == 0


def test_the_largest_cut_of_a_weighted_triangle():
    loss = MaxCut(n_qubits=3, edges=((0, 1), (1, 2), (0, 2)), weights=(1.0, 2.0, 4.0)).build()
    assert loss.ground_energy == pytest.approx(-6)  # all but the lightest edge
    assert loss.ground_degeneracy == 2


def test_recipes_are_values():
    recipe = MaxCut(n_qubits=np.int64(4), edges=[[0, 1], (2, 1)], weights=[1, np.float64(2)])
    assert recipe == MaxCut(n_qubits=4, edges=((0, 1), (1, 2)), weights=(1.0, 2.0))
    copy = pickle.loads(pickle.dumps(recipe))
    assert (copy, hash(copy)) == (recipe, hash(recipe))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_qubits": 0}, "n_qubits must be"),
        ({"edges": ((0, 3),)}, "an end of an edge must be an integer of at most 2, got 3"),
        ({"edges": ((1, 1),)}, r"an edge joins two different qubits, got \(1, 1\)"),
        ({"edges": ((0, 1, 2),)}, r"an edge joins two different qubits, got \(0, 1, 2\)"),
        ({"edges": ((0, 1), (1, 0))}, "a graph needs edges, each of them once"),
        ({"edges": 3}, "edges must be pairs of qubits, and weights numbers; got 3"),
        ({"weights": (1.0, 2.0)}, "weights must be one number other than 0 for each of 1 edges"),
        ({"weights": (0.0,)}, "weights must be one number other than 0"),
        ({"weights": (float("nan"),)}, "a weight must be one finite number"),
    ],
)
def test_what_is_no_graph(options, message):
    with pytest.raises(ValueError, match=message):
        MaxCut(**({"n_qubits": 3, "edges": ((0, 1),)} | options))
