"""The language model trained by several workers, each on some of the streams (data-parallel)."""
