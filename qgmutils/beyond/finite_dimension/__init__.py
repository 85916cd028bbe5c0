"""Critical points of circuits whose generators are Haar-random reflections, at any dimension."""
