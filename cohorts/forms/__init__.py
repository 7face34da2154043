"""Forms of rounds and cohorts."""
