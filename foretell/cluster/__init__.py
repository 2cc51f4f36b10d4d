"""Files larger than memory, and training of a language model, on several processes or machines with
Ray.
"""
