"""Texts and tokenizers from Hugging Face's Hub, by its own clients, at pinned revisions."""
