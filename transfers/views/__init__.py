"""Pages of submissions and certificates."""
