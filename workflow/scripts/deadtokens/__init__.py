"""What happens to the embedding rows of tokens that a language model never sees: the library."""
