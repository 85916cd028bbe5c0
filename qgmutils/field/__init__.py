"""The Wishart hypertoroidal random field (WHRF): samples, spectra, numbers of critical points."""
