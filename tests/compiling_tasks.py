"""A task for the tests of progress; it imports what compiles, which `sample_tasks` does not."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pandas as pd

from qgmutils.computing import kernels


@dataclasses.dataclass(frozen=True)
class Compiles:
    """Is busy with a kernel until there is a file."""

    number: int
    go: str

    def run(self) -> pd.DataFrame:
        name = f"{self.number}-{Path(self.go).parent.name}"
        missing = kernels.load(name) is None
        deadline = time.monotonic() + 60
        while not Path(self.go).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return pd.DataFrame({"compiled": [missing and kernels.compiling()]})
