"""Texts and tokenizers from Hugging Face's Hub, by its own clients, as a pinned revision has them."""
