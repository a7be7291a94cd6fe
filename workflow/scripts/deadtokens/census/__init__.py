"""The exact structure of an embedding matrix: equal rows, neighbours on the lattice, components."""
