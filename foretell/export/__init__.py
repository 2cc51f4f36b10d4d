"""Models for elsewhere: written in another program's format, read back, and compared before they are shown.

`model_export.export_model` does it. What is the same for every format is in `directory` and `check`; a format
is one module that makes files of an opened model and one function that reads them back.
"""
