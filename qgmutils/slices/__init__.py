"""A landscape to look at: its Hessian's spectrum at a point, slices through it, and paths from there to another."""

from qgmutils.slices.paths import Path, relaxed, straight
from qgmutils.slices.periods import nearest_copy, periods
from qgmutils.slices.sections import Line, Plane, line, plane, plane_through
from qgmutils.slices.spectrum import Spectrum, spectrum

__all__ = [
    "Line",
    "Path",
    "Plane",
    "Spectrum",
    "line",
    "nearest_copy",
    "periods",
    "plane",
    "plane_through",
    "relaxed",
    "spectrum",
    "straight",
]
