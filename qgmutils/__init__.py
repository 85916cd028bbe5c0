"""Loss landscapes of randomised variational quantum models: circuits, losses, theory and statistics."""

from pathlib import Path

from qgmutils.computing import loaded

loaded.watch()  # before any other module is imported

from qgmutils.computing.kernels import drop_stale  # noqa: E402

__version__ = "0.1.0"

# Before any module with kernels is imported.
drop_stale(Path(__file__).parent)
