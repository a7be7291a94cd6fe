"""Whether the kick at a checkpoint is physics."""
