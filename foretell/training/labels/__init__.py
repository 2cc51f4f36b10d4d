"""Training a classifier: `train` is the way through it, from the examples to the model
directory.
"""
