"""Pages about accounts: one's own, colleagues', and the register of teams."""
