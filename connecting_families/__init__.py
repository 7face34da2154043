"""Connecting Families: Early Help casework, and accountable submissions to ONS."""
