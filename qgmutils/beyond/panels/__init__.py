"""Panels of the figures of our own theory, by topic."""
