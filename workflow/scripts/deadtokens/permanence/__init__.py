"""Whether the end state is permanent."""
