"""Through which phases dead tokens pass."""
