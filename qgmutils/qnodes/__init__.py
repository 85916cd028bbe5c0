"""The way from PennyLane: a QNode of any gates, with its arguments, as a model."""

from qgmutils.qnodes.model import QNodeModel, from_qnode

__all__ = ["QNodeModel", "from_qnode"]
