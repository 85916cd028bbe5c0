"""The benchmark: simulators compute the same as the compiled engine, and records say what was measured."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks import cases, command, report, roofline, simulators
from benchmarks.cases import Record, Simulators
from benchmarks.processes import OverLimitError, Process, UnavailableError, Worker
from benchmarks.simulators import JAX_SCAN, JITTED, LIGHTNING, QULACS, SIMULATORS, THIS, Simulator
from qgmutils import circuits
from qgmutils.losses import hamiltonians

MODULES = {"jax": "jax", "qulacs": "qulacs", "pennylane-lightning": "pennylane_lightning"}


def require(simulator: Simulator) -> None:
    module = MODULES.get(simulator.package)
    if module is not None and importlib.util.find_spec(module) is None:
        pytest.skip(f"{simulator.package} is not installed; it comes with the extra bench")


@pytest.mark.parametrize("loss", ["gue", "tfim"])
@pytest.mark.parametrize("name", [name for name in SIMULATORS if name != THIS])
def test_simulator_agrees(name: str, loss: str, rng: np.random.Generator) -> None:
    require(SIMULATORS[name])
    circuit, theta = cases.random_start(2, 5, 3, rng)
    energy = hamiltonians.build(loss, 2)
    found = SIMULATORS[name].build(circuit, energy).value_and_gradient(theta)
    expected = SIMULATORS[THIS].build(circuit, energy).value_and_gradient(theta)
    # Rounding of a few dozen operations on numbers of order one.
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("loss", ["gue", "tfim"])
def test_hessian_of_the_scan_agrees(loss: str, rng: np.random.Generator) -> None:
    require(SIMULATORS[JAX_SCAN])
    circuit, theta = cases.random_start(3, 6, 1, rng)
    energy = hamiltonians.build(loss, 3)
    found = simulators.JaxScan(circuit, energy).hessian(theta)
    np.testing.assert_allclose(found, simulators.landscape(circuit, energy).hessian(theta), atol=1e-11)


def test_simulators_refuse_other_circuits(rng: np.random.Generator) -> None:
    plain = circuits.random_circuit(2, 4, rng=rng, reference_state="zero")
    assert simulators.plain(plain) is plain
    for other in (
        circuits.random_circuit(2, 4, rng=rng),
        circuits.random_circuit(2, 4, rng=rng, n_gates=6, reference_state="zero"),
        dataclasses.replace(plain, scale=2 * plain.scale),
        dataclasses.replace(plain, offset=plain.offset + 0.5),
    ):
        with pytest.raises(ValueError, match="one gate an angle"):
            simulators.plain(other)


@pytest.mark.parametrize(
    ("found", "agrees"),
    [(1.0 + 1e-9, True), (1.0 + 1e-7, False), (math.nan, False), (np.ones(2), False)],
)
def test_disagreement_is_an_error_that_names_the_simulator(found: object, agrees: bool) -> None:
    if agrees:
        cases.require_agreement("some simulator", [found], [1.0])
    else:
        with pytest.raises(cases.DisagreementError, match="some simulator disagrees"):
            cases.require_agreement("some simulator", [found], [1.0])


class Bowl:
    """A landscape with a minimum at 0, which counts its calls."""

    calls = 0

    def value_and_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        return np.sum(theta**2, axis=1), 2 * theta


def bowl() -> Worker:
    worker = Worker(Simulator("bowl", "", 4, lambda circuit, loss: Bowl()))
    worker.landscape = Bowl()
    return worker


def test_time_is_per_start_and_calls_are_repeated() -> None:
    worker = bowl()
    begin = time.perf_counter()
    each = worker.time("value_and_gradient", np.ones((4, 2)), least=0.01)
    seconds = time.perf_counter() - begin
    assert worker.landscape.calls > 1
    assert 10 <= each * 4 * worker.landscape.calls <= 1e3 * seconds


def test_evaluations_are_counted_per_minimum() -> None:
    worker = bowl()
    assert worker.evaluations(np.ones((3, 2))) == worker.landscape.calls / 3


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


class Hungry:
    """A landscape that takes 128 MiB after another, 3 GiB in all."""

    def __init__(self, *_: object) -> None: ...

    def value_and_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kept = []
        for _ in range(24):
            kept.append(np.ones(2**24))
            time.sleep(0.2)
        return theta[:, 0], theta


HUNGRY = Simulator("hungry", "numpy", 1, Hungry)


def test_process_is_ended_over_its_limits(rng: np.random.Generator) -> None:
    circuit, theta = cases.random_start(2, 4, 1, rng)
    energy = hamiltonians.tfim(2)
    for limits, message in (
        ({"memory": 2**30}, "over 1 GiB"),
        ({"seconds": 0.3}, "no result within 0.3 s"),
    ):
        process = Process(HUNGRY, limits.get("memory", 4 * 2**30))
        process.ask("build", circuit, energy)
        with pytest.raises(OverLimitError, match=message):
            process.ask("call", "value_and_gradient", theta, seconds=limits.get("seconds", 60))
        assert not psutil.pid_exists(process.pid)


def test_simulator_over_the_memory_limit_is_reported_and_others_go_on(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIMULATORS, "hungry", HUNGRY)
    said: list[str] = []
    every = Simulators(said.append, (THIS, "hungry", LIGHTNING), memory=2**30)
    try:
        first = cases.CASES["loss_and_grad"](every, "tfim", 2, 4, repeats=1, rng=rng)
        larger = cases.CASES["loss_and_grad"](every, "tfim", 3, 4, repeats=1, rng=rng)
    finally:
        every.close()
    reason = "over 1 GiB at n = 2, p = 4"
    assert said == [f"hungry: {reason}; larger circuits are not tried"]
    for records in (first, larger):
        assert {r.simulator: r.note for r in records} == {THIS: "", LIGHTNING: "", "hungry": reason}
        assert [r.simulator for r in records if r.milliseconds is None] == ["hungry"]
    assert reason in report.table(first, width=200)


def test_process_that_dies_or_fails_says_so() -> None:
    process = Process(SIMULATORS[THIS])
    with pytest.raises(UnavailableError, match="AttributeError"):
        process.ask("call", "value", np.zeros((1, 1)))
    psutil.Process(process.pid).kill()
    with pytest.raises(UnavailableError, match="its process ended"):
        process.ask("call", "value", np.zeros((1, 1)))
    process.close()


def test_records_of_a_run(rng: np.random.Generator) -> None:
    said: list[str] = []
    every = Simulators(said.append, (THIS, QULACS))
    try:
        records = cases.CASES["loss_and_grad"](every, "tfim", 2, 4, repeats=1, rng=rng)
    finally:
        every.close()
    this, other = records
    assert (this.simulator, this.ratio_to_this_engine, other.simulator) == (THIS, 1, QULACS)
    if importlib.util.find_spec("qulacs") is None:
        assert other.milliseconds is None
        assert "pip install qulacs" in other.note
        assert said == [f"qulacs: {other.note}; going on without it"]
    else:
        assert said == []
        assert other.ratio_to_this_engine == other.milliseconds / this.milliseconds > 0


def test_losses_are_compared_with_an_energy_per_input(rng: np.random.Generator) -> None:
    energy, *others = cases.losses(Simulators(print), 2, 4, 3, repeats=1, rng=rng)
    assert energy.ratio_to_this_engine == 1
    assert [r.loss for r in others] == ["Born machine (kl)", "least squares"]
    for r in others:
        assert r.ratio_to_this_engine == r.milliseconds / energy.milliseconds > 0


def some_records() -> list[Record]:
    timed = {"milliseconds": 1.0, "loss": "GUE"}
    return [
        Record("loss_and_grad", THIS, 4, 32, ratio_to_this_engine=1.0, **timed),
        Record("loss_and_grad", QULACS, 4, 32, ratio_to_this_engine=50.0, **timed),
        Record("loss_and_grad", JITTED, 4, 32, loss="GUE", note="over 4 GiB"),
        Record("hessian", JAX_SCAN, 4, 32, ratio_to_this_engine=2.0, **timed),
        Record("minima", LIGHTNING, 4, 32, ratio_to_this_engine=1e4, **timed),
        Record("roofline", THIS, 6, 256, share_of_peak=0.5, note="50% of the peak", **timed),
        Record("memory", THIS, 6, 64, loss="TFIM ring", peak_mib=0.25),
    ]


def test_figure_shows_every_case(tmp_path: Path) -> None:
    records = some_records()
    fig = report.figure(records)
    assert fig is not None
    ratios, machine = fig.axes
    assert {"50", "2", "10,000"} <= {text.get_text() for text in ratios.texts}
    assert machine.lines[0].get_ydata() == pytest.approx([50])
    assert [path.suffix for path in report.save(records, tmp_path / "bench.json")] == [".png", ".pdf"]
    assert all((tmp_path / f"bench.{kind}").stat().st_size > 1000 for kind in ("png", "pdf"))
    assert report.save(records[-1:], tmp_path / "memory.json") == []  # has no panel


@pytest.mark.parametrize("width", [60, 100, 200])
def test_table_fits_the_terminal(width: int) -> None:
    table = report.table(some_records(), width=width)
    assert max(map(len, table.splitlines())) <= width
    for word in ("over 4 GiB", "50% of the peak", "10,000 x", "0.2 MiB"):
        assert word in " ".join(table.split())


def test_every_case_has_sizes_and_is_run_when_chosen() -> None:
    assert set(cases.CASES) == set(cases.FULL) == set(cases.QUICK)
    every = Simulators(print)
    everything = command.jobs(cases.CASES, cases.FULL, every, 0, 1)
    assert len(everything) == sum(map(len, cases.FULL.values()))
    chosen = command.jobs(["hessian"], cases.FULL, every, 0, 1)
    assert list(chosen) == [name for name in everything if name.startswith("hessian")]


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--case", "nothing"]])
def test_wrong_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert arguments[0] in capsys.readouterr().err
