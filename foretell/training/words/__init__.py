"""Training a language model: `train` is the way through it, from the corpus to the model
directory.
"""
