"""Benchmarks: every figure in docs/ comes from a script in here. `python -m bench` runs them
all.
"""
