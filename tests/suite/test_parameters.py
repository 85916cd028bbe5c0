from __future__ import annotations

import math
from pathlib import Path

import pytest
import throwaway

from qgmutils.suite import parameters
from qgmutils.suite.parameters import Parameter, ParameterError

# Whole numbers, and no more than a computer has.
COUNT = "int, 1 to 1e+09"


@pytest.mark.parametrize(
    ("name", "annotation", "value", "accepted"),
    [
        ("n_starts", "int", 8, 8),
        ("n_qubits", "list[int]", [4, 6], [4, 6]),
        ("n_qubits", "list[int]", (4, 6), [4, 6]),
        ("n_qubits", "list[int]", 5, [5]),
        ("contrast_n_qubits", "list[int]", 5, [5]),
        ("fractions", "list[float]", [1, 0.5], [1.0, 0.5]),
        ("degrees_of_freedom", "float", 3, 3.0),
        ("hamiltonian", "str", "tfim", "tfim"),
        ("hamiltonians", "list[str]", "projector 1/8", ["projector 1/8"]),
        ("hamiltonian_options", "dict", {"rank": 2, "periodic": False}, {"rank": 2, "periodic": False}),
        ("hamiltonian_options", "dict[str, int]", {}, {}),
        ("param_counts", "dict[str, list[int]]", {"4": (8, 16), "6": 8}, {"4": [8, 16], "6": [8]}),
        ("anything", "bool", True, True),
        ("anything", "list", "x", ["x"]),
        ("anything", "dict", {"a": (1, "x")}, {"a": [1, "x"]}),
    ],
)
def test_values_that_fit(name: str, annotation: str, value: object, accepted: object) -> None:
    found = Parameter("01_x", name, annotation, None).accept(value)
    assert found == accepted
    assert repr(found) == repr(accepted)  # 3 is 3.0, but not the same type


@pytest.mark.parametrize(
    ("name", "annotation", "value", "allowed"),
    [
        ("n_starts", "int", 10.0, COUNT),
        ("n_starts", "int", "1e1", COUNT),
        ("n_starts", "int", "true", COUNT),
        ("n_starts", "int", True, COUNT),
        ("n_starts", "int", None, COUNT),
        ("n_starts", "int", [8], COUNT),
        ("n_starts", "int", 0, COUNT),
        ("n_starts", "int", 10**400, COUNT),
        ("seed", "int", -1, "int, at least 0"),
        ("n_qubits", "list[int]", [4, 14], "list[int], each 1 to 13"),
        ("n_qubits", "list[int]", [4, [5]], "list[int], each 1 to 13"),
        ("enumerated_param_counts", "list[int]", [11], "list[int], each 1 to 10"),
        ("gammas", "list[float]", [0.0], "list[float], each above 0 to 100"),
        ("gammas", "list[float]", [math.nan], "list[float], each above 0 to 100, finite"),
        ("anything", "float", 10**400, "float"),
        ("anything", "list", [math.inf], "list, finite"),
        ("reference_state", "str", "har", "str, one of haar, clifford, zero, perhaps haar"),
        ("hamiltonian", "str", 5, "str, one of tfim, xxz"),
        ("hamiltonians", "list[str]", ["tfim", "projector 1/7"], "list[str], each one of tfim, xxz"),
        (
            "hamiltonian_options",
            "dict",
            [2],
            'dict, each one of haar, computational, hadamard or -1e+06 to 1e+06, written {"name": value, …}',
        ),
        ("param_counts", "dict[str, list[int]]", {4: [8]}, "dict[str, list[int]], each 1 to 1e+09, written"),
        ("param_counts", "dict[str, list[int]]", {"4": [8.5]}, "dict[str, list[int]], each 1 to 1e+09"),
        ("anything", "list", [{1, 2}], "list, made of numbers, strings, lists and dicts"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(
    name: str, annotation: str, value: object, allowed: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        Parameter("01_x", name, annotation, None).accept(value)
    text = str(caught.value)
    assert text.startswith(f"parameter '{name}' of 01_x is {repr(value)[:70]}")
    assert f"; it must be {allowed}" in text


def test_the_longest_base_names_the_rule() -> None:
    assert parameters.rule("contrast_hamiltonian_options") == parameters.RULES["hamiltonian_options"]
    assert parameters.rule("density_max_params") == parameters.RULES["max_params"]
    assert parameters.rule("n_qubits") == parameters.RULES["n_qubits"]
    assert parameters.rule("my_own") is None
    assert parameters.rule("xn_qubits") is None


def test_parameters_are_read_with_types_and_comments(tmp_path: Path) -> None:
    source = """# sizes
n_qubits: list[int] = [4]  # qubits, one curve each (n = 4)
param_counts: dict[str, list[int]] = {
    "4": [8],  # few
}
"""
    throwaway.write_notebook(tmp_path / "x.ipynb", [source])
    found = parameters.read(tmp_path / "x.ipynb")
    assert {name: (item.annotation, item.default) for name, item in found.items()} == {
        "n_qubits": ("list[int]", [4]),
        "param_counts": ("dict[str, list[int]]", {"4": [8]}),
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a = 3", "may hold only lines NAME: TYPE = LITERAL"),
        ("a: int = b", "may hold only lines NAME: TYPE = LITERAL"),
        ("import os", "may hold only lines"),
        ("a: int", "may hold only lines"),
        ("a, b = 1, 2", "may hold only lines"),
        ("a = [", "may hold only lines"),
        ("a: complex = 1", "type complex; known are int, float, str, bool, list"),
        ("a: int = 1.5", r"a is 1\.5, which is no int"),
        ("", "tag the cell that sets them"),
    ],
)
def test_wrong_cells_are_refused(source: str, message: str, tmp_path: Path) -> None:
    throwaway.write_notebook(tmp_path / "x.ipynb", [source])
    with pytest.raises(ParameterError, match=message):
        parameters.read(tmp_path / "x.ipynb")


def test_what_is_no_notebook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").write_text("[]")
    with pytest.raises(ParameterError, match="no notebook with one cell"):
        parameters.read(tmp_path / "x.ipynb")
