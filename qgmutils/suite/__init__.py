"""The driver behind `nox -s figures`."""
