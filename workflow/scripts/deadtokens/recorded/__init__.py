"""What a recorded run means: its quantities by name, the rows of its tokens, its steps."""
