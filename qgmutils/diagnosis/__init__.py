"""Will a model train, and how many parameters does that take?  Answers with their intervals and reasons."""

from qgmutils.diagnosis.questions import compare, diagnose
from qgmutils.diagnosis.report import Diagnosis

__all__ = ["Diagnosis", "compare", "diagnose"]
