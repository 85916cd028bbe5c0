"""What is minimised: losses as data."""
