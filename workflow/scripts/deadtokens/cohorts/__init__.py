"""Why tokens stop together."""
