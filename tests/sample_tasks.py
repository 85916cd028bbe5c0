"""Tasks for the tests; worker processes import them from here."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd


@dataclasses.dataclass(frozen=True)
class Shift:
    """A recipe of a plain value."""

    by: float


@dataclasses.dataclass(frozen=True, eq=False)
class Mean:
    """A recipe of an array and of a recipe."""

    values: np.ndarray
    shift: Shift = Shift(0.0)

    @functools.cached_property
    def total(self) -> float:
        return float(self.values.sum()) + self.shift.by


@dataclasses.dataclass(frozen=True)
class Draw:
    """A table with a column of every kind that is allowed."""

    seed: int
    size: int = 4
    words: tuple[str, ...] = ("x",)
    recipe: object = None

    def run(self) -> pd.DataFrame:
        rng = np.random.default_rng(self.seed)
        values = rng.normal(size=self.size)
        matrix = rng.normal(size=(60, 60))
        return pd.DataFrame(
            {
                "value": values,
                "norm": np.linalg.norm(matrix @ matrix) + values,
                "sign": values > 0,
                "rank": values.argsort(),
                "phase": np.exp(1j * values),
                "word": [f"{word}ψ{i}" for word in self.words for i in range(self.size)][: self.size],
            }
        )


@dataclasses.dataclass(frozen=True)
class Logged:
    """Leaves a line in a file whenever it runs, and fails or waits on demand: a minute, or for a file LOG.go."""

    number: int
    log: str
    action: str = ""
    recipe: object = None

    def run(self) -> pd.DataFrame:
        with Path(self.log).open("a") as file:
            file.write(f"{self.number}\n")
        if self.action == "interrupt":
            raise KeyboardInterrupt
        if self.action == "fail":
            raise ZeroDivisionError("on demand")
        if self.action == "linger":
            time.sleep(0.3)
        deadline = time.monotonic() + 60
        while self.action == "wait" and not Path(f"{self.log}.go").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return pd.DataFrame({"number": [self.number]})


@dataclasses.dataclass(frozen=True)
class Echo:
    """Returns how Python writes its field."""

    value: object

    def run(self) -> pd.DataFrame:
        return pd.DataFrame({"value": [repr(self.value)]})


@dataclasses.dataclass(frozen=True)
class Returns:
    """Returns something that is not allowed."""

    what: str

    def run(self) -> pd.DataFrame:
        return {
            "list": [1],
            "object": pd.DataFrame({"x": [[1], [2]]}),
            "missing": pd.DataFrame({"x": ["a", None]}),
            "twice": pd.DataFrame([[1, 2]], columns=["x", "x"]),
        }[self.what]  # type: ignore[return-value]


@dataclasses.dataclass(frozen=True)
class Interrupted:
    """Writes its process into a file and waits to be killed; where that file is there already, it runs to its end."""

    number: int
    folder: str

    def run(self) -> pd.DataFrame:
        path = Path(self.folder) / str(self.number)
        try:
            with path.open("x") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(60)
        except FileExistsError:
            pass
        return pd.DataFrame({"number": [self.number]})


_running: list[int] = []


@dataclasses.dataclass(frozen=True)
class Company:
    """Says which process it ran in, and how many tasks of its kind ran there at the same time."""

    number: int

    def run(self) -> pd.DataFrame:
        _running.append(self.number)
        time.sleep(0.2)
        found = pd.DataFrame({"process": [os.getpid()], "tasks": [len(_running)]})
        _running.remove(self.number)
        return found
