"""Sealing: what leaves, and that stock tools open it."""
