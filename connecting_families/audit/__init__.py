"""Audit: who did what, to which record, when and why."""
