"""Laws of two ensembles of each Hamiltonian, at angles and qubits of which the claims are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

Namespace = dict[str, Any]


def namespace() -> Namespace:
    laws = pd.DataFrame(
        {
            "model": ["main", "main", "contrast", "contrast"],
            "n_params": [16, 4, 16, 4],
            "n_qubits": [8, 6, 6, 6],
            "skewness": [0.98, 0.5, 0.0, 0.0],
            "skewness_se": 0.02,
            "slope": [0.98, 0.5, 0.02, 0.5],
            "slope_se": 0.02,
            "slope_exact": [0.98, 0.92, 0.0, 0.0],
            "haar_p": [0.5, 1e-9, 0.3, 1e-9],
        }
    )
    rays = {"z": [0.3, -2.0, 1.1], "hamiltonian": "TFIM ring", "n_params": 16, "distance": [0, 1, 2]}
    return {"laws": laws, "correlations": pd.DataFrame(rays), "middle": 6, "largest": 8}


def law(row: int, **values: float) -> Callable[[Namespace], None]:
    def change(variables: Namespace) -> None:
        variables["laws"].loc[row, list(values)] = list(values.values())

    return change


def z(value: float) -> Callable[[Namespace], None]:
    return lambda variables: variables["correlations"].__setitem__("z", [0.0, value, 0.0])


def keep(condition: str) -> Callable[[Namespace], None]:
    return lambda variables: variables.__setitem__("laws", variables["laws"].query(condition))


YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"
# Five standard errors of 512 circuits are 5.06 of those given.
CHANGES = {
    "01.gamma_law": {YES: law(0, skewness=1.2), NO: law(0, skewness=0.79), OPEN: law(0, skewness_se=0.1)},
    "01.gradient_law": {YES: law(0, slope=1.2), NO: law(0, slope=1.21), OPEN: keep("model == 'contrast'")},
    "01.correlation": {YES: z(5.0), NO: z(-5.1), OPEN: z(float("nan"))},
    "01.haar_law": {YES: law(0, haar_p=6e-5), NO: law(0, haar_p=4e-5), OPEN: keep("n_params < 16")},
    "01.third_moment": {
        YES: law(2, slope=-0.1),
        NO: law(2, slope=0.11),
        OPEN: law(2, slope=0.81, slope_exact=0.8),
    },
}
