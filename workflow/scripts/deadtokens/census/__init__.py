"""Which exact structure an embedding matrix has: equal rows, neighbours on the lattice, islands."""
