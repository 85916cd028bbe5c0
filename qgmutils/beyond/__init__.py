"""Our own theory, beyond the paper; it imports the ground floor and is imported by nothing there."""
