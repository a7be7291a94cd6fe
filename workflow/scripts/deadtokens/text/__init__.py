"""Text sources, tokenizers, token ids and the tokens that never occur."""
