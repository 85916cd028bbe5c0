"""Answers to the two questions about numbers of parameters: what a model reaches, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from qgmutils.diagnosis.ends import Ends
from qgmutils.statistics.intervals import Interval


@dataclass(frozen=True)
class Reach:
    """What the model reaches.

    Attributes
    ----------
    own_rank : int
        Parameters that act: rank of the metric at the model's own depth.
    redundant, unused : tuple of int
        As of `equations.Rank`.
    dimension : int
        D, the largest rank found at growing depths.
    saturated : bool
        Whether the rank has stopped to grow.
    deepest : int
        Parameters of the deepest member whose rank was taken.
    equations : int or None
        c by theory; None where there is none.
    reason : str
        Why.
    expressible : bool or None
        Whether a deep copy reaches the loss's floor; None if none was trained.
    measured : int or None
        c as the rank of the Hessian there.
    deep : int or None
        Parameters of the deep copy.
    lowest : float or None
        Lowest loss that it has reached, normalised.
    """

    own_rank: int
    redundant: tuple[int, ...]
    unused: tuple[int, ...]
    dimension: int
    saturated: bool
    deepest: int
    equations: int | None
    reason: str
    expressible: bool | None = None
    measured: int | None = None
    deep: int | None = None
    lowest: float | None = None

    @property
    def count(self) -> int | None:
        """c, by theory or else as measured."""
        return self.equations if self.equations is not None else self.measured


@dataclass(frozen=True)
class Need:
    """How many parameters are needed.

    Attributes
    ----------
    predicted : int or None
        Parameters of the first depth at which c of them act.
    half, most : Interval or None
        Numbers of parameters from which on 50 and 97 % of the starts are solved, by training; None if it was not found
        in the time given.  The ends of an interval are counts whose shares lie below or above for sure, inf where no
        larger one was trained.
    advised : int or None
        Parameters of the first depth from which on 97 % are solved, or else half of them, or else c act.
    tested : tuple of Ends
        All depths that were trained.
    """

    predicted: int | None
    half: Interval | None
    most: Interval | None
    advised: int | None
    tested: tuple[Ends, ...]
