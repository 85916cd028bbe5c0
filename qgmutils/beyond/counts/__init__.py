"""Critical counts: how many equations a zero of a loss poses, and the models on which that law is tested."""
