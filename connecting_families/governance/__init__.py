"""Governance: the pages of information governance."""
