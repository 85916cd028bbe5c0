"""What is found is told with its remedy, and only what is needed and broken fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qgmutils.command import doctor
from qgmutils.command.__main__ import main
from qgmutils.command.doctor import Check
from qgmutils.computing import simd


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QGMUTILS_NO_CACHE", "QGMUTILS_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


def named(section: object, what: str) -> Check:
    (check,) = (check for check in doctor._done(section) if check.what == what)  # type: ignore[arg-type]
    return check


def test_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "TESTED", (("numba", "default.qubit"),))
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("Python", "numpy", "processor", "doubles at once", "usable", "one gate is right", "kernels"):
        assert word in said
    assert said.endswith("Everything that is needed works.\n")


@pytest.mark.parametrize("state", ["ok", "slow", "absent", "broken"])
@pytest.mark.parametrize("width", [60, 100])
def test_only_what_is_broken_fails(
    state: doctor.State, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def section() -> Iterator[Check]:
        yield Check("this", "is so", state, "" if state == "ok" else "do that " * 20)

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(doctor, "SECTIONS", (section,))
    assert main(["doctor"]) == (state == "broken")
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert ("this: do that do that" in said) == (state != "ok")
    assert ("1 of what is needed is broken." in said) == (state == "broken")


def test_a_section_that_fails_is_broken_and_the_others_are_told() -> None:
    def section() -> Iterator[Check]:
        yield Check("first", "is there")
        raise ImportError("no module named numba")

    first, failed = doctor._done(section)
    assert first == Check("first", "is there")
    assert failed == Check("section", "cannot be found out", "broken", "ImportError: no module named numba")


def test_engines_that_are_wrong_missing_or_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_gate(engine: str, device: str) -> tuple[float, float]:
        if engine == "numba":
            return 1.7648421872844886, -0.644217687237691
        if engine == "cuda":
            raise ValueError("finds no\n GPU; buy one")
        if device == "default.qubit":
            raise RuntimeError("device")
        return (1.7648421872844886, -0.6442) if device == "lightning.qubit" else (1.7648, -0.644217687237691)

    monkeypatch.setattr(doctor, "one_gate", one_gate)
    checks = doctor._done(doctor._engines)
    assert [check.state for check in checks] == ["ok", "absent", "broken", "broken", "broken"]
    assert checks[1].remedy == "finds no GPU; buy one"
    assert checks[2].remedy == "RuntimeError: device"
    assert checks[3].found == "gives 1.76484218728 and -0.6442 for 1.76484218728 and -0.644217687238"


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
def test_one_gate_on_pennylane(device: str) -> None:
    if device == "lightning.qubit":
        pytest.importorskip("pennylane_lightning")
    assert doctor.one_gate("pennylane", device) == pytest.approx(
        (1.7648421872844886, -0.644217687237691), abs=1e-9
    )


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = [
        "numpy>=2",
        "gone>=1",
        'papermill>=2; extra == "suite"',
        'cupy[x]<3; a == "b" and extra == "gpu"',
    ]
    requirements += ['dask; extra == "distributed"', 'pytest; extra == "dev"']
    versions = {"numpy": "2.1", "papermill": "2.6", "dask": "", "cupy": "", "gone": ""}
    monkeypatch.setattr("importlib.metadata.requires", lambda name: requirements)
    monkeypatch.setattr(doctor, "_version", versions.__getitem__)
    packages, suite, gpu, _ = doctor._done(doctor._versions)[2:]
    assert packages[1:3] == ("numpy 2.1, gone missing", "broken")
    assert suite == Check("extra suite", "papermill 2.6")
    assert (gpu.state, gpu.found) == ("absent", "cupy missing")
    assert gpu.remedy == 'for NVIDIA GPUs: python -m pip install "qgmutils[gpu]"'


@pytest.mark.parametrize(
    ("workers", "state"), [("many", "broken"), ("0", "broken"), ("1", "slow"), ("4", "ok")]
)
def test_workers(workers: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qgmutils.computing.processes.usable_cores", lambda: 4)
    monkeypatch.setenv("QGMUTILS_WORKERS", workers)
    assert named(doctor._machine, "workers").state == state


@pytest.mark.parametrize(("load", "free", "state"), [(3.9, 2e9, "ok"), (4.1, 9e8, "slow")])
def test_a_laden_machine_is_slow(
    load: float, free: float, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qgmutils.computing.processes.usable_cores", lambda: 4)
    monkeypatch.setattr("psutil.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(doctor, "_memory", lambda: (free, 4e9))
    assert named(doctor._machine, "cores").state == state
    assert named(doctor._machine, "memory").state == state


@pytest.mark.parametrize(
    ("features", "lanes", "state"),
    [
        ("+avx2,+avx512f", 8, "ok"),
        ("+avx2,-avx512f", 4, "ok"),
        ("+avx2,+avx512f", 4, "slow"),
        ("+sse2", 2, "slow"),
    ],
)
def test_vectors(features: str, lanes: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(simd, "TARGET_FEATURES", features)
    monkeypatch.setattr(simd, "LANES", lanes)
    assert named(doctor._processor, "vectors").state == state


def test_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "cache"
    there = named(doctor._caches, "results")
    assert there.state == "ok"
    assert there.found.startswith(f"0 files, 0 B in {place}; ")
    assert not place.exists()
    place.mkdir()
    (place / f"Toy-{64 * '0'}.npz").write_bytes(2000 * b"x")
    (place / "other.txt").write_bytes(2000 * b"x")
    assert named(doctor._caches, "results").found.startswith("1 files, 2 kB in ")
    monkeypatch.setenv("QGMUTILS_NO_CACHE", "1")
    assert named(doctor._caches, "results")[1:3] == ("are not kept", "slow")


@pytest.mark.parametrize("place", [None, "/proc/none", "/dev/null/below"])
def test_a_cache_that_takes_nothing(place: str | None) -> None:
    if place is not None and sys.platform != "linux":
        pytest.skip("needs a folder that nobody can write to")
    check = doctor._cache("results", place and Path(place), [], "VARIABLE", "it costs")  # type: ignore[arg-type]
    assert check.state == "slow"
    assert check.remedy.startswith("it costs; name a folder that can be written to")
    assert "VARIABLE" in check.remedy


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LITTLE", 1e30)
    check = doctor._cache("results", tmp_path, [], "VARIABLE", "it costs")
    assert check.state == "slow"
    assert "qgm cache prune" in check.remedy
