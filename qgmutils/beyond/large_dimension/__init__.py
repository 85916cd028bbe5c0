"""The limit of large dimension at a fixed number of angles per level."""
