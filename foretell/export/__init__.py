"""Models for other programs: written in another format, read back, and compared before they get their name.

`model_export.export_model` is the one function to call. `formats` lists the formats: each has a function that
makes the model file and one that reads it back.
"""
