"""The rules of a transfer, in plain Python: what may leave, who may agree to it, and which stage follows which."""
