"""What happens to the embedding rows of tokens that a language model never sees: the library."""

from deadtokens import openmp

# Here, for every module of ours that imports torch is within this package.
openmp.sleep_while_waiting()
