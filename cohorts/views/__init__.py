"""Pages of rounds and cohorts."""
