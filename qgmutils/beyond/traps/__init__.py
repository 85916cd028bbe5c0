"""A circuit's own lowest minimum, and how training weights its minima."""
