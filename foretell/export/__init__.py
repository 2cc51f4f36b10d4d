"""Models for other programs: written as ONNX, read back, and compared before they get their name.

`model_export.export_model` is the one function to call. `formats` lists what is beside the model
file.
"""
