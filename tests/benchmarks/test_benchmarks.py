"""The benchmark: peers compute the same as the compiled engine, and records, table and figure say what was measured."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cases, command, report, roofline
from benchmarks import processes as children
from benchmarks import simulators as peers
from qgmutils import circuits
from qgmutils.losses import hamiltonians

KEYS = ["case", "engine", "n_qubits", "n_params", "milliseconds", "ratio_to_this_engine", "peak_mib"]
MODULES = {"jax": "jax", "qulacs": "qulacs", "pennylane-lightning": "pennylane_lightning"}


def require(engine: peers.Engine) -> None:
    module = MODULES.get(engine.package)
    if module is not None and importlib.util.find_spec(module) is None:
        pytest.skip(f"{engine.package} is not installed; it comes with qgmutils[bench]")


@pytest.mark.parametrize("problem", ["gue", "tfim"])
@pytest.mark.parametrize("name", [name for name in peers.ENGINES if name != peers.THIS])
def test_peer_agrees(name: str, problem: str, rng: np.random.Generator) -> None:
    engine = peers.ENGINES[name]
    require(engine)
    circuit = circuits.random_circuit(2, 5, rng=rng, reference_state="zero")
    h = hamiltonians.build(problem, 2)
    theta = rng.uniform(0, np.pi, (3, 5))
    found = engine.build(circuit, h).value_and_gradient(theta)
    expected = peers.ENGINES[peers.THIS].build(circuit, h).value_and_gradient(theta)
    cases.require_agreement(name, "results", found, expected)
    # Rounding of a few dozen operations on numbers of order one.
    np.testing.assert_allclose(found[1], expected[1], atol=1e-12)


@pytest.mark.parametrize("problem", ["gue", "tfim"])
def test_hessian_of_the_scan_agrees(problem: str, rng: np.random.Generator) -> None:
    require(peers.ENGINES[peers.JAX_SCAN])
    circuit = circuits.random_circuit(3, 6, rng=rng, reference_state="zero")
    h = hamiltonians.build(problem, 3)
    theta = rng.uniform(0, np.pi, (1, 6))
    found = peers.JaxScan(circuit, h).hessian(theta)
    np.testing.assert_allclose(found, peers.landscape(circuit, h).hessian(theta), atol=1e-11)


def test_peers_refuse_other_circuits(rng: np.random.Generator) -> None:
    plain = circuits.random_circuit(2, 4, rng=rng, reference_state="zero")
    assert peers.plain(plain) is plain
    for other in (
        circuits.random_circuit(2, 4, rng=rng),
        circuits.random_circuit(2, 4, rng=rng, n_gates=6, reference_state="zero"),
        dataclasses.replace(plain, scale=2 * plain.scale),
        dataclasses.replace(plain, offset=plain.offset + 0.5),
    ):
        with pytest.raises(ValueError, match="one gate an angle"):
            peers.plain(other)


@pytest.mark.parametrize(
    ("found", "agrees"),
    [(1.0 + 1e-9, True), (1.0 + 1e-7, False), (math.nan, False), (np.ones(2), False)],
)
def test_disagreement_is_an_error_that_names_the_engine(found: object, agrees: bool) -> None:
    expected = (np.float64(1.0),)
    if agrees:
        cases.require_agreement("some engine", "energies", (found,), expected)
    else:
        with pytest.raises(cases.Disagreement, match=r"some engine disagrees.*energies"):
            cases.require_agreement("some engine", "energies", (found,), expected)


class Slow:
    """An evaluator that counts its calls."""

    calls = 0

    def value_and_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        return np.sum(theta**2, axis=1), 2 * theta


def test_time_is_per_start_and_calls_are_repeated() -> None:
    server = children.Server(peers.THIS)
    server.evaluator = Slow()
    assert 0 < server.time("value_and_gradient", np.ones((4, 2)), least=0.01) <= 1e3 * 0.02
    assert server.evaluator.calls > 1


def test_search_counts_every_evaluation() -> None:
    server = children.Server(peers.THIS)
    server.evaluator = Slow()
    reached, evaluations, _ = server.search(np.ones((3, 2)))
    assert (reached, evaluations) == (3, server.evaluator.calls)


def test_medians_of_interleaved_repeats() -> None:
    order: list[str] = []

    def run(name: str, times: list[float]) -> float:
        order.append(name)
        return times[order.count(name) - 1]

    medians = cases.interleaved(
        {"a": lambda: run("a", [1, 9, 2]), "b": lambda: run("b", [4, 5, 6])}, repeats=3
    )
    assert medians == {"a": 2, "b": 5}
    assert order == ["a", "b"] * 3


def test_flops_grow_with_gates_and_dimension() -> None:
    count = roofline.flops(3, 5)
    assert count == 16 * 5 * 8
    assert roofline.flops(4, 10) == 4 * count


def test_chains_compute_what_they_say() -> None:
    # x <- x/2 + 1/4 forgets its start and ends at 1/2.
    assert roofline._chains6(100, 0.5, 0.25) == roofline.LANES * 6 / 2
    assert roofline._chains12(100, 0.5, 0.25) == roofline.LANES * 12 / 2


def test_child_is_given_up_after_its_limit() -> None:
    child = children.Child(peers.THIS)
    with pytest.raises(children.PeerError, match=r"this engine: no result within 0 s"):
        child.ask("call", "energy", np.zeros((1, 1)), limit=0.0)
    assert not child._process.is_alive()


def test_records_of_a_run(rng: np.random.Generator, tmp_path: Path) -> None:
    said: list[str] = []
    engines = cases.Engines(said.append, (peers.THIS, peers.QULACS))
    try:
        records = cases.loss_and_grad(engines, "tfim", 2, 4, 1, rng)
    finally:
        engines.close()
    assert [r["engine"] for r in records] == [peers.THIS, peers.QULACS]
    assert all(list(r)[: len(KEYS)] == KEYS for r in records)
    this, other = records
    assert this["ratio_to_this_engine"] == 1
    if importlib.util.find_spec("qulacs") is None:
        assert other["milliseconds"] is None
        assert "qulacs is not installed" in other["note"]
        assert said == [f"qulacs: {other['note']}; going on without it"]
    else:
        assert said == []
        assert other["ratio_to_this_engine"] == other["milliseconds"] / this["milliseconds"] > 0
    json.dumps(records, allow_nan=False)
    assert report.table(records).count("\n") == 2


def test_figure_shows_every_case(tmp_path: Path) -> None:
    time = {"milliseconds": 1.0, "problem": "GUE"}
    records = [
        cases.record("loss_and_grad", peers.THIS, 4, 32, ratio=1.0, **time),
        cases.record("loss_and_grad", peers.QULACS, 4, 32, ratio=50.0, **time),
        cases.record("loss_and_grad", peers.JITTED, 4, 32, problem="GUE", note="did not compile"),
        cases.record("hessian", peers.JAX_SCAN, 4, 32, ratio=2.0, **time),
        cases.record("minima", f"{peers.LIGHTNING}, scipy", 4, 32, ratio=1e4, extrapolated=True, **time),
        cases.record("roofline", peers.THIS, 6, 128, share_of_peak=0.5, peak_gflops=50.0, **time),
        cases.record("growth", peers.THIS, 6, 64, relative_to_median=1.0, **time),
        cases.record("memory", peers.THIS, 6, 64, peak_mib=0.25),
    ]
    fig = report.figure(records)
    assert [ax.get_title() for ax in fig.axes] == [
        "loss and gradient",
        "Hessian, certified minima",
        "this engine on one core",
    ]
    texts = {text.get_text() for ax in fig.axes for text in ax.texts}
    assert {"50", "2", "10,000\nextrapolated"} <= texts
    assert [path.suffix for path in report.save(records, tmp_path / "bench.json")] == [".png", ".pdf"]
    assert all((tmp_path / f"bench.{kind}").stat().st_size > 1000 for kind in ("png", "pdf"))
    assert report.save(records[-1:], tmp_path / "memory.json") == []  # has no panel
    words = report.table(records)
    for word in ("did not compile", "50% of the peak", "extrapolated", "0.2 MiB"):
        assert word in words


def test_jobs_are_those_that_were_chosen() -> None:
    engines = cases.Engines(print)
    everything = command.jobs(command.CASES, cases.FULL, engines, 0, print)
    assert {name.split()[0] for name, _ in everything} == set(command.CASES)
    chosen = command.jobs(("hessian",), cases.FULL, engines, 0, print)
    assert [name for name, _ in chosen] == [name for name, _ in everything if name.startswith("hessian")]


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--case", "nothing"]])
def test_wrong_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert arguments[0] in capsys.readouterr().err
