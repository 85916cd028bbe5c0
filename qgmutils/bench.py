"""Times of the compiled engine against PennyLane, as ratios within one run.

`nox -s bench` calls it.  Absolute times do not carry over to another machine or hour; the repeats of the engines are
interleaved, so that what slows one slows the other, and medians are compared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from qgmutils import circuits, files, problems
from qgmutils.engine import landscape
from qgmutils.minimize import minimize

LOSS_SIZES = ((4, 32), (6, 128), (8, 512))
REPEATS = 5


def _milliseconds(action: Callable[[], Any], work: int) -> float:
    start = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - start) / work


def _loss_and_gradient(
    n_qubits: int, n_params: int, rng: np.random.Generator
) -> dict[str, Callable[[], float]]:
    """Milliseconds per circuit of one call, by engine."""
    problem = problems.gue(n_qubits)
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng)
    starts = rng.uniform(0, np.pi, (64, n_params))
    fast = landscape(circuit, problem)
    slow = landscape(circuit, problem, engine="pennylane", device="lightning.qubit")
    return {
        "numba": lambda: _milliseconds(lambda: fast.energy_and_gradient(starts), len(starts)),
        "lightning.qubit QNode": lambda: _milliseconds(lambda: slow.energy_and_gradient(starts[:1]), 1),
    }


def _minima(n_qubits: int, n_params: int, rng: np.random.Generator) -> dict[str, Callable[[], float]]:
    problem = problems.tfim(n_qubits)
    circuit = circuits.random_circuit(n_qubits, n_params, rng=rng)
    starts = rng.uniform(0, np.pi, (8, n_params))
    fast = landscape(circuit, problem)
    slow = landscape(circuit, problem, engine="pennylane", device="lightning.qubit")
    return {
        "numba": lambda: _milliseconds(lambda: minimize(fast, starts), len(starts)),
        "lightning.qubit QNode + scipy BFGS": lambda: _milliseconds(lambda: minimize(slow, starts[:1]), 1),
    }


def measure(seed: int) -> list[dict[str, Any]]:
    """Records with the keys case, engine, n_qubits, n_params, milliseconds and ratio_to_this_engine."""
    rng = np.random.default_rng(seed)
    cases = [("loss_and_grad", n, p, REPEATS, _loss_and_gradient(n, p, rng)) for n, p in LOSS_SIZES]
    cases.append(("minima", 4, 8, 1, _minima(4, 8, rng)))
    records = []
    for case, n_qubits, n_params, repeats, engines in tqdm(cases, desc="bench"):
        engines["numba"]()  # compiles
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(repeats):
            for name, run in engines.items():
                times[name].append(run())
        medians = {name: float(np.median(values)) for name, values in times.items()}
        records += [
            {
                "case": case,
                "engine": name,
                "n_qubits": n_qubits,
                "n_params": n_params,
                "milliseconds": value,
                "ratio_to_this_engine": value / medians["numba"],
            }
            for name, value in medians.items()
        ]
    return records


def main() -> None:
    """Measure, print and write bench.json."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="circuits and starts (default 0)")
    parser.add_argument("--output", type=Path, default=Path("bench.json"), help="default bench.json")
    options = parser.parse_args()
    records = measure(options.seed)
    for r in records:
        print(
            f"{r['case']:14} n={r['n_qubits']:<2} p={r['n_params']:<4} {r['engine']:36}"
            f"{r['milliseconds']:12.4f} ms per circuit{r['ratio_to_this_engine']:12.1f} x"
        )
    with files.whole_file(options.output) as temporary:
        temporary.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
