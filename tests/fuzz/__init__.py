"""Bytes that nobody meant, at every door by which bytes come in: make fuzz for minutes, test_found.py a little.

Wherever bytes enter there is a target (targets.py, loaded.py): what it may raise, and what must be true of what it
takes. What a long search found lies in found/, by the name of its target, and is tried again by every run of the tests.
"""
