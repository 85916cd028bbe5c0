"""A session: what every notebook does besides its physics, made once at its top."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from qgmutils.report import claims, figures
from qgmutils.report.predicates import Finding


class Session:
    """One run of a notebook: its style, random streams, figure and claims.

    Parameters
    ----------
    notebook : str
        File name of the notebook without its ending; names what is written.
    run, profile, seed, output_dir
        The parameters of these names, which every notebook has.

    Attributes
    ----------
    found : list of Verdict
        What `claim` has collected.
    """

    def __init__(
        self, notebook: str, *, run: str, profile: str, seed: int, output_dir: str | os.PathLike[str]
    ) -> None:
        self.notebook, self.run, self.profile = notebook, run, profile
        self.seed, self.output_dir = seed, output_dir
        self.found: list[claims.Verdict] = []
        figures.use_style()

    def rng(self, *key: int) -> np.random.Generator:
        """A new generator at the beginning of the stream of the seed and a key; without key `default_rng(seed)`."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def require(
        self,
        *,
        why: str,
        low: float | None = None,
        high: float | None = None,
        even: bool = False,
        distinct: int = 1,
        **values: object,
    ) -> None:
        """Refuse parameters with which a notebook means nothing.

        Ranges that are the same in every notebook stand in `qgmutils.suite.parameters.RULES`; here stand those that
        depend on the notebook, or on another parameter.

        Parameters
        ----------
        why : str
            The reason, which ends the message: "five standard errors mean something from 20 circuits on".
        low, high : float, optional
            Ends of the range of every number, included.
        even : bool
            Whether every number must be even.
        distinct : int
            How many different numbers a list must have at least.
        **values : number, or list or dict of such
            The parameters by name.

        Raises
        ------
        ValueError
            A number is out of range, or there are too few; the message names the parameter, its value and the reason.
        """
        for name, value in values.items():
            numbers = list(_numbers(value))
            for number in numbers:
                for wrong, wanted in (
                    (low is not None and number < low, f"at least {low}"),
                    (high is not None and number > high, f"at most {high}"),
                    (even and number % 2, "even"),
                ):
                    if wrong:
                        where = "" if value == number else f" (of {value})"
                        raise ValueError(f"{name} is {number}{where}; it must be {wanted}: {why}")
            if len(set(numbers)) < distinct:
                raise ValueError(f"{name} is {value}; it needs {distinct} different values or more: {why}")

    def paired(self, **lists: list[Any]) -> list[tuple[Any, ...]]:
        """Rows of parameters that are lists of one length: (first of each), (second of each), and so on; each row once.

        Raises
        ------
        ValueError
            Lengths differ, or there is no row.
        """
        lengths = {name: len(values) for name, values in lists.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            shown = ", ".join(f"len({name}) = {length}" for name, length in lengths.items())
            raise ValueError(f"{shown}; they are paired, so they must be equally long, at least 1")
        return list(dict.fromkeys(zip(*lists.values(), strict=True)))

    def save(
        self,
        fig: Figure,
        table: pd.DataFrame,
        *,
        parts: Mapping[str, pd.DataFrame] | None = None,
        **parameters: object,
    ) -> None:
        """Write the figure and its numbers, as `figures.save` does, with seed and profile among the parameters.

        Text that a reader could not read, as `figures.faults` finds it, is warned of.

        Parameters
        ----------
        fig, table, parts
            As for `figures.save`.
        **parameters : object
            What else the figure was made with, by name.
        """
        for fault in figures.faults(fig):
            warnings.warn(f"figure of {self.notebook}: {fault}", stacklevel=2)
        figures.save(
            fig,
            table,
            notebook=self.notebook,
            run=self.run,
            output_dir=self.output_dir,
            parameters={"seed": self.seed, "profile": self.profile, **parameters},
            parts=parts,
        )

    def claim(
        self,
        id: str,
        statement: str,
        finding: Finding,
        *,
        expected: str,
        tolerance: str,
        source: Literal["paper", "field", "published", "derived"] = "derived",
        observed: str = "",
        rows: pd.DataFrame | None = None,
        case: str = "",
    ) -> None:
        """Collect a claim with what a predicate found; `verdicts` writes and shows it.

        Parameters
        ----------
        id, statement, finding, expected, tolerance
            As for `claims.verdict`.
        source : {"paper", "field", "published", "derived"}
            Where the claim comes from, a key of `claims.PROVENANCE`.
        observed : str
            What was found, in words; default is the finding's own text.
        rows : DataFrame, optional
            One row a case, in the order that the predicate had them: the text of the finding then names the case that
            decides, after `observed` where that is given as well.
        case : str
            How a case is named, filled with its row: "n = {n_qubits}, p = {n_params}".
        """
        words = [observed] if observed else []
        if rows is not None:
            words.append(finding.at(rows, case))
        self.found.append(
            claims.verdict(
                id=id,
                statement=statement,
                provenance=source,
                expected=expected,
                tolerance=tolerance,
                finding=finding,
                observed="; ".join(words),
            )
        )

    def verdicts(self) -> claims.Shown:
        """Write all collected claims to claims.json, and return what the notebook shows of them as its last output."""
        claims.record(
            self.found,
            notebook=self.notebook,
            run=self.run,
            profile=self.profile,
            seed=self.seed,
            output_dir=self.output_dir,
        )
        return claims.Shown(tuple(self.found))


def _numbers(value: object) -> Iterable[Any]:
    """All numbers of a parameter: itself, the entries of a list, the values of a dict."""
    if isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    else:
        yield value
