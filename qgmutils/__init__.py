"""Loss landscapes of randomised variational quantum models: circuits, losses, theory and statistics."""

from qgmutils.computing import loaded

loaded.watch()  # before any other module: it takes down which source is loaded

import qgmutils.computing.kernels  # noqa: E402, F401  it names their folder after the source

__version__ = "0.1.0"
