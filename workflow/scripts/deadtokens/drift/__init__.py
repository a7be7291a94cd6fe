"""Where tokens drift."""
