"""Loss landscapes of randomised variational quantum models: circuits, losses, theory and statistics."""

__version__ = "0.1.0"
