"""What freezes tokens."""
