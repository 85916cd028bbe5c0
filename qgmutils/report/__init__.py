"""Verdicts and figures."""
