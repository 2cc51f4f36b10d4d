"""Sums and exchanges of arrays among processes that form a ring: authenticated sockets and NumPy."""
