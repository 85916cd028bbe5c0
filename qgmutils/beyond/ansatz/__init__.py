"""Circuits that are not randomised: hardware-efficient, brickwork, shared angles."""
