"""Text in: corpora for `words`, examples for `labels`, whatever file they come in."""
