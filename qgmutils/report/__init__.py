"""What a notebook does besides its physics: its session, figures, tables, predicates and claims."""

from qgmutils.report.session import Session

__all__ = ["Session"]
