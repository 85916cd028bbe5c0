from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sample_tasks import Draw

from qgmutils.computing import tasks
from qgmutils.suite import verification


@pytest.mark.parametrize(
    ("equal", "status", "said"),
    [
        (
            [True, True],
            0,
            "2 of 2 results, drawn at random, come out the same to the last bit (stored: 3 present",
        ),
        ([True, False], 1, "1 of 2 results, drawn at random, come out the same"),
        ([], 2, "Nothing to verify: no result of the present code is stored (3 present, 1 other)"),
    ],
)
def test_it_ends_with_a_line_and_a_status(
    equal: list[bool],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def verify(*, sample: int, rng: np.random.Generator) -> pd.DataFrame:
        assert sample == 7
        columns = {"file": "Toy-1.npz", "task": "Toy(1)", "equal": equal, "difference": 0.0}
        table = pd.DataFrame(columns, index=range(len(equal)))
        table.attrs |= {"present": 3, "other": 1}
        return table

    monkeypatch.setattr(verification.verify, "verify", verify)
    assert verification.main(7) == status
    assert said in capsys.readouterr().out


def test_stored_results_are_verified(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QGMUTILS_CACHE", str(tmp_path_factory.mktemp("cache") / "missing"))
    assert verification.main(5) == 2
    assert "Nothing to verify: there is no folder" in capsys.readouterr().out
    tasks.run_tasks([Draw(seed) for seed in range(3)], workers=1)
    assert verification.main(5) == 0
    assert "3 of 3 results" in capsys.readouterr().out
