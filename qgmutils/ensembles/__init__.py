"""Experiments as tasks, and the tables behind the notebooks."""
