"""Energy, gradient, Hessian and quantum Fisher metric of a batch of starts.

Compiled code lives in `llvm` (kernels in LLVM's own terms), `gates` and `passes` (angles and gates), `observable` (H),
`sweep` (energy and gradient), `curvature` (second derivatives), `each` (a circuit for every start) and `cuda_kernels`;
`landscape` and `cuda` are what users see.
"""

from qgmutils.engine.cuda import CudaLandscape
from qgmutils.engine.each import energy_and_gradient_each
from qgmutils.engine.landscape import ENGINES, Landscape, NumbaLandscape, PennylaneLandscape, landscape
from qgmutils.engine.llvm import load_kernels

__all__ = [
    "ENGINES",
    "CudaLandscape",
    "Landscape",
    "NumbaLandscape",
    "PennylaneLandscape",
    "energy_and_gradient_each",
    "landscape",
]

load_kernels()
