"""Annotation: texts without labels get their labels from a person, the most informative texts first."""
