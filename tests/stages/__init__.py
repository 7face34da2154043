"""The stages against a real database: a state is reached through the acts that lead to it."""
