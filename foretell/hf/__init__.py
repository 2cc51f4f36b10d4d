"""The Hugging Face Hub below everything that uses it: addresses, the client, data sets."""
