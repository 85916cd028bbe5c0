from __future__ import annotations

import pytest

from qgmutils import engine
from qgmutils.computing import engines


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, ("numba", "default.qubit")),
        ({"ENGINE": "", "DEVICE": ""}, ("numba", "default.qubit")),
        ({"ENGINE": "cuda"}, ("cuda", "default.qubit")),
        ({"ENGINE": "pennylane"}, ("pennylane", "default.qubit")),
        ({"ENGINE": "pennylane", "DEVICE": "lightning.qubit"}, ("pennylane", "lightning.qubit")),
    ],
)
def test_environment_chooses(
    variables: dict[str, str], chosen: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ENGINE", "DEVICE"):
        monkeypatch.delenv(f"QGMUTILS_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"QGMUTILS_{name}", value)
    assert engines.chosen_engine() == chosen


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        ("pennylain", "", r"unknown engine 'pennylain': choose one of numba, .*; did you mean 'pennylane'\?"),
        ("cuda", "lightning.gpu", "'lightning.gpu' is one of PennyLane's and needs the engine pennylane, not cuda"),
        ("", "lightning.qubit", r"not numba \(environment variables QGMUTILS_ENGINE='' and QGMUTILS_DEVICE='lightning"),
    ],
)  # fmt: skip
def test_wrong_choices_are_refused(
    name: str, device: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QGMUTILS_ENGINE", name)
    monkeypatch.setenv("QGMUTILS_DEVICE", device)
    with pytest.raises(ValueError, match=message):
        engines.chosen_engine()


def test_engines_are_those_of_landscapes() -> None:
    assert set(engines.ENGINES) == set(engine.ENGINES) - {"auto"}
