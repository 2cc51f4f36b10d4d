"""Models on the Hugging Face Hub: `foretell push`, and addresses `hf://owner/name[@revision]`.

The package huggingface_hub (extra `hub`) is imported only when a model is pushed or an address is opened.
"""
