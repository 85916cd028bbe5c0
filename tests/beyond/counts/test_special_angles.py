"""Sub-families of angles in which zeros below the count are regular."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qgmutils.beyond.counts import equations, one_law, special_angles
from qgmutils.circuits.circuit import Circuit
from qgmutils.circuits.randomised import Randomised
from qgmutils.engine.landscape import Landscape, landscape
from qgmutils.ensembles import transitions
from qgmutils.losses import hamiltonians
from qgmutils.minimize import minimize


def on_zero(n: int, p: int, rng: np.random.Generator) -> Circuit:
    return Randomised(n, p, reference_state="zero").build(rng)


@pytest.mark.parametrize("scale", [1.0, -1.0, 0.5])
def test_the_other_angles_make_the_same_states(scale: float, rng: np.random.Generator) -> None:
    drawn = on_zero(3, 9, rng)
    gates = {name: getattr(drawn, name) for name in ("x", "z")}
    # Angles 7 and 8 drive a second gate each.
    parameter = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8])
    parameter[:2] = 7, 8
    circuit = Circuit(
        3,
        9,
        **gates,
        parameter=parameter,
        scale=np.full(9, scale),
        offset=np.linspace(0, 1, 9),
        reference=drawn.reference,
    )
    theta = rng.uniform(0, np.pi, 9)
    held = np.zeros(9, dtype=bool)
    held[[2, 3, 7]] = True
    theta[[2, 3]] = np.pi / 4, -np.pi / 2
    loss = hamiltonians.tfim(3)
    before = landscape(circuit, loss).states(theta[None])[0]
    smaller = special_angles.held_at(circuit, theta, held)
    after = landscape(smaller, loss).states(theta[None, ~held])[0]
    assert smaller.n_params == 6
    assert abs(np.vdot(before, after)) == pytest.approx(1, abs=1e-12)


def zero_below(n: int, p: int) -> tuple[Landscape, np.ndarray]:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        surface = landscape(on_zero(n, p, rng), hamiltonians.tfim(n))
        found = minimize(surface, rng.uniform(0, np.pi, (4, p)))
        if found.loss.min() < transitions.ZERO:
            return surface, found.theta[np.argmin(found.loss)]
    raise AssertionError("no zero was found")


@pytest.mark.parametrize(("n", "p"), [(2, 5), (3, 11)])
def test_zeros_below_the_count_are_regular_in_a_smaller_family(n: int, p: int) -> None:
    surface, zero = zero_below(n, p)
    smaller, rest = special_angles.sub_family(surface, zero)
    assert rest.size == special_angles.fewest(n) < p < 2 * 2**n - 2
    assert smaller.value(rest[None])[0] < transitions.ZERO
    assert equations.hessian_rank(smaller, rest[None]) == rest.size
    assert special_angles.dimension(smaller, np.random.default_rng(1)) == rest.size


def test_a_generic_zero_keeps_its_angles(rng: np.random.Generator) -> None:
    surface = landscape(Randomised(2, 6).build(rng), hamiltonians.tfim(2))
    zeros = minimize(surface, rng.uniform(0, np.pi, (64, 6)))
    zero = zeros.theta[np.argmin(zeros.loss)]
    assert zeros.loss.min() < transitions.ZERO
    smaller, rest = special_angles.sub_family(surface, zero)
    assert rest.size == equations.hessian_rank(smaller, rest[None])
    assert special_angles.dimension(smaller, rng) == 6


def test_dimension_is_that_of_the_words_that_are_left(rng: np.random.Generator) -> None:
    loss = hamiltonians.tfim(2)
    state = np.eye(4)[0].astype(complex)
    ones = {"scale": np.ones(2), "offset": np.zeros(2), "reference": state}
    # X on either qubit: a torus; X and Y on the first qubit: its sphere.
    torus = Circuit(2, 2, x=np.array([2, 1]), z=np.array([0, 0]), parameter=np.arange(2), **ones)
    sphere = Circuit(2, 2, x=np.array([2, 2]), z=np.array([0, 2]), parameter=np.arange(2), **ones)
    assert special_angles.dimension(landscape(torus, loss), rng) == 2
    assert special_angles.dimension(landscape(sphere, loss), rng) == 2
    phases = Circuit(2, 2, x=np.array([0, 0]), z=np.array([2, 1]), parameter=np.arange(2), **ones)
    assert special_angles.dimension(landscape(phases, loss), rng) == 0


def test_the_table_has_the_zeros_of_classes_that_are_not_generic() -> None:
    names = ("random words on |0…0⟩", "fidelity")
    cases = {(name, 2): one_law.posed(name, 2, seed=2022) for name in names}
    found = special_angles.zeros_below(cases, n_circuits=12, seed=1)
    assert set(found["model"]) == {names[0]}
    assert (found["n_params"] < 6).all()
    assert (found["loss"] < transitions.ZERO).all()
    assert (found["fewest"] == 1).all()
    assert (found["free"] == 1).mean() >= 0.9
    none = special_angles.zeros_below({("fidelity", 2): cases["fidelity", 2]}, n_circuits=2, seed=1)
    assert isinstance(none, pd.DataFrame)
    assert none.empty
    assert list(none) == list(found)
