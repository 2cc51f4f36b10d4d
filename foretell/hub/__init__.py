"""The Hugging Face Hub: push, and models, encoders and data sets as `hf://owner/name`."""
