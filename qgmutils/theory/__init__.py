"""Predictions for minima and Hessians, each from the levels of H alone."""
