"""Loss landscapes of randomised variational quantum models: circuits, losses, theory and statistics."""

import qgmutils.computing.kernels  # noqa: F401  first of all modules: it takes down which source is loaded

__version__ = "0.1.0"
