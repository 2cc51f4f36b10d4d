"""Hyper-parameter search: trials of other settings than a preset's, compared on validation data."""
