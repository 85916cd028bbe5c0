"""What `qgm figures`, `qgm list` and `qgm verify` run."""
