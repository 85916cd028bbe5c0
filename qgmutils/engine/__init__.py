"""Energy, gradient, Hessian and quantum Fisher metric of a batch of starts."""

from qgmutils.engine.landscape import ENGINES, Landscape, NumbaLandscape, PennylaneLandscape, landscape

__all__ = ["ENGINES", "Landscape", "NumbaLandscape", "PennylaneLandscape", "landscape"]
