"""A model, and ensembles of its circuits as tasks: train, enumerate, sample, and find the critical count."""
