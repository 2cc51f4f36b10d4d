"""Word vectors from outside: files of GloVe, word2vec, fastText and NumPy, and one package."""

from foretell.data.word_vectors.reading import GLOVE, read_word_vectors, vector_files
from foretell.data.word_vectors.vectors import WordVectors

__all__ = ["GLOVE", "WordVectors", "read_word_vectors", "vector_files"]
