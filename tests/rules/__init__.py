"""The rules, tested on invented facts alone: no database, no clock."""
