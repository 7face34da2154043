"""The shape of the program: what its documents, its imports and its settings promise."""
