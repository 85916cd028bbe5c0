"""Loss landscapes of randomised variational quantum models: circuits, losses, theory and statistics.

`dir(qgmutils)` lists what it offers by name; `qgmutils.computing.front` says where each name comes from.
"""

from qgmutils.computing import loaded

loaded.watch()  # before any other module: it takes down which source is loaded

from qgmutils.computing import front, kernels  # noqa: E402, F401  kernels name their folder after the source

__version__ = "0.2.0"
__all__ = sorted(front.PLACES)
__getattr__ = front.find


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
