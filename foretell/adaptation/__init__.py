"""Dynamic evaluation: a language model that learns from the text that it scores."""
