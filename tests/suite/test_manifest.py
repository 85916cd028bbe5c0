from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import throwaway

from qgmutils.suite import manifest


def entry(**changes: Any) -> str:
    keys = {"notebook": '"01_sizes"', "quick": "{weight = 1}"} | changes
    return "[[run]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[run]", "is no valid TOML"),
        ("runs = []", "unknown key 'runs' .did you mean run"),
        ("run = 3", "run is 3, which has the wrong type"),
        (entry(notebook=None), "has no key 'notebook'"),
        (entry(notebook='"01_size"'), "unknown notebook '01_size' .did you mean 01_sizes"),
        (entry(notebok='"x"'), "unknown key 'notebok'"),
        (entry(quick=None), "belongs to no profile"),
        (entry(quick="{weight = 0}"), "weight is 0; give the seconds"),
        (entry(quick="{weight = inf}"), "weight is inf; give the seconds that it takes, above 0 to 1e.07"),
        (entry(quick="{weight = nan}"), "weight is nan; give the seconds"),
        (entry(quick="{weight = 1e308}"), r"weight is 1e.308; give the seconds"),
        (entry(quick="{weight = -1}"), "weight is -1; give the seconds"),
        (entry(notebook='"../01_sizes"'), r"notebook is '\.\./01_sizes'; it names files, so only letters"),
        (entry(notebook='"/tmp/01_sizes"'), "notebook is '/tmp/01_sizes'; it names files"),
        (entry(notebook='"a\\u0000b"'), "it names files"),
        (entry(notebook='"a\\nb"'), "it names files"),
        (entry(notebook='""'), "it names files"),
        (entry(notebook='"' + "x" * 300 + '"'), "60 at most"),
        (entry(name='"a.b"'), r"name is 'a\.b'; it names files"),
        (entry(name='"a/b"'), "name is 'a/b'; it names files"),
        (entry(quick="{}"), "weight is 0; give the seconds"),
        (entry(quick='{weight = "1"}'), "weight is '1', which has the wrong type"),
        (entry(quick="{weight = 1, size = 2}"), "unknown key 'size'"),
        (entry(expect='{a = "true"}'), "claim a: unknown verdict 'true'"),
        (entry(parameters="{sise = 2}"), "sets unknown parameter 'sise' .did you mean size"),
        (
            entry(parameters="{size = 2.5}"),
            "01_sizes, profile quick: parameter 'size' of 01_sizes is 2.5; it must be int",
        ),
        (entry(parameters="{size = 2024-01-01}"), "must be int"),
        (entry(parameters="{seed = 2}"), "sets 'seed', which is for the suite to set"),
        (entry(name='"x"'), "must have no name"),
        (entry(after='"01_sizes"'), "01_sizes is after unknown notebook '01_sizes'"),
        (entry(after='"02_other"'), "01_sizes is after unknown notebook '02_other'"),
        (entry() + entry(), "needs a name"),
        (entry(name='"x"') + entry(name='"x"'), "several runs 01_sizes.x"),
    ],
)
def test_wrong_manifest_is_refused(content: str, message: str, folder: Path) -> None:
    (folder / "claims.toml").write_text(content)
    with pytest.raises(manifest.ManifestError, match=message):
        manifest.load(folder / "claims.toml")


def test_notebook_without_the_parameters_of_the_suite_is_refused(folder: Path) -> None:
    throwaway.write_notebook(folder / "01_sizes.ipynb", ["seed: int = 1\nsize: int = 2"])
    with pytest.raises(manifest.ManifestError, match="lacks profile, run, output_dir"):
        manifest.load(folder / "claims.toml")


def test_profiles_replace_common_values_one_by_one(folder: Path) -> None:
    (folder / "claims.toml").write_text(
        entry(
            notebook='"02_sums"',
            parameters="{size = 1, terms = [1]}",
            expect='{a = "reproduced", b = "inconclusive"}',
            full='{weight = 2.5, parameters = {size = 9}, expect = {b = "not reproduced"}}',
        )
    )
    quick, full = manifest.load(folder / "claims.toml")
    assert quick.parameters == {"size": 1, "terms": [1]}
    assert full.parameters == {"size": 9, "terms": [1]}
    assert full.expect == {"a": "reproduced", "b": "not reproduced"}
    assert (quick.weight, full.weight) == (1.0, 2.5)


@pytest.mark.parametrize(
    ("only", "labels"),
    [
        ([], ["01_a.x", "01_a.xy", "01_ab", "02_b"]),
        (["01_a.x"], ["01_a.x"]),
        (["01_a"], ["01_a.x", "01_a.xy"]),
        (["01"], ["01_a.x", "01_a.xy", "01_ab"]),
        (["02", "01_ab"], ["01_ab", "02_b"]),
    ],
)
def test_selection(only: list[str], labels: list[str]) -> None:
    names = [("01_a", "x"), ("01_a", "xy"), ("01_ab", ""), ("02_b", "")]
    runs = [manifest.Run(notebook, name, "quick", {}, 1.0, {}) for notebook, name in names]
    assert [run.label for run in manifest.select(runs, profile="quick", only=only)] == labels


def test_a_scalar_is_a_list_of_one(folder: Path) -> None:
    runs = manifest.select(manifest.load(folder / "claims.toml"), profile="quick")
    changed, skipped = manifest.override(runs, {"terms": 5, "size": 3}, folder=folder)
    assert [run.parameters for run in changed] == [{"size": 3}, {"size": 3, "terms": [5]}]
    assert skipped == {"terms": ["01_sizes"]}
