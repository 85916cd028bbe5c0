"""Loss, gradient, Hessian and quantum Fisher metric of a batch of starts.

Compiled code lives in `llvm` (kernels in LLVM's own terms), `gates` and `passes` (angles and gates), `observable` (H),
`sweep` (loss and gradient), `curvature` (second derivatives) and `cuda_kernels`; `compiled`, `cuda` and `pennylane` are
the three engines, and `landscape` is the way to them.
"""

from qgmutils.engine.compiled import NumbaLandscape
from qgmutils.engine.cuda import CudaLandscape
from qgmutils.engine.landscape import ENGINES, Landscape, landscape
from qgmutils.engine.llvm import load_kernels
from qgmutils.engine.pennylane import PennylaneLandscape

__all__ = ["ENGINES", "CudaLandscape", "Landscape", "NumbaLandscape", "PennylaneLandscape", "landscape"]

load_kernels()
