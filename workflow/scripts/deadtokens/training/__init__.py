"""Models, batches, the optimizer and the one loop that trains every run."""
