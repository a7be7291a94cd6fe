"""Trajectory files: laid out beforehand, written row by row, read in chunks of time."""
