"""What the Snakefile needs before any job: the checked configuration, the digests of the code."""
